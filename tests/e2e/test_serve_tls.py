# SPDX-License-Identifier: Apache-2.0
"""`sluice serve` over TLS: who may bind where, what is spoken, what is refused, and what browsers are told."""
import contextlib
import os
import socket
import ssl
import threading
import time

from accounts import ALICE, add_user, basic
from certificates import Authority
from programs import wait_until
from serving import Server

import pytest


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def options(authority):
    return authority.sign("server")


@pytest.fixture
def server(sluice, authority, options):
    server = Server(sluice, *options, context=authority.context())
    yield server
    assert server.is_alive()
    assert "Sanitizer" not in server.stop()


def test_clients_that_believe_the_authority_are_answered_and_files_are_whole(server):
    assert server.url.startswith("https://")
    run = server.run()
    data = os.urandom(5 << 20)
    path = f"0/{run['run_id']}/artifacts/a.bin"
    assert server.put(path, data)[0] == 200
    assert server.get(path)[2] == data
    assert server.get(path, headers={"Range": "bytes=1048576-"})[2] == data[1 << 20:]


def test_a_client_that_does_not_believe_it_says_nothing(server):
    with pytest.raises(ssl.SSLCertVerificationError):
        with ssl.create_default_context().wrap_socket(server.connect(), server_hostname="localhost"):
            pass


@pytest.mark.parametrize("version, good", [("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_only_versions_that_are_not_broken_are_spoken(server, authority, version, good):
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with server.connect() as line:
        try:
            with context.wrap_socket(line, server_hostname="localhost") as secured:
                assert good and secured.version() == version.replace("_", ".")
        except (ssl.SSLError, ConnectionError):
            assert not good


def test_what_is_no_tls_and_clients_that_never_finish_harm_nobody(server):
    lines = [server.connect() for _ in range(50)]
    for number, line in enumerate(lines):
        line.sendall([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00",
                      b"\x16\x03\x01\xff\xff" * 99, os.urandom(4096), b""][number % 5])
    begun = time.monotonic()
    assert server.is_alive() and time.monotonic() - begun < 5
    for line in lines:
        line.close()


def test_clients_that_go_right_behind_what_they_sent_hold_nothing(server, authority):
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    before = descriptors()
    for number in range(30):
        line = authority.context().wrap_socket(server.connect(), server_hostname="localhost")
        line.sendall(b"PUT /api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/f HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Length: 9999\r\n\r\nxx")
        if number % 2:  # says good bye
            line.settimeout(0.1)
            with contextlib.suppress(OSError):
                line.unwrap()
        line.close()
    assert wait_until(lambda: descriptors() <= before)
    assert not list((server.sluice.home / "incoming").iterdir())


def test_requests_that_come_in_one_record_are_all_answered(server, authority):
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with authority.context().wrap_socket(server.connect(), server_hostname="localhost") as line:
        line.sendall(one * 9 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answers = b""
        while data := line.recv(65536):
            answers += data
    assert answers.count(b"HTTP/1.1 200") == 10


def test_passwords_are_verified_over_tls_too(sluice, authority, options):
    add_user(sluice, "alice", ALICE, "--admin")
    server = Server(sluice, *options, context=authority.context())
    question = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    codes = []

    def ask():
        codes.append(server.ask("GET", question, None, basic("alice", ALICE))[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 8
    assert server.ask("GET", question)[0] == 401
    assert server.put("0/x/artifacts/a.bin", os.urandom(3 << 20), headers=basic("alice", ALICE))[0] == 200


# ---- where it may listen ----

def test_another_address_is_served_with_users_and_tls(sluice, options):
    refused = sluice("serve", "--port", "0", "--host", "0.0.0.0", *options, expect=2)
    assert "no users" in refused.err
    add_user(sluice, "alice", ALICE, "--admin")
    refused = sluice("serve", "--port", "0", "--host", "0.0.0.0", expect=2)
    assert "--tls-cert" in refused.err
    # Where the heap happens to give the library's thread-local block the 16th byte of a page, LeakSanitizer takes it
    # for one of an old C library's, reads a size that is none, and crashes: it is not to look at such blocks here.
    env = {"ASAN_OPTIONS": sluice.env["ASAN_OPTIONS"] + ":intercept_tls_get_addr=0"}
    process = sluice.start("serve", "--port", "0", "--host", "0.0.0.0", *options, env=env)
    assert " at https://0.0.0.0:" in process.stdout.readline()
    process.terminate()
    assert process.wait(60) == 0


# ---- files that are none ----

def test_files_that_are_no_certificate_or_key_are_refused_in_words(sluice, authority, options):
    _, certificate, _, key = options
    _, other_certificate, _, other_key = authority.sign("other")
    nothing, cut = authority.folder / "nothing.pem", authority.folder / "cut.pem"
    nothing.write_bytes(os.urandom(999))
    os.chmod(certificate, 0o600)
    sluice.env["ASAN_OPTIONS"] += ":detect_leaks=0"  # the library does not free what it has read of such files
    cut.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    for chosen, words in ((("--tls-cert", certificate), "expected both"), (("--tls-key", key), "expected both"),
                          (("--tls-cert", "/nowhere.pem", "--tls-key", key), "--tls-cert"),
                          (("--tls-cert", certificate, "--tls-key", "/nowhere.pem"), "--tls-key"),
                          (("--tls-cert", str(nothing), "--tls-key", key), "expected a file in PEM"),
                          (("--tls-cert", str(authority.folder), "--tls-key", key), "--tls-cert"),
                          (("--tls-cert", str(cut), "--tls-key", key), "could not be started"),
                          (("--tls-cert", key, "--tls-key", certificate), "could not be started"),
                          (("--tls-cert", other_certificate, "--tls-key", key), "could not be started")):
        done = sluice("serve", "--port", "0", *chosen)
        assert done.code in (1, 2) and words in done.err and len(done.err.splitlines()) == 1, (chosen, done)
    os.chmod(other_key, 0o644)
    done = sluice("serve", "--port", "0", "--tls-cert", other_certificate, "--tls-key", other_key, expect=2)
    assert "others may read it (mode 0644)" in done.err


# ---- what browsers are told ----

@pytest.mark.parametrize("path", ["/health", "/", "/nowhere", "/api/2.0/mlflow/experiments/get?experiment_id=0",
                                  "/api/2.0/mlflow/experiments/get?experiment_id=99", "/get-artifact?run_id=x"])
def test_every_answer_has_the_headers_that_browsers_need(sluice, path):
    server = Server(sluice)
    _, headers, _ = server.ask("GET", path)
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "same-origin" and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert "Access-Control-Allow-Origin" not in headers and "Server" not in headers
    add_user(sluice, "alice", ALICE, "--admin")
    status, headers, _ = server.ask("GET", path)
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Content-Security-Policy"]
    assert status == (200 if path == "/health" else 401)
