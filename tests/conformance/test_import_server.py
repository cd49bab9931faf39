# SPDX-License-Identifier: Apache-2.0
"""`sluice import http://...`: of a server that the real mlflow runs, over REST."""
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from moving import differences, sluice, store_script
from servers import SERVERS

LARGEST = {"inf": "1.7976931348623157e+308", "-inf": "-1.7976931348623157e+308", "-0.0": "0.0"}


def as_kept(value):
    """What a home keeps of a number."""
    if isinstance(value, dict):
        return {key: as_kept(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_kept(item) for item in value)
    return LARGEST.get(value, value)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A server with every kind of record, and what the client says of it."""
    folder = tmp_path_factory.mktemp("server")
    server = SERVERS["mlflow"](folder).start()
    store_script(3, "fill", server.url, folder / "cwd")
    yield server, as_kept(store_script(3, "say", server.url, folder / "cwd"))
    server.stop()


def test_the_client_says_the_same_of_what_was_imported_over_rest(filled, tmp_path):
    server, said = filled
    home = tmp_path / "home"
    report = json.loads(sluice("import", server.url + "/", "--json", home=home))
    assert report["verified"] and report["problem_count"] == 0 and report["source"] == server.url
    assert report["points"] > 10000 and report["records"]["runs"]["imported"] == 31
    again = json.loads(sluice("import", server.url, "--json", home=home))
    assert again["records"]["runs"]["before"] == 31 and again["files"]["imported"] == 0
    here = SERVERS["sluice"](tmp_path).start()
    try:
        found = differences(said, as_kept(store_script(3, "say", here.url, tmp_path / "cwd")))
    finally:
        here.stop()
    assert not found, "\n".join(map(str, found))


def test_a_dry_run_over_rest_counts_and_writes_nothing(filled, tmp_path):
    report = json.loads(sluice("import", filled[0].url, "--dry-run", "--json", home=tmp_path / "home"))
    assert report["records"]["runs"]["imported"] == 31 and not (tmp_path / "home").exists()


class Guarded(BaseHTTPRequestHandler):
    """Lets in who says a token, and has one experiment."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        good = self.headers.get("Authorization") == "Bearer open"
        body = json.dumps({"experiments": [{"experiment_id": "5", "name": "five", "creation_time": "7"}]}).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_who_asks_is_said_as_to_mlflows_clients(tmp_path):
    server = HTTPServer(("127.0.0.1", 0), Guarded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, home = f"http://127.0.0.1:{server.server_port}", tmp_path / "home"
    assert "MLFLOW_TRACKING_TOKEN" in sluice("import", url, home=home, expect=1)
    sluice("import", url, home=home, env={"MLFLOW_TRACKING_TOKEN": "open"})
    server.shutdown()
    found = sqlite3.connect(home / "sluice.db").execute("SELECT name, created_ms FROM experiments WHERE id = 5")
    assert found.fetchall() == [("five", 7)]


def test_a_server_that_is_not_there_is_told(tmp_path):
    said = sluice("import", "http://127.0.0.1:9", home=tmp_path / "home", expect=4)
    assert "asking http://127.0.0.1:9:" in said
    assert "MLFLOW_TRACKING_USERNAME" in sluice("import", "http://me:key@127.0.0.1:9", home=tmp_path / "home", expect=2)
