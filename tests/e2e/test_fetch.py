# SPDX-License-Identifier: Apache-2.0
"""sluice-fetch against a server of this file's own, on a loopback port.

Standard library and pytest. SLUICE_BUILD names the folder with sluice-fetch (default: build).
"""
import base64
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build")).resolve()
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def any(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), body))
        path, _, query = self.path.partition("?")
        if path.startswith("http://"):  # we are the proxy
            self.answer(200, b"by proxy: " + path.encode())
        elif path == "/status":
            self.answer(int(query), b"status " + query.encode())
        elif path == "/echo":
            self.answer(200, body, [("Content-Type", "application/octet-stream"), ("X-Twice", "a"), ("X-Twice", "b")])
        elif path == "/redirect":
            status, _, where = query.partition(",")
            self.answer(int(status), b"moved", [("Location", where)])
        elif path == "/loop":
            self.answer(302, b"", [("Location", "/loop")])
        elif path == "/slow":
            time.sleep(float(query))
            self.answer(200, b"late")
        elif path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            for _ in range(600):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        elif path == "/large":
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            for _ in range(int(query)):
                self.wfile.write(b"y" * 65536)
        elif path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Trailer", "X-After")
            self.end_headers()
            self.wfile.write(b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-After: 1\r\n\r\n")
        elif path == "/headers":
            self.answer(200, b"", [(f"X-{i}", "v" * int(query.split(",")[1])) for i in range(int(query.split(",")[0]))])
        elif path == "/gone":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif path == "/half":
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            self.answer(404, b"not here")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = any

    def handle(self):
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            pass


class Server:
    def __init__(self, context=None):
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.httpd.block_on_close = False
        self.httpd.seen = self.seen = []
        if context is not None:
            self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True)
        self.port = self.httpd.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def other():
    one = Server()
    yield one
    one.close()


def run(text, env=None, args=()):
    clean = {k: v for k, v in os.environ.items() if k.lower() not in PROXIES and not k.startswith("SSL_CERT")}
    done = subprocess.run([BUILD / "sluice-fetch", *args], input=text, capture_output=True, timeout=60, check=False,
                          env={**clean, **(env or {})})
    assert done.stderr == b""
    line, _, body = done.stdout.partition(b"\n")
    head = json.loads(line)
    assert done.returncode == (1 if "error" in head else 0)
    assert head.get("size", 0) == len(body)
    return head, body


def fetch(url, env=None, **members):
    return run(json.dumps({"url": url, **members}).encode(), env)


def error(url, env=None, **members):
    head, body = fetch(url, env, **members)
    assert "status" not in head and body == b""
    assert "\n" not in head["error"]
    return head["error"]


@pytest.mark.parametrize("status", [200, 201, 404, 418, 500, 503, 304, 300])
def test_every_status_is_an_answer(server, status):
    head, body = fetch(f"{server.url}/status?{status}")
    assert head["status"] == status
    assert head["url"] == f"{server.url}/status?{status}"
    assert body == (b"" if status == 304 else f"status {status}".encode())


def test_a_body_and_headers_go_out_and_come_back(server):
    lines = ["X-One: 1", "content-type: text/plain", "X-Empty:"]
    head, body = fetch(f"{server.url}/echo", body="héllo\n", headers=lines)
    method, _, headers, sent = server.seen[0]
    assert (method, sent, body) == ("POST", "héllo\n".encode(), "héllo\n".encode())
    headers = {k.lower(): v for k, v in headers.items()}
    assert headers["x-one"] == "1" and headers["content-type"] == "text/plain" and headers["x-empty"] == ""
    assert headers["user-agent"] == "sluice" and "expect" not in headers
    assert head["headers"]["x-twice"] == "a, b"


def test_bytes_survive_both_ways(server):
    everything = bytes(range(256)) * 300
    _, body = fetch(f"{server.url}/echo", method="PUT", body_base64=base64.b64encode(everything).decode(),
                    headers={"X-Map": "yes"})
    assert body == everything
    assert server.seen[0][0] == "PUT" and server.seen[0][2]["X-Map"] == "yes"
    assert "Content-Type" not in server.seen[0][2]


def test_methods_without_a_body(server):
    for method in ("POST", "PUT", "PATCH"):
        fetch(f"{server.url}/echo", method=method)
        assert server.seen[-1][0] == method and server.seen[-1][2]["Content-Length"] == "0"
    fetch(f"{server.url}/echo", method="DELETE")
    assert server.seen[-1][0] == "DELETE" and "Content-Length" not in server.seen[-1][2]
    head, body = fetch(f"{server.url}/status?200", method="HEAD")
    assert (head["status"], body, head["headers"]["content-length"]) == (200, b"", "10")


def test_chunks_are_joined_and_trailers_are_no_headers(server):
    head, body = fetch(f"{server.url}/chunked")
    assert body == b"hello world" and "x-after" not in head["headers"]


def test_credentials_of_the_url_are_sent_and_never_shown(server):
    head, _ = fetch(f"http://ada:s%40crets@127.0.0.1:{server.port}/echo")
    assert server.seen[0][2]["Authorization"] == "Basic " + base64.b64encode(b"ada:s@crets").decode()
    assert head["url"] == f"{server.url}/echo"
    said = error("http://ada:hushhush@127.0.0.1:9/?token=hushhush")
    assert said == "could not connect to 127.0.0.1:9: connection refused"


# ---- redirects --------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_for_get_and_left_alone_for_post(server):
    head, body = fetch(f"{server.url}/redirect?302,/status?200")
    assert (head["status"], body, head["url"]) == (200, b"status 200", f"{server.url}/status?200")
    head, body = fetch(f"{server.url}/redirect?302,/status?200", follow=0)
    assert (head["status"], body, head["headers"]["location"]) == (302, b"moved", "/status?200")
    head, _ = fetch(f"{server.url}/redirect?302,/echo", body="x")
    assert head["status"] == 302


def test_a_followed_post_becomes_a_get_or_is_repeated(server):
    fetch(f"{server.url}/redirect?303,/echo", body="x", follow=1, headers=["Content-Type: text/plain"])
    assert server.seen[-1][0] == "GET" and server.seen[-1][3] == b"" and "Content-Type" not in server.seen[-1][2]
    _, body = fetch(f"{server.url}/redirect?307,/echo", body="x", follow=1)
    assert server.seen[-1][0] == "POST" and body == b"x"
    fetch(f"{server.url}/redirect?301,/status?200", method="HEAD")
    assert server.seen[-1][0] == "HEAD"


def test_a_loop_of_redirects_ends(server):
    said = error(f"{server.url}/loop", follow=3)
    assert said == f"127.0.0.1:{server.port} redirects again after 3 redirects: expected an answer"
    assert len(server.seen) == 4


def test_what_was_meant_for_one_origin_does_not_reach_another(server, other):
    url = f"http://ada:pw@127.0.0.1:{server.port}/redirect?302,http://eve:pw2@127.0.0.1:{other.port}/echo"
    fetch(url, headers=["Cookie: c", "X-Api-Key: k", "Accept: text/plain", "Host: named.example"])
    assert server.seen[0][2]["Host"] == "named.example"
    headers = {k.lower(): v for k, v in other.seen[0][2].items()}
    assert sorted(headers) == ["accept", "host", "user-agent"]
    assert headers["accept"] == "text/plain" and headers["host"] == f"127.0.0.1:{other.port}"
    fetch(f"http://ada:pw@127.0.0.1:{server.port}/redirect?302,/echo", headers=["X-Api-Key: k"])
    assert "Authorization" in server.seen[-1][2] and "X-Api-Key" in server.seen[-1][2]


@pytest.mark.parametrize("where, said", [
    ("http://169.254.169.254/latest/meta-data", "169.254.169.254:80 is refused: the address is link-local"),
    ("http://0xA9FEA9FE/", "169.254.169.254:80 is refused"),
    ("http://[::ffff:169.254.169.254]/", "is refused: the address is link-local"),
    ("//169.254.169.254/x", "169.254.169.254:80 is refused"),
    ("file:///etc/passwd", "expected http or https, found 'file'"),
    ("gopher://127.0.0.1/", "expected http or https, found 'gopher'"),
    ("http://", "expected http://HOST/PATH"),
])
def test_a_redirect_is_judged_like_the_first_request(server, where, said):
    text = error(f"{server.url}/redirect?302,{where}")
    assert text.startswith(f"redirected by 127.0.0.1:{server.port}: ") and said in text


# ---- addresses --------------------------------------------------------------------------------------------------


def test_only_public_addresses_may_be_reached_if_the_policy_says_so(server):
    named = f"http://localhost:{server.port}/status?200"
    assert fetch(named)[0]["status"] == 200
    text = error(named, policy={"reach": "public"})
    assert text.startswith(f"localhost:{server.port} is refused: its address ") and text.endswith(" is loopback")
    assert "is refused: the address is loopback" in error(f"{server.url}/", policy={"reach": "public"})
    assert fetch(named, policy={"reach": "public", "allow": ["127.0.0.0/8"]})[0]["status"] == 200
    assert len(server.seen) == 2


def test_https_only_means_it(server):
    said = error(f"{server.url}/status?200", policy={"https": True})
    assert said == f"http to 127.0.0.1:{server.port} is refused: the policy wants https"
    assert server.seen == []


def test_proxies_are_used_as_the_policy_says(server):
    env = {"http_proxy": server.url}
    _, body = fetch("http://example.invalid/x", env)
    assert body == b"by proxy: http://example.invalid/x"
    assert "could not find the address" in error("http://example.invalid/x", env, policy={"proxy": "none"})
    assert "could not find the address" in error("http://example.invalid/x", env, policy={"reach": "public"})
    assert "is refused" in error("http://169.254.169.254/x", env)
    assert "is loopback" in error("http://example.invalid/x", env, policy={"reach": "public", "proxy": "environment"})
    assert fetch(f"{server.url}/status?200", {**env, "no_proxy": "127.0.0.1"})[0]["status"] == 200


# ---- bounds -----------------------------------------------------------------------------------------------------


def test_a_slow_server_is_left(server):
    start = time.monotonic()
    place = f"127.0.0.1:{server.port}"
    assert error(f"{server.url}/slow?60", timeout_ms=300) == f"{place} did not answer within 300 ms"
    assert error(f"{server.url}/drip", timeout_ms=500) == f"{place} did not answer within 500 ms"
    assert time.monotonic() - start < 50


def test_the_time_is_for_all_redirects_together(server):
    start = time.monotonic()
    assert "did not answer within" in error(f"{server.url}/redirect?302,/slow?60", timeout_ms=400)
    assert time.monotonic() - start < 50


def test_a_huge_body_is_cut_and_said(server):
    head, body = fetch(f"{server.url}/large?1000", max_bytes=100000)
    assert head["status"] == 200 and body == b"y" * 100000
    assert head["error"] == f"the answer of 127.0.0.1:{server.port} is longer than 100000 bytes"
    head, body = fetch(f"{server.url}/status?200", max_bytes=10)
    assert body == b"status 200" and "error" not in head
    head, _ = fetch(f"{server.url}/large?64", max_bytes=64 * 65536)
    assert head["size"] == 64 * 65536 and "error" not in head


def test_headers_are_bounded(server):
    assert fetch(f"{server.url}/headers?80,500")[0]["status"] == 200
    said = f"127.0.0.1:{server.port} sent more than 256 headers or 64 KiB of them"
    assert error(f"{server.url}/headers?300,1") == said
    assert error(f"{server.url}/headers?40,2000") == said


def test_an_answer_that_breaks_off_is_no_answer(server):
    place = f"127.0.0.1:{server.port}"
    assert error(f"{server.url}/gone") == f"{place} closed the connection without an answer"
    assert error(f"{server.url}/half") == f"{place} closed the connection in the middle of its answer"


@pytest.mark.parametrize("path", ["/half", "/drip"])
def test_a_status_is_enough_for_who_wants_nothing_else(server, path):
    head, _ = fetch(server.url + path, only_status=True, timeout_ms=2000)
    assert head["status"] == 200 and "error" not in head
    assert "without an answer" in error(f"{server.url}/gone", only_status=True)
    assert "did not answer" in error(f"{server.url}/slow?5", only_status=True, timeout_ms=300)


# ---- requests that are wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, said", [
    (b"", "no request: expected one JSON map on standard input"),
    (b" \n", "no request: expected one JSON map on standard input"),
    (b"{", "the request is not readable"),
    (b"\xff\xfe", "the request is not readable"),
    (b"[]", "the request: expected a map, found a list"),
    (b"{}", "the request has no 'url'"),
    (b'{"url": 1}', "url: expected text, found an integer"),
    (b'{"url": "http://a b/"}', "url: it holds a blank"),
    (b'{"url": "http://a/\\r\\nX: y"}', "url: it holds a blank or a control character"),
    (b'{"url": "localhost/x"}', "url: expected http://HOST/PATH"),
    (b'{"url": "file:///etc/passwd"}', "url: expected http or https, found 'file'"),
    (b'{"url": "http://a/", "header": []}', "no member 'header': did you mean headers"),
    (b'{"url": "http://a/", "headers": ["A: b\\r\\nC: d"]}', "header 'A': its value holds a line feed"),
    (b'{"url": "http://a/", "headers": ["A b: c"]}', "'A b' is no name of a header"),
    (b'{"url": "http://a/", "headers": {"Content-Length": "3"}}', "header 'Content-Length' cannot be given"),
    (b'{"url": "http://a/", "method": "get"}', "method: expected GET, POST or another in upper case, found 'get'"),
    (b'{"url": "http://a/", "method": "CONNECT"}', "method: expected"),
    (b'{"url": "http://a/", "timeout_ms": 0}', "timeout_ms: expected an integer from 1 to 86400000"),
    (b'{"url": "http://a/", "body": "x", "body_base64": "eA=="}', "both given"),
    (b'{"url": "http://a/", "body_base64": "eA="}', "body_base64: it is no base64"),
    (b'{"url": "http://a/", "policy": {"reach": "moon"}}', "policy.reach: expected"),
])
def test_a_wrong_request_is_refused_in_words(text, said):
    head, _ = run(text)
    assert said in head["error"]


def test_an_argument_is_refused():
    assert "expected no arguments" in run(b"", args=["http://127.0.0.1/"])[0]["error"]


# ---- certificates -----------------------------------------------------------------------------------------------


@pytest.fixture
def private_ca(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make a certificate with")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key", "-out", tmp_path / "cert"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    one = Server(context)
    yield one, tmp_path / "cert"
    one.close()


def test_certificates_are_checked(private_ca, server):
    secure, cert = private_ca
    said = error(f"{secure.url}/status?200")
    assert said.startswith(f"the certificate of 127.0.0.1:{secure.port} is not accepted: ")
    env = {"SSL_CERT_FILE": str(cert)}
    assert fetch(f"{secure.url}/status?200", env)[1] == b"status 200"
    assert "certificate" in error(f"https://localhost:{secure.port}/", env)
    said = error(f"{secure.url}/redirect?302,{server.url}/status?200", env)
    assert f"a redirect from https to http (127.0.0.1:{server.port}) is refused" in said and server.seen == []
