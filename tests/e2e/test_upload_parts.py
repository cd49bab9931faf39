# SPDX-License-Identifier: Apache-2.0
"""Files that come in parts, asked for as MLflow's client does and as it would not; and files in chunks and ranges."""
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import threading
import time

from programs import wait_until
from serving import Server

import pytest

MPU = "/api/2.0/mlflow-artifacts/mpu/"


@pytest.fixture
def server(sluice):
    return Server(sluice)


class Upload:
    """One of a file in the folder of a run."""

    def __init__(self, server, parts, name="big.bin", folder=None, path="/home/me/"):
        self.server, self.name, self.path = server, name, path + name
        self.folder = folder or f"0/{server.run()['run_id']}/artifacts"
        status, _, answer = self.ask("create", num_parts=parts)
        assert status == 200, answer
        self.answer = json.loads(answer)
        self.id = self.answer["upload_id"]

    def ask(self, what, **more):
        return self.server.ask("POST", f"{MPU}{what}/{self.folder}", {"path": self.path, **more})

    def put(self, number, data):
        """The part as the server lists it, with the ETag that came back."""
        one = self.answer["credentials"][number - 1]
        assert one["part_number"] == number and one["headers"] == {}
        assert one["url"].startswith(self.server.url + "/")
        status, headers, answer = self.server.ask("PUT", one["url"][len(self.server.url):], data)
        assert status == 200, answer
        return {"part_number": number, "etag": headers["ETag"], "url": one["url"]}

    def complete(self, parts, expect=200):
        status, _, answer = self.ask("complete", upload_id=self.id, parts=parts)
        assert status == expect, answer
        return json.loads(answer)

    def abort(self):
        status, _, answer = self.ask("abort", upload_id=self.id)
        assert (status, json.loads(answer)) == (200, {})

    def bytes(self):
        status, _, data = self.server.get(f"{self.folder}/{self.name}")
        return data if status == 200 else None


def left(sluice):
    """What lies in the home of uploads, but for the traces of those that were completed."""
    return [path.name for path in (sluice.home / "uploads").iterdir() if path.suffix != ".done"]


def recorded(sluice, path):
    with contextlib.closing(sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True)) as home:
        return home.execute("SELECT sha256, size_bytes FROM artifacts WHERE path = ?", (path,)).fetchall()


def test_parts_that_come_in_any_order_are_one_file(sluice, server):
    upload = Upload(server, 3)
    data = [os.urandom(300_001), os.urandom(5), os.urandom(70_000)]
    parts = [upload.put(number, data[number - 1]) for number in (3, 1, 2)]
    assert upload.bytes() is None
    assert upload.complete(sorted(parts, key=lambda part: part["part_number"])) == {}
    whole = b"".join(data)
    assert upload.bytes() == whole
    assert recorded(sluice, "big.bin") == [(hashlib.sha256(whole).hexdigest(), len(whole))]
    assert wait_until(lambda: not left(sluice) and not list((sluice.home / "incoming").iterdir()))


def test_a_part_that_is_sent_twice_is_the_one_whose_etag_is_said(server):
    upload = Upload(server, 2)
    first, again, last = upload.put(1, b"first "), upload.put(1, b"again "), upload.put(2, b"last")
    assert first["etag"] != again["etag"]
    upload.complete([again, last])
    assert upload.bytes() == b"again last"


def test_one_that_is_completed_may_be_completed_again(server):
    """An answer may be lost on its way: clients ask again."""
    upload = Upload(server, 1)
    parts = [upload.put(1, b"once")]
    assert upload.complete(parts) == upload.complete(parts) == {}
    upload.path = "/home/me/other.bin"
    upload.complete(parts, expect=404)


def test_an_upload_outlives_the_server(sluice):
    server = Server(sluice)
    upload = Upload(server, 2)
    first = upload.put(1, b"before ")
    server.process.kill()
    server.process.wait()
    upload.server = server = Server(sluice)
    upload.answer = json.loads(json.dumps(upload.answer))
    for one in upload.answer["credentials"]:
        one["url"] = server.url + one["url"][one["url"].index("/api/"):]
    upload.complete([first, upload.put(2, b"after")])
    assert upload.bytes() == b"before after"


def test_one_that_is_aborted_is_gone(sluice, server):
    upload = Upload(server, 2)
    part = upload.put(1, b"x" * 100_000)
    upload.abort()
    assert wait_until(lambda: not left(sluice) and not list((sluice.home / "incoming").iterdir()))
    upload.abort()
    assert upload.complete([part, part], expect=404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    status, _, answer = server.ask("PUT", upload.answer["credentials"][1]["url"][len(server.url):], b"late")
    assert status == 404, answer
    assert upload.bytes() is None


def changed(part, **more):
    return {**part, **more}


@pytest.mark.parametrize("change, words", [
    (lambda parts: parts[:1], "parts: expected 2, found 1"),
    (lambda parts: parts[::-1], "parts: expected part 1, found 2"),
    (lambda parts: [parts[0], parts[0]], "parts: expected part 2, found 1"),
    (lambda parts: [parts[0], changed(parts[1], etag='"' + "0" * 32 + '"')], "Part 2 has not come with the ETag"),
    (lambda parts: [parts[0], changed(parts[1], etag="../../../../sluice.db")], "Part 2 has not come with the ETag"),
    (lambda parts: [parts[0], changed(parts[1], etag=parts[0]["etag"])], "Part 2 has not come with the ETag"),
], ids=["too few", "order", "twice", "unknown", "a path", "of another"])
def test_parts_that_are_not_what_came_are_refused(server, change, words):
    upload = Upload(server, 2)
    parts = [upload.put(1, b"a"), upload.put(2, b"b")]
    refused = upload.complete(change(parts), expect=400)
    assert refused["error_code"] == "INVALID_PARAMETER_VALUE" and words in refused["message"]
    assert upload.bytes() is None
    upload.complete(parts)
    assert upload.bytes() == b"ab"


@pytest.mark.parametrize("body, words", [
    ({"num_parts": 3}, "path"),
    ({"path": "a.bin", "num_parts": 0}, "num_parts: expected 1 to 10000, found 0"),
    ({"path": "a.bin", "num_parts": 10001}, "num_parts: expected 1 to 10000, found 10001"),
    ({"path": "a.bin", "num_parts": "many"}, "num_parts"),
    ({"path": "dir/", "num_parts": 1}, "Invalid path"),
    ({"path": "a/..", "num_parts": 1}, "Invalid path"),
    ({"path": "%2e%2e", "num_parts": 1}, "Invalid path"),
])
def test_uploads_that_cannot_be_are_refused(sluice, server, body, words):
    folder = f"0/{server.run()['run_id']}/artifacts"
    status, _, answer = server.ask("POST", f"{MPU}create/{folder}", body)
    assert status == 400 and words in json.loads(answer)["message"], answer
    assert not left(sluice)


def test_a_body_of_another_kind_is_refused(sluice, server):
    """A page of another site can make a browser send text, not JSON."""
    status, _, answer = server.ask("POST", f"{MPU}create/0/x", b'{"path": "a"}', {"Content-Type": "text/plain"})
    assert status == 400 and b"Content-Type" in answer
    assert not left(sluice)


@pytest.mark.parametrize("path", ["{id}/0", "{id}/3", "{id}/x", "{id}", "{id}/1/../2", "../{id}/1", "0/1",
                                  "..%2f..%2fartifacts/1"])
def test_parts_of_nothing_are_refused(sluice, server, path):
    upload = Upload(server, 2)
    status, _, _ = server.ask("PUT", MPU + "part/" + path.format(id=upload.id), b"x")
    assert status in (400, 404)
    assert [one.name for one in (sluice.home / "uploads" / upload.id).iterdir()] == ["plan"]


def test_an_upload_is_for_its_file_alone(server):
    upload = Upload(server, 1)
    parts = [upload.put(1, b"x")]
    upload.folder, folder = f"0/{server.run()['run_id']}/artifacts", upload.folder
    assert "another file" in upload.complete(parts, expect=400)["message"]
    upload.folder = folder
    upload.complete(parts)


def test_a_large_one_keeps_nobody_waiting(server):
    """Its parts are put together a slice at a time: other files get their place meanwhile."""
    upload = Upload(server, 3)
    block = os.urandom(1 << 20) * 100
    parts = [upload.put(number, block) for number in (1, 2, 3)]
    asked = threading.Thread(target=upload.complete, args=(parts,))
    asked.start()
    while asked.is_alive():
        assert server.put(f"{upload.folder}/small.txt", b"small")[0] == 200
    asked.join()
    assert hashlib.sha256(upload.bytes()).digest() == hashlib.sha256(block * 3).digest()


def test_one_that_is_being_completed_is_not_twice(server):
    upload = Upload(server, 1)
    parts = [upload.put(1, b"x" * (300 << 20))]
    answers = []

    def complete():
        answers.append(upload.ask("complete", upload_id=upload.id, parts=parts)[0])

    threads = [threading.Thread(target=complete) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert 200 in answers and set(answers) <= {200, 503}
    assert len(upload.bytes()) == 300 << 20


def test_what_nobody_touches_for_a_week_is_removed(sluice, server):
    old, young = Upload(server, 1), Upload(server, 1)
    done = Upload(server, 1)
    done.complete([done.put(1, b"x")])
    then = time.time() - 8 * 24 * 3600
    for name in (old.id, done.id + ".done"):
        os.utime(sluice.home / "uploads" / name, (then, then))
    server.stop()
    Server(sluice)
    assert wait_until(lambda: {path.name for path in (sluice.home / "uploads").iterdir()} == {young.id})
    assert wait_until(lambda: not list((sluice.home / "incoming").iterdir()))


def test_more_old_uploads_than_are_looked_at_in_a_turn_go_too(sluice, server):
    young = Upload(server, 1)
    server.stop()
    then = time.time() - 8 * 24 * 3600
    for number in range(200):
        folder = sluice.home / "uploads" / f"{number:032x}"
        folder.mkdir()
        (folder / "plan").write_text("1 0/x/artifacts/y", encoding="utf-8")
        os.utime(folder, (then, then))
    Server(sluice)
    assert wait_until(lambda: left(sluice) == [young.id])


def test_gc_removes_them_too(sluice, server):
    old, young = Upload(server, 1), Upload(server, 1)
    old.put(1, b"x" * 5000)
    server.stop()
    then = time.time() - 8 * 24 * 3600
    os.utime(sluice.home / "uploads" / old.id, (then, then))
    listed = json.loads(sluice("gc", "--dry-run", "--json", expect=0).out)
    assert [(item["kind"], item["what"]) for item in listed["removed"]] == [("leftover", f"uploads/{old.id}")]
    assert listed["totals"]["leftover"]["bytes"] > 4000 and sorted(left(sluice)) == sorted([old.id, young.id])
    sluice("gc", expect=0)
    assert left(sluice) == [young.id]


def test_a_client_that_goes_while_it_sends_a_part_leaves_nothing(sluice, server):
    upload = Upload(server, 1)
    path = upload.answer["credentials"][0]["url"][len(server.url):]
    with server.connect() as line:
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        line.sendall(head.encode() + b"x" * 1000)
        assert wait_until(lambda: list((sluice.home / "incoming").iterdir()))
    assert wait_until(lambda: not list((sluice.home / "incoming").iterdir()))
    assert [one.name for one in (sluice.home / "uploads" / upload.id).iterdir()] == ["plan"]


def test_it_may_be_stopped_while_parts_are_put_together(sluice, server):
    upload = Upload(server, 4)
    parts = [upload.put(number, b"x" * (150 << 20)) for number in (1, 2, 3, 4)]
    answers = []

    def complete():
        with contextlib.suppress(OSError):
            answers.append(upload.ask("complete", upload_id=upload.id, parts=parts)[0])

    asked = threading.Thread(target=complete)
    asked.start()
    assert wait_until(lambda: list((sluice.home / "incoming").iterdir()))
    server.process.send_signal(signal.SIGTERM)
    asked.join()
    assert wait_until(lambda: server.process.poll() is not None) and server.process.returncode == 0
    upload.server = Server(sluice)
    upload.complete(parts)
    assert len(upload.bytes()) == 600 << 20


def test_a_proxy_that_speaks_tls_is_named_so(server):
    folder = f"0/{server.run()['run_id']}/artifacts"
    answer = json.loads(server.ask("POST", f"{MPU}create/{folder}", {"path": "a", "num_parts": 1},
                                   {"X-Forwarded-Proto": "https", "Host": "localhost:7"})[2])
    assert answer["credentials"][0]["url"].startswith("https://localhost:7/api/2.0/")


def test_the_address_of_a_file(server):
    folder = f"0/{server.run()['run_id']}/artifacts"
    server.put(f"{folder}/a%20b.txt", b"0123456789")
    status, _, answer = server.ask("GET", f"/api/2.0/mlflow-artifacts/presigned/{folder}/a%20b.txt",
                                   headers={"Authorization": "Basic eDp5"})
    said = json.loads(answer)
    assert status == 200 and said["file_size"] == 10 and said["headers"] == {"Authorization": "Basic eDp5"}
    status, headers, part = server.ask("GET", said["url"][len(server.url):], headers={"Range": "bytes=2-4"})
    assert (status, headers["Content-Range"], part) == (206, "bytes 2-4/10", b"234")
    assert server.ask("GET", f"/api/2.0/mlflow-artifacts/presigned/{folder}/none")[0] == 404


def test_a_body_in_chunks(server):
    """Of a client that does not know the length."""
    folder = f"0/{server.run()['run_id']}/artifacts"
    chunks = [b"a" * 1, b"b" * 70_000, b"c" * 3]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = (f"PUT /api/2.0/mlflow-artifacts/artifacts/{folder}/c.txt HTTP/1.1\r\nHost: localhost\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode()
    assert server.send(head, body).startswith(b"HTTP/1.1 200 ")
    assert server.get(f"{folder}/c.txt")[2] == b"".join(chunks)
    half = body[:1000]
    with server.connect() as line:
        line.sendall(head.replace(b"/c.txt", b"/half.txt") + half)
    assert wait_until(lambda: not list((pathlib.Path(server.sluice.home) / "incoming").iterdir()))
    assert server.get(f"{folder}/half.txt")[0] == 404


STEP = """\
import json, os, sys, urllib.error, urllib.request

TOKEN = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}

def ask(method, url, data, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()

def post(path, body):
    return ask("POST", os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/" + path, json.dumps(body).encode(), TOKEN)

run = json.loads(post("mlflow/runs/create", {"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"]})[2])["run"]["info"]
folder = f"{run['experiment_id']}/{run['run_id']}/artifacts"
made = json.loads(post("mlflow-artifacts/mpu/create/" + folder, {"path": "/x/big.bin", "num_parts": 1})[2])
one = made["credentials"][0]
assert one["headers"] == {"Authorization": TOKEN["Authorization"]}
assert ask("PUT", one["url"], b"mine", {})[0] == 401
status, headers, answer = ask("PUT", one["url"], b"mine", one["headers"])
assert status == 200, answer
part = {"part_number": 1, "etag": headers["ETag"], "url": one["url"]}
body = {"path": "/x/big.bin", "upload_id": made["upload_id"], "parts": [part]}
status, _, answer = post("mlflow-artifacts/mpu/complete/" + folder, body)
assert status == 200, answer
assert post("mlflow-artifacts/mpu/create/9/" + "0" * 32 + "/artifacts", {"path": "a", "num_parts": 1})[0] in (403, 404)
other = os.environ["OTHER"]
assert post("mlflow-artifacts/mpu/create/0/" + other + "/artifacts", {"path": "a", "num_parts": 1})[0] == 403
"""


def test_a_step_sends_parts_into_its_own_runs_only(sluice):
    server = Server(sluice)
    other = server.run()["run_id"]
    server.stop()
    (sluice.folder / "step.py").write_text(STEP, encoding="utf-8")
    sluice.pipeline(f"name: p\nsteps:\n  a: {{run: [python3, step.py], env: {{OTHER: '{other}'}}}}\n")
    sluice("run", expect=0)
    assert [size for _, size in recorded(sluice, "big.bin")] == [4]
