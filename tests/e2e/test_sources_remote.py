# SPDX-License-Identifier: Apache-2.0
"""Sources over https with an authority of one's own and over ssh with a known host; what nobody may see."""
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from accounts import with_input
from programs import BUILD, wait_until
from repositories import Follower, Repository, git, pipeline
from test_git import GitServer, me, ssh_server  # noqa: F401 (a fixture)

TOKEN = "correct-horse-battery"


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def first_of(repository, sluice):
    return repository.put("sluice.yaml", pipeline(sluice)).put("data.txt", "one\n").push("first")


@pytest.fixture
def https(repository, tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    server = GitServer(folder, repository.bare.parent)
    yield server
    server.close()


def problem_of(home, name):
    return wait_until(lambda: (now := home.sources().get(name)) and now["problem"])


def test_https_believes_the_authority_that_is_named_and_says_who_it_is(sluice, repository, https):
    first = first_of(repository, sluice)
    stranger = {"name": "stranger", "url": f"{https.url}/wine.git", "path": "none"}
    unasked = {"name": "unasked", "url": f"{https.url}/private/wine.git", "credentials": {"ca": str(https.ca)}}
    wrong = {"name": "wrong", "url": f"{https.url}/private/wine.git",
             "credentials": {"ca": str(https.ca), "password": "${{ secrets.WRONG }}"}}
    right = {"name": "right", "url": f"{https.url}/private/wine.git", "every": "1s",
             "credentials": {"ca": str(https.ca), "password": "${{ secrets.TOKEN }}"}}
    home = Follower(sluice, stranger, unasked, wrong, right,
                    secrets={"TOKEN": TOKEN, "WRONG": "somebody-else-entirely"})
    home.until_in_force(first, "right")
    assert "the certificate of '127.0.0.1' is not valid" in problem_of(home, "stranger")
    assert "the server asks for credentials: expected 'password'" in problem_of(home, "unasked")
    assert "the server refused the credentials of 'git'" in problem_of(home, "wrong")
    second = repository.put("data.txt", "two\n").push()
    home.until_in_force(second, "right")
    assert not leaks(sluice, home, TOKEN)


def leaks(sluice, home, secret):
    """Where a secret stands in clear: files of the home, what the server said."""
    home.server.process.send_signal(signal.SIGTERM)
    out, err = home.server.process.communicate(timeout=60)
    found = ["output"] if secret in out + err else []
    for path in sluice.home.rglob("*"):
        if path.is_file() and secret.encode() in path.read_bytes():
            found.append(str(path))
    return found


def test_a_secret_is_only_for_whom_it_is_and_may_be_told_by_a_command(sluice, repository, https):
    first = first_of(repository, sluice)
    sources = [{"name": name, "url": f"{https.url}/private/wine.git", "path": path, "every": "1s",
                "credentials": {"ca": str(https.ca), "password": "${{ secrets.TOKEN }}"}}
               for name, path in (("wine", "sluice.yaml"), ("other", "none"))]
    sluice.write("token", TOKEN + "\n")
    home = Follower(sluice, *sources,
                    more=f"secrets: {{TOKEN: {{exec: [cat, {sluice.folder}/token], ttl: 1h, for: [sources/wine]}}}}\n")
    home.until_in_force(first, "wine")
    assert "'password'" in problem_of(home, "other") and "TOKEN" in problem_of(home, "other")


def test_a_redirect_to_another_host_is_not_followed(sluice, repository, https):
    first_of(repository, sluice)
    import http.server  # noqa: PLC0415
    import ssl  # noqa: PLC0415
    seen, elsewhere = [], https.url.replace("127.0.0.1", "localhost")

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            self.send_response(302)
            self.send_header("Location", f"{elsewhere}/wine.git/info/refs?service=git-upload-pack")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(https.ca.parent / "server.pem", https.ca.parent / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = Follower(sluice, {"name": "wine", "url": f"https://127.0.0.1:{server.server_port}/wine.git",
                             "credentials": {"ca": str(https.ca)}})
    assert "cannot redirect from '127.0.0.1' to 'localhost'" in problem_of(home, "wine")
    assert seen and https.seen == []
    server.shutdown()


def test_ssh_knows_the_right_host_key_from_a_wrong_one(sluice, repository, ssh_server):  # noqa: F811
    first = first_of(repository, sluice)
    sluice.env["HOME"] = str(sluice.folder)
    url = f"ssh://{me()}@127.0.0.1:{ssh_server.port}{repository.bare}"
    for name in ("host", "other"):
        sluice.write(f"known-{name}", ssh_server.known(name))
    sluice.write("known-elsewhere", "[example.org]:22 ssh-ed25519 AAAA\n")
    key = {"ssh_key": "${{ secrets.KEY }}"}

    def source(name, **credentials):
        return {"name": name, "url": url, "path": "sluice.yaml" if name == "right" else "none", "every": "1s",
                "credentials": credentials}

    home = Follower(sluice, source("right", known_hosts=str(sluice.folder / "known-host"), **key),
                    source("wrong", known_hosts=str(sluice.folder / "known-other"), **key),
                    source("elsewhere", known_hosts=str(sluice.folder / "known-elsewhere"), **key),
                    source("unknown", **key),
                    source("keyless", known_hosts=str(sluice.folder / "known-host")),
                    source("file", known_hosts=str(sluice.folder / "known-host"),
                           ssh_key_file=str(ssh_server.folder / "user")),
                    source("refused", known_hosts=str(sluice.folder / "known-host"),
                           ssh_key_file=str(ssh_server.folder / "other")),
                    secrets={"KEY": (ssh_server.folder / "user").read_text()})
    home.until_in_force(first, "right")
    assert "is another than 'known_hosts' says: somebody may be in between" in problem_of(home, "wrong")
    assert "is not in 'known_hosts': expected a line of ssh-keyscan" in problem_of(home, "elsewhere")
    assert "is not in ~/.ssh/known_hosts" in problem_of(home, "unknown")
    assert "the server asks for an SSH key" in problem_of(home, "keyless")
    assert "the server refused the credentials" in problem_of(home, "refused")
    assert "the commit has no pipeline: expected none" in problem_of(home, "file")
    second = repository.put("data.txt", "two\n").push()
    home.until_in_force(second, "right")


def ask_program(folder, **request):
    # What libgit2 matches with regular expressions keeps a little for ever, by the library that does it.
    suppressed = pathlib.Path(folder).parent / "leaks"
    suppressed.write_text("leak:libpcre2\n")
    done = subprocess.run([BUILD / "sluice-git"], input=json.dumps({"folder": folder, **request}), capture_output=True,
                          text=True, check=False, timeout=60,
                          env={**os.environ, "LSAN_OPTIONS": f"suppressions={suppressed}:print_suppressions=0"})
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_server_that_says_nothing_is_given_up_in_words(tmp_path):
    import socket  # noqa: PLC0415
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        code, answer = ask_program(folder=str(tmp_path / "f"), timeout_ms=1500,
                                   fetch={"url": f"https://127.0.0.1:{silent.getsockname()[1]}/x.git"})
        assert code == 1 and answer["error"].startswith("it took longer than 2 s")
        assert time.monotonic() - begun < 50


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_more_than_may_come_is_refused_in_words(tmp_path, repository, scheme):
    (repository.work / "blob").write_bytes(os.urandom(3 << 20))
    repository.push()
    fetch = {"url": f"{scheme}{repository.bare}", "max_bytes": 1000}
    code, answer = ask_program(folder=str(tmp_path / "f"), fetch=fetch)
    assert code == 1 and "a fetch brings more than 0 MiB" in answer["error"]


@pytest.mark.parametrize("text, words", [
    ("", "the request"), ("[]", "'folder'"), ('{"folder": "x"}', "'folder': expected an absolute path"),
    ('{"folder": "/tmp/x", "keep": ["no"]}', "'keep'"), ('{"folder": "/tmp/x", "pins": [{}]}', "'pins'"),
    ('{"folder": "/tmp/x", "fetch": {}}', "'url'"), ('{"folder": "/tmp/x", "fetch": {"url": "a\\u0000b"}}', "NUL"),
    ("\\0" * 100, "the request"), ('{"folder": "/tmp/x", "timeout_ms": -1}', "'timeout_ms'")])
def test_what_is_no_request_is_refused_in_words(text, words):
    done = subprocess.run([BUILD / "sluice-git"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and words in json.loads(done.stdout)["error"]


def test_a_secret_that_is_not_there_is_a_failure_in_words(sluice, repository):
    first_of(repository, sluice)
    home = Follower(sluice, {"name": "wine", "url": "https://127.0.0.1:1/x.git",
                             "credentials": {"password": "${{ secrets.NONE }}"}})
    assert "NONE" in problem_of(home, "wine")
    assert git(repository.work, "status", "--short") == ""
    with_input(sluice, "long-enough-by-far", "secrets", "set", "NONE", "-")
    home.sync(expect=1)
    wait_until(lambda: "it cannot be reached" in home.sources()["wine"]["problem"])
