# SPDX-License-Identifier: Apache-2.0
"""`sluice serve --mlflow-ui`: the files of a page, and what is no business of whoever asks for them."""
import gzip
import http.client
import os

import pytest
from serving import Server

INDEX = b"<!doctype html><title>page</title>"
SCRIPT = b"console.log('page')\n" * 100


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "build"
    (folder / "static" / "js").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "manifest.json").write_text("{}")
    (folder / "static" / "js" / "main.c2f5f8d4.js").write_bytes(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def server(sluice, folder):
    return Server(sluice, "--mlflow-ui", str(folder))


def raw(server, path, **headers):
    """The path as it stands: urllib would tidy it."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    line.request(headers.pop("method", "GET"), path, headers=headers)
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer.status, answer.headers, body


def test_the_page_and_its_files(server):
    status, headers, body = server.ask("GET", "/")
    assert (status, body, headers["Content-Type"]) == (200, INDEX, "text/html; charset=utf-8")
    assert headers["Cache-Control"] == "no-cache" and headers["X-Frame-Options"] == "SAMEORIGIN"
    status, headers, body = server.ask("GET", "/static-files/static/js/main.c2f5f8d4.js")
    assert (status, body, headers["Content-Type"]) == (200, SCRIPT, "text/javascript; charset=utf-8")
    assert "immutable" in headers["Cache-Control"]
    assert server.ask("GET", "/static-files/manifest.json")[1]["Cache-Control"] == "no-cache"
    assert "connect-src 'self'" in headers["Content-Security-Policy"]


def test_a_head_has_no_body(server):
    status, headers, body = raw(server, "/", method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(INDEX)))


def test_what_a_browser_has_is_not_sent_again(server, folder):
    path = "/static-files/static/js/main.c2f5f8d4.js"
    tag = server.ask("GET", path)[1]["ETag"]
    for known in (tag, "W/" + tag, f'"other", {tag}', "*"):
        status, headers, body = server.ask("GET", path, headers={"If-None-Match": known})
        assert (status, body, headers["ETag"]) == (304, b"", tag)
    assert server.ask("GET", path, headers={"If-None-Match": '"other"'})[0] == 200
    (folder / "static" / "js" / "main.c2f5f8d4.js").write_bytes(b"new")
    assert server.ask("GET", path, headers={"If-None-Match": tag})[2] == b"new"


def test_a_packed_file_beside_is_sent_to_who_takes_it(server, folder):
    packed = folder / "static" / "js" / "main.c2f5f8d4.js.gz"
    path = "/static-files/static/js/main.c2f5f8d4.js"
    assert "Content-Encoding" not in server.ask("GET", path, headers={"Accept-Encoding": "gzip"})[1]
    packed.write_bytes(gzip.compress(SCRIPT))
    for taken in ("gzip", "br, gzip;q=0.5", "gzip;q=1.0"):
        _, headers, body = server.ask("GET", path, headers={"Accept-Encoding": taken})
        assert headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == SCRIPT
        assert headers["Content-Type"].startswith("text/javascript") and headers["Vary"] == "Accept-Encoding"
    for taken in ("br", "gzip;q=0", "gzip; q=0.000", ""):
        _, headers, body = server.ask("GET", path, headers={"Accept-Encoding": taken})
        assert "Content-Encoding" not in headers and body == SCRIPT and headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", [
    "/static-files/", "/static-files/static", "/static-files/static/", "/static-files/static/js/",
    "/static-files/none.js",
    "/static-files/../secret.txt", "/static-files/%2e%2e/secret.txt", "/static-files/..%2fsecret.txt",
    "/static-files/%252e%252e/secret.txt", "/static-files/static/../../secret.txt", "/static-files//etc/passwd",
    "/static-files/%2fetc/passwd", "/static-files/..%5csecret.txt", "/static-files/index.html%00.js",
    "/static-files/link.txt", "/static-files/outside/secret.txt", "/static-files/pipe", "/static-files/" + "a" * 5000,
    "/index.html", "/secret.txt",
])
def test_nothing_else_is_sent(server, folder, path):
    os.symlink(folder.parent / "secret.txt", folder / "link.txt")
    os.symlink(folder.parent, folder / "outside")
    os.mkfifo(folder / "pipe")
    status, _, body = raw(server, path)
    assert status == 404 and b"secret" not in body and b"main" not in body


def test_it_is_only_read(server):
    status, headers, _ = server.ask("POST", "/", {})
    assert (status, headers["Allow"]) == (405, "GET")
    assert raw(server, "/", Host="evil.example.com")[0] == 403


def test_without_it_the_address_and_the_way_are_told(sluice):
    server = Server(sluice)
    status, headers, body = server.ask("GET", "/")
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    assert f"MLFLOW_TRACKING_URI={server.url}\n" in body.decode() and b"--mlflow-ui" in body
    assert server.ask("GET", "/static-files/index.html")[0] == 404


def test_a_folder_without_a_page_is_refused_at_once(sluice, tmp_path):
    said = sluice("serve", "--port", "0", "--mlflow-ui", str(tmp_path))
    assert said.code == 2 and "there is no 'index.html' in" in said.err
    assert "mlflow/server/js/build" in said.err and "pip download" in said.err
    (tmp_path / "server" / "js" / "build").mkdir(parents=True)
    (tmp_path / "server" / "js" / "build" / "index.html").write_bytes(INDEX)
    said = sluice("serve", "--port", "0", "--mlflow-ui", str(tmp_path))
    assert f"did you mean '{tmp_path}/server/js/build'?" in said.err
    said = sluice("serve", "--port", "0", "--mlflow-ui", str(tmp_path / "none"))
    assert "--mlflow-ui: opening the folder" in said.err
