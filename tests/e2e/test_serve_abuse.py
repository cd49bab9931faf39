# SPDX-License-Identifier: Apache-2.0
"""What hostile clients send to `sluice serve`, each by the name it is known by (docs/mlflow.md)."""
import contextlib
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.error

from programs import wait_until
from serving import Server

import pytest


@pytest.fixture
def server(sluice):
    server = Server(sluice)
    yield server
    assert server.is_alive()
    assert "AddressSanitizer" not in server.stop()


def memory_kb(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


# ---- who asks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:5000", "localhost.evil.example", "[::2]", ""])
def test_cve_2025_14279_a_foreign_host_is_refused(server, host):
    status, _, body = server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host})
    assert status == 403 and b"Invalid Host header" in body
    assert server.ask("GET", "/health", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:99", "[::1]", "[::1]:5000"])
def test_22095_the_loopbacks_names_are_taken_with_any_port(server, host):
    assert server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host})[0] == 200


def test_names_that_were_allowed_are_taken(sluice):
    """MLflow's charts 285: with the port in the Host, too."""
    server = Server(sluice, "--allowed-host", "mlflow.example", "--allowed-host", "*.house.example")
    for host, status in (("mlflow.example:80", 200), ("a.house.example", 200), ("house.example", 403)):
        path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert server.ask("GET", path, headers={"Host": host})[0] == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_cve_2023_43472_a_page_of_another_site_cannot_send_json(server, kind):
    body = json.dumps({"experiment_id": "0", "new_name": "theirs"}).encode()
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/experiments/update", body, {"Content-Type": kind})
    assert status == 400 and b"Content-Type must be one of [application/json]" in answer
    assert server.api("GET", "/experiments/get?experiment_id=0")["experiment"]["name"] == "Default"


@pytest.mark.parametrize("origin, status", [
    ("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 200), ("http://127.0.0.1:5000", 200)])
def test_cve_2025_1473_writes_of_other_origins_are_refused(server, origin, status):
    headers = {"Content-Type": "application/json", "Origin": origin}
    body = b'{"experiment_ids": ["0"]}'
    assert server.ask("POST", "/api/2.0/mlflow/runs/search", body, headers)[0] == status


def test_no_answer_lets_another_site_read_it(server):
    _, headers, _ = server.ask("GET", "/version", headers={"Origin": "https://evil.example"})
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "SAMEORIGIN"


# ---- bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1000000 + b"\r\n\r\n",
], ids=["tls", "no target", "version", "negative", "huge", "chunk", "target", "headers", "header"])
def test_requests_that_are_none_are_refused_or_cut(server, sent):
    try:
        answer = server.send(sent)
    except ConnectionError:
        answer = b""
    assert answer == b"" or answer.split(b" ")[1][:1] in b"45", answer[:200]


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"5", b'"text"', b"{", b'{"experiment_ids": ', b"[" * 100000, b'{"a":' * 100000,
    b'{"experiment_ids": ["\xff\xfe"]}', b'{"experiment_ids": ["\\ud800"]}', b'{"max_results": 1e999999}',
    b'{"max_results": ' + b"9" * 100000 + b"}", b'{"experiment_ids": "0"}', b'{"experiment_ids": [{}]}',
    b'{"max_results": -5, "experiment_ids": ["0"]}', b'{"a": 1, "a": 2}', b"\x00" * 1000],
    ids=lambda body: repr(body[:20]))
def test_bodies_of_any_kind_are_answered(server, body):
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/experiments/search", body,
                                   {"Content-Type": "application/json"})
    assert status in (200, 400), (status, answer)
    assert isinstance(json.loads(answer), dict)


@pytest.mark.parametrize("headers", [
    "Content-Length: 2\r\nContent-Length: 60", "Content-Length: 60\r\nContent-Length: 2",
    "Content-Length: 2\r\nhost: evil",
    "Content-Length: 2\r\nAuthorization: Basic YTpi\r\nauthorization: Basic Yjpi",
    "Content-Length: 60\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\ntransfer-encoding: identity"])
def test_a_request_whose_end_or_sender_can_be_read_in_two_ways_is_refused(server, headers):
    answer = server.send(f"POST /api/2.0/mlflow/runs/search HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
                         "Content-Type: application/json\r\n\r\n".encode() +
                         b"{}GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + b"x" * 60)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, answer


def test_the_head_of_an_answer_is_that_of_the_answer(server):
    for path in ("/api/2.0/mlflow/experiments/get?experiment_id=0", "/health", "/get-artifact?run_id=x&path=y"):
        whole, head = server.ask("GET", path), server.ask("HEAD", path)
        assert (head[0], head[2]) == (whole[0], b"") and head[1]["Content-Length"] == whole[1]["Content-Length"], path


@pytest.mark.parametrize("count", [100, 240, 250, 300, 1500, 4000])
def test_a_query_of_many_parameters_is_answered(server, count):
    query = "&".join(f"{number % 99}" for number in range(count))
    status, _, answer = server.ask("GET", f"/api/2.0/mlflow/experiments/get?{query}&experiment_id=0")
    assert (status, json.loads(answer)["experiment"]["name"]) == (200, "Default")


def test_a_gigabyte_to_a_json_route_is_refused_at_its_head(server):
    before = memory_kb(server.process)
    head = (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1073741824\r\n\r\n")
    answer = server.send(head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert memory_kb(server.process) < before + 4096


def test_23646_a_gigabyte_in_chunks_is_cut(server):
    before = memory_kb(server.process)
    head = (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    sent = 0
    with server.connect() as line:
        line.sendall(head)
        try:
            for _ in range(1024):
                line.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
                sent += 1
        except ConnectionError:
            pass
    assert sent < 100
    assert memory_kb(server.process) < before + 160 * 1024


def test_many_large_bodies_at_once_are_not_all_held(server):
    before = memory_kb(server.process)
    head = (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 33000000\r\n\r\n")
    lines = [server.connect() for _ in range(40)]
    for line in lines:
        try:
            line.sendall(head + b" " * 30000000)
        except ConnectionError:
            pass
    assert memory_kb(server.process) < before + 700 * 1024
    assert server.run()["run_id"]  # a small one is taken all the same
    for line in lines:
        line.close()
    run_id = server.run()["run_id"]
    assert wait_until(lambda: server.ask("POST", "/api/2.0/mlflow/runs/set-tag", json.dumps(
        {"run_id": run_id, "key": "a", "value": "b", "more": "x" * 1000000}).encode(),
        {"Content-Type": "application/json"})[0] == 200)


@pytest.mark.parametrize("body", [
    b'{"experiment_ids":[' + b'"",' * 9000000 + b'""]}',
    b'{"experiment_ids":["0"],"more":[' + b"0," * 9000000 + b"0]}"],
    ids=["texts", "numbers"])
def test_a_body_of_many_values_is_refused_before_it_fills_the_memory(server, body):
    before = memory_kb(server.process)
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json"})
    assert status == 400 and b"fewer values" in answer
    assert memory_kb(server.process) < before + 300 * 1024


def test_clients_that_send_a_byte_at_a_time_hold_nobody(server):
    lines = [server.connect() for _ in range(200)]
    for number in range(5):
        for line in lines:
            line.sendall(b"POST /"[number:number + 1])
        began = time.monotonic()
        assert server.ask("GET", "/health")[0] == 200
        assert time.monotonic() - began < 5
    for line in lines:
        line.close()


def test_a_client_that_goes_in_the_middle_of_a_body_leaves_nothing(server):
    for path in ("/api/2.0/mlflow/runs/create", "/api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/f"):
        with server.connect() as line:
            line.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode())
            line.sendall(b"x" * 100000)
    incoming = server.sluice.home / "incoming"
    assert wait_until(lambda: not list(incoming.iterdir()))
    assert not list((server.sluice.home / "artifacts").rglob("f"))


@pytest.mark.parametrize("sent", [
    b"PUT /api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/f HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 9999\r\n\r\nxx",
    b"PUT /api/2.0/mlflow-artifacts/artifacts/0/x/artifacts/f HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nxx",
    b"POST /api/2.0/mlflow/runs/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 999\r\n\r\n{", b"GET /health HTTP/1.1\r\nHost: loc"],
    ids=["a file", "in chunks", "JSON", "a head"])
def test_clients_that_go_right_behind_what_they_sent_hold_nothing(server, sent):
    """What they sent and their end come at once: epoll tells of it once."""
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    before = descriptors()
    for _ in range(100):
        with server.connect() as line:
            line.sendall(sent)
    server.ask("GET", "/health")  # it comes after them: each of them has been taken
    incoming = server.sluice.home / "incoming"
    assert wait_until(lambda: descriptors() <= before and not list(incoming.iterdir()))


def test_a_client_that_ends_its_side_and_waits_is_answered(server):
    run_id = server.run()["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/f"
    with server.connect() as line:
        line.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nwhole".encode())
        line.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        assert line.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert server.get(f"0/{run_id}/artifacts/f")[2] == b"whole"


def test_many_at_once_each_get_their_own_answer(server):
    run_id = server.run()["run_id"]
    wrong = []

    def log(number):
        for step in range(10):
            body = {"run_id": run_id, "key": f"k{number}", "value": step, "timestamp": step}
            if server.ask("POST", "/api/2.0/mlflow/runs/log-metric", body)[::2] != (200, b"{}"):
                wrong.append(number)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    metrics = server.api("GET", f"/runs/get?run_id={run_id}")["run"]["data"]["metrics"]
    assert len(metrics) == 20 and all(metric["value"] == 9 for metric in metrics)


@pytest.fixture
def narrow(sluice):
    """A server that may have 400 descriptors."""
    def start(*words):
        program = os.environ.get("SLUICE_BUILD", "build") + "/sluice"
        process = subprocess.Popen(["prlimit", "--nofile=200:400", program, *words], cwd=sluice.folder, env=sluice.env,
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sluice.started.append(process)
        return process

    server = Server(sluice, start=start)
    yield server
    assert server.is_alive()


def assert_steps_run(sluice):
    sluice.pipeline("name: p\nsteps:\n  a: {run: 'echo limit $(ulimit -Sn)'}\n")
    result = sluice.run()
    assert result.step("a")["status"] == "succeeded"
    assert "limit 200" in sluice("logs", result.json["run_id"]).out  # what was given, not what the server takes


def test_idle_connections_leave_descriptors_to_the_steps(sluice, narrow):
    lines = [narrow.connect() for _ in range(240)]
    assert narrow.ask("GET", "/health")[0] == 200  # they are fewer than it takes
    lines += [narrow.connect() for _ in range(260)]
    assert_steps_run(sluice)
    for line in lines:
        line.close()
    assert narrow.ask("GET", "/health")[0] == 200


def is_taken(server, path):
    try:
        return server.ask("PUT", path, b"y")[0] == 200
    except OSError:
        return False


def head_of(line):
    try:
        return line.recv(12)
    except ConnectionResetError:
        return b""


def test_files_that_nobody_reads_leave_descriptors_to_the_steps(sluice, narrow):
    path = "/api/2.0/mlflow-artifacts/artifacts/0/big"
    assert narrow.ask("PUT", path, b"x" * (8 << 20))[0] == 200
    lines = []
    for _ in range(230):
        line = narrow.connect()
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        lines.append(line)
    heads = {head_of(line) for line in lines}
    assert heads in ({b"HTTP/1.1 200", b"HTTP/1.1 503"}, {b"HTTP/1.1 200", b"HTTP/1.1 503", b""})  # or it is cut
    assert_steps_run(sluice)
    for line in lines:
        line.close()
    wait_until(lambda: is_taken(narrow, path))


# ---- paths ------------------------------------------------------------------------------------------------------

ESCAPES = ["../x", "..%2fx", "%2e%2e/x", "%252e%252e/x", "a/../../x", "a/%2e%2e%2f%2e%2e/x", "..\\x", "%5c..%5cx",
           "//x", "a//x", "./x", ".", "%2e", "./.", "", "/", "C:/x", "%00", "a%00b", "a%0ab", "x%23/../y", "%"]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_the_artifacts(server, path):
    outside = sorted(str(one) for one in server.sluice.folder.rglob("*"))
    for method in ("PUT", "DELETE", "GET"):
        answer = server.send(f"{method} /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Length: 2\r\nConnection: close\r\n\r\nhi".encode())
        status = int(answer.split(b" ")[1])
        assert status in (400, 404, 405) or (method, path, status) == ("GET", "", 200), answer
    now = sorted(str(one) for one in server.sluice.folder.rglob("*"))
    assert [one for one in now if "sluice.db" not in one] == [one for one in outside if "sluice.db" not in one]


@pytest.mark.parametrize("path", ["0", "0/", "0/models", "models", "0/x"])
def test_oidc_auth_289_a_delete_reaches_no_more_than_one_run(server, path):
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/a", b"x")[0] == 200
    assert server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{path}")[0] == 400
    assert server.get(f"0/{run_id}/artifacts/a")[0] == 200


def digests(server, run_id):
    with contextlib.closing(sqlite3.connect(f"file:{server.sluice.home / 'sluice.db'}?mode=ro", uri=True)) as home:
        return home.execute("SELECT path, sha256, size_bytes FROM artifacts WHERE owner = ?", (run_id,)).fetchall()


def test_a_file_elsewhere_with_a_runs_name_in_its_path_is_not_the_runs(server):
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/f", b"true")[0] == 200
    before = digests(server, run_id)
    for place in ("1", "x", "x/models", "0/models"):
        server.put(f"{place}/{run_id}/artifacts/f", b"false")
        server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{place}/{run_id}/artifacts")
    assert digests(server, run_id) == before
    assert server.get(f"0/{run_id}/artifacts/f")[2] == b"true"


def test_18964_links_are_not_followed(server):
    run_id = server.run()["run_id"]
    place = server.sluice.home / "artifacts" / "0" / run_id / "artifacts"
    assert server.put(f"0/{run_id}/artifacts/a", b"x")[0] == 200
    (place / "file").symlink_to("/etc/passwd")
    (place / "folder").symlink_to("/etc")
    (place / "own").symlink_to("a")
    for name in ("file", "folder/passwd", "own"):
        assert server.get(f"0/{run_id}/artifacts/{name}")[0] == 404
    assert server.put(f"0/{run_id}/artifacts/folder/new", b"x")[0] in (400, 404)
    assert not pathlib.Path("/etc/new").exists()
    names = [file["path"] for file in server.api("GET", f"/artifacts/list?run_id={run_id}")["files"]]
    assert names == ["a"]


def test_7166_get_artifact_stays_in_its_run(server):
    run_id = server.run()["run_id"]
    for path in ("../../../../../../etc/passwd", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "%252e%252e/x"):
        assert server.ask("GET", f"/get-artifact?run_id={run_id}&path={path}")[0] == 400
    assert server.ask("GET", f"/get-artifact?run_id={run_id}")[0] == 400
    assert server.ask("GET", "/get-artifact?run_id=nobody&path=a")[0] == 404


@pytest.mark.parametrize("source", [
    "file:///etc", "/etc", "//proc/self/root", "file:///proc/self", "FILE:///etc", "file:/etc", "file://localhost/etc",
    "../etc", "http:///#/../../../etc", "mlflow-artifacts:/../../etc", "s3://b/../../x", "dbfs:/x/../../y", "xyz://a",
    "https://mlflow.example/%2e%2e/x"])
@pytest.mark.parametrize("prompt", [False, True])
def test_cve_2023_1177_no_source_names_a_place_of_the_machine(server, source, prompt):
    """With the tag of a prompt, too: CVE-2026-2614."""
    server.api("POST", "/registered-models/create", {"name": "m"})
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}] if prompt else []
    body = {"name": "m", "source": source, "tags": tags}
    status, _, answer = server.ask("POST", "/api/2.0/mlflow/model-versions/create", body)
    assert status == 400, answer
    assert server.ask("GET", "/model-versions/get-artifact?name=m&version=1&path=passwd")[0] in (400, 404)


@pytest.mark.parametrize("location", [
    "http:///#/../../../etc", "http://169.254.169.254/latest?x=/../..", "runs:/x", "../../etc", "dbfs:/../x",
    "s3://bucket/a#b", "xyz:/a", "//host/share"])
def test_cve_2023_6909_no_experiment_is_placed_by_a_trick(server, location):
    body = {"name": "e", "artifact_location": location}
    assert server.ask("POST", "/api/2.0/mlflow/experiments/create", body)[0] == 400


def test_pr_23300_the_server_fetches_nothing(server):
    """An experiment may be at another store: clients go there, the server does not."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(0.5)
        place = f"http://127.0.0.1:{other.getsockname()[1]}/x"
        made = server.api("POST", "/experiments/create", {"name": "away", "artifact_location": place})
        run_id = server.run(experiment_id=made["experiment_id"])["run_id"]
        assert server.ask("GET", f"/get-artifact?run_id={run_id}&path=a")[0] == 400
        assert server.ask("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run_id}")[0] == 400
        with pytest.raises(TimeoutError):
            other.accept()


# ---- files ------------------------------------------------------------------------------------------------------


def test_a_file_that_was_put_is_private_plain_and_has_a_digest(sluice, server):
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/b/run.sh", b"#!/bin/sh\n")[0] == 200
    path = sluice.home / "artifacts" / "0" / run_id / "artifacts" / "b" / "run.sh"
    assert path.stat().st_mode & 0o7777 == 0o640 and path.parent.stat().st_mode & 0o777 == 0o750
    assert server.put(f"0/{run_id}/artifacts/b", b"x")[0] == 400
    assert server.put(f"0/{run_id}/artifacts/b/run.sh/c", b"x")[0] == 400
    assert server.put(f"0/{run_id}/artifacts/b/run.sh", b"new")[0] == 200
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("asked, status, data", [
    ("bytes=0-3", 206, b"0123"), ("bytes=5-", 206, b"56789"), ("bytes=-2", 206, b"89"), ("bytes=8-99", 206, b"89"),
    ("bytes=-99", 206, b"0123456789"), ("bytes=10-", 416, b""), ("bytes=3-1", 416, b""),
    ("lines=1-2", 200, b"0123456789"),
    ("bytes=0-1,4-5", 200, b"0123456789"), ("bytes=-", 200, b"0123456789"), ("bytes=a-b", 200, b"0123456789")])
def test_parts_of_files_can_be_asked_for(server, asked, status, data):
    run_id = server.run()["run_id"]
    server.put(f"0/{run_id}/artifacts/f", b"0123456789")
    answer = server.get(f"0/{run_id}/artifacts/f", headers={"Range": asked})
    assert answer[::2] == (status, data)
    if status == 206:
        assert answer[1]["Content-Range"].startswith("bytes ") and answer[1]["Content-Range"].endswith("/10")


def test_a_file_is_the_old_or_the_new_one_whole(server):
    run_id = server.run()["run_id"]
    path = f"0/{run_id}/artifacts/f"
    texts = [bytes([65 + number]) * 1000000 for number in range(4)]
    server.put(path, texts[0])
    seen, wrong = set(), []

    def read():
        for _ in range(30):
            data = server.get(path)[2]
            seen.add(data[:1])
            if data not in texts:
                wrong.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(12):
        assert server.put(path, texts[number % 4])[0] == 200
    reader.join()
    assert not wrong and seen


def test_chunked_uploads_are_taken(server):
    run_id = server.run()["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/f"
    answer = server.send(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                         "Connection: close\r\n\r\n".encode(), b"5\r\nhello\r\n", b"6\r\n world\r\n", b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.get(f"0/{run_id}/artifacts/f")[2] == b"hello world"


def test_the_page_may_upload_ten_megabytes_also_without_a_length(server):
    run_id = server.run()["run_id"]
    path = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=f"
    assert server.ask("POST", path, b"x" * 1000)[0] == 200
    assert server.ask("POST", path, b"")[0] == 400
    with pytest.raises(urllib.error.URLError):  # it is told before it has sent all, and cut
        server.ask("POST", path, b"x" * (11 << 20))
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with server.connect() as line:
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(40):
                line.sendall(chunk)
            line.sendall(b"0\r\n\r\n")
            assert line.recv(100).split(b" ")[1][:1] == b"4"
        except ConnectionError:
            pass
    assert server.get(f"0/{run_id}/artifacts/f")[2] == b"x" * 1000


SMALL_DISK = """
mount -t tmpfs -o {limit} none {home} || exit 77
exec {program} serve --port 0
"""


def server_on_a_small_disk(sluice, limit):
    home = sluice.home
    home.mkdir()
    script = SMALL_DISK.format(limit=limit, home=home, program=os.environ.get("SLUICE_BUILD", "build") + "/sluice")
    probe = subprocess.run(["unshare", "-m", "true"], check=False)
    if probe.returncode != 0:
        pytest.skip("no mount namespaces here")

    def start(*_):
        process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], cwd=sluice.folder, env=sluice.env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sluice.started.append(process)
        return process

    return Server(sluice, start=start)


def test_a_disk_with_no_room_for_another_folder_says_so_and_passes(sluice):
    server = server_on_a_small_disk(sluice, "size=30m,nr_inodes=40")
    run_id = server.run()["run_id"]
    answers = [server.put(f"0/{run_id}/artifacts/{number}/f", b"x") for number in range(40)]
    status, headers, answer = answers[-1]
    assert answers[0][0] == 200 and status == 503 and headers["Retry-After"], answer
    assert server.ask("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/0")[0] == 200
    assert wait_until(lambda: server.put(f"0/{run_id}/artifacts/again/f", b"x")[0] == 200)


def test_a_disk_that_gets_full_while_a_file_comes_loses_nothing_else(sluice):
    server = server_on_a_small_disk(sluice, "size=30m")
    run_id = server.run()["run_id"]
    assert server.put(f"0/{run_id}/artifacts/small", b"x" * 1000)[0] == 200
    status, headers, answer = server.put(f"0/{run_id}/artifacts/large", b"x" * (60 << 20))
    assert status == 503 and headers["Retry-After"] and b"TEMPORARILY_UNAVAILABLE" in answer
    assert server.get(f"0/{run_id}/artifacts/small")[2] == b"x" * 1000
    assert server.put(f"0/{run_id}/artifacts/large", b"y" * (1 << 20))[0] == 200
    assert server.is_alive()
