# SPDX-License-Identifier: Apache-2.0
"""Requests that cost `sluice serve` more to answer than to send, and clients that would be taken for others."""
import http.client
import json
import os
import time
import urllib.parse

from accounts import ALICE, add_user, basic
from programs import BUILD, cpu_seconds, wait_until
from serving import Server
from test_serve_abuse import server_on_a_small_disk

MPU = "/api/2.0/mlflow-artifacts/mpu/"


def memory_kb(server):
    if b"__asan_init" in (BUILD / "sluice").read_bytes():
        return 0  # which keeps what was freed
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(status.read().partition("VmHWM:")[2].split()[0])


def test_many_parts_with_a_long_header_each_are_refused(sluice):
    """Each part is told the header that it is to come with: ten thousand times eight kilobytes."""
    server = Server(sluice)
    folder = f"0/{server.run()['run_id']}/artifacts"
    before = memory_kb(server)
    body = {"path": "a", "num_parts": 10000}
    for _ in range(3):
        status, _, answer = server.ask("POST", MPU + "create/" + folder, body, {"Authorization": "x" * 8000})
        assert status == 400 and b"Authorization" in answer
    status, _, answer = server.ask("POST", MPU + "create/" + folder, body, {"Authorization": "x" * 100})
    assert status == 200 and len(json.loads(answer)["credentials"]) == 10000
    assert memory_kb(server) - before < 64 << 10
    assert len(os.listdir(sluice.home / "uploads")) == 1


def test_uploads_that_were_begun_and_left_make_no_other_slower(sluice):
    server = Server(sluice)
    folder = f"0/{server.run()['run_id']}/artifacts"
    uploads = sluice.home / "uploads"
    for number in range(30000):
        (uploads / f"{number:032x}").mkdir()
    then = time.time() - 8 * 24 * 3600
    os.utime(uploads / f"{1:032x}", (then, then))
    server.stop()  # who begins to serve looks for those that are too old
    server = Server(sluice)

    def create(count):
        line = http.client.HTTPConnection("127.0.0.1", server.port)
        begun = cpu_seconds(server.process.pid)
        for _ in range(count):
            line.request("POST", MPU + "create/" + folder, json.dumps({"path": "a", "num_parts": 1}),
                         {"Content-Type": "application/json"})
            assert line.getresponse().read()
        line.close()
        return cpu_seconds(server.process.pid) - begun

    assert create(100) < 3, "each looks at all of them"
    assert wait_until(lambda: create(50) >= 0 and not (uploads / f"{1:032x}").exists())


def test_an_upload_in_parts_on_a_full_disk_leaves_nothing_and_passes(sluice):
    server = server_on_a_small_disk(sluice, "size=30m,nr_inodes=60")
    folder = f"0/{server.run()['run_id']}/artifacts"

    def create():
        status, headers, answer = server.ask("POST", MPU + "create/" + folder, {"path": "a", "num_parts": 1})
        return status, headers, json.loads(answer)

    made = [create() for _ in range(40)]
    assert made[0][0] == 200 and made[-1][0] == 503 and made[-1][1]["Retry-After"], made[-1]
    assert made[-1][2]["error_code"] == "TEMPORARILY_UNAVAILABLE"
    ids = [answer["upload_id"] for status, _, answer in made if status == 200]
    inside = f"/proc/{server.process.pid}/root{sluice.home}/uploads"  # as the server sees its disk
    assert sorted(os.listdir(inside)) == sorted(ids)
    for one in ids:
        body = {"path": "a", "upload_id": one}
        assert server.ask("POST", MPU + "abort/" + folder, body)[0] == 200
    assert wait_until(lambda: create()[0] == 200)
    upload = create()[2]
    address = urllib.parse.urlsplit(upload["credentials"][0]["url"]).path
    status, headers, answer = server.ask("PUT", address, b"x" * (60 << 20))
    assert status == 503 and headers["Retry-After"] and b"TEMPORARILY_UNAVAILABLE" in answer
    status, headers, _ = server.ask("PUT", address, b"fits")
    assert status == 200
    body = {"path": "a", "upload_id": upload["upload_id"], "parts": [{"part_number": 1, "etag": headers["ETag"]}]}
    assert server.ask("POST", MPU + "complete/" + folder, body)[0] == 200
    assert server.get(folder + "/a")[2] == b"fits"


def test_answers_that_nobody_reads_do_not_fill_the_memory(sluice):
    """A megabyte and more for each; and it passes when they are gone."""
    server = Server(sluice)
    folder = f"0/{server.run()['run_id']}/artifacts"
    body = json.dumps({"path": "a", "num_parts": 10000}).encode()
    head = (f"POST {MPU}create/{folder} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: {'x' * 1000}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    lines = []
    for _ in range(40):  # 10 MB each
        lines.append(server.connect())
        lines[-1].sendall(head + body)
    assert wait_until(lambda: server.ask("GET", "/health")[0] == 200)
    status, headers, _ = server.ask("POST", MPU + "create/" + folder, body,
                                    {"Content-Type": "application/json", "Authorization": "x" * 1000}, timeout=60)
    assert status == 503 and headers["Retry-After"]
    assert server.api("GET", "/experiments/get?experiment_id=0")
    assert memory_kb(server) < 420 << 10
    for line in lines:
        line.close()
    assert wait_until(lambda: server.ask("POST", MPU + "create/" + folder, {"path": "a", "num_parts": 10000})[0] == 200)


def tries(port, address, most):
    """The statuses of tries from that address of this machine, each with another name; until one is refused."""
    answers = []
    while 429 not in answers and len(answers) < most:
        number = len(answers)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(address, 0))
        line.request("GET", "/api/2.0/mlflow/users/current", headers=basic(f"n{number}", "no password"))
        answers.append(line.getresponse().status)
        line.close()
    return answers


def test_an_address_of_four_bytes_is_its_own_also_where_those_of_sixteen_come_in(sluice):
    """At "::" both do, the short ones within long ones that begin alike: tries of one are not those of all."""
    add_user(sluice, "alice", ALICE, "--admin")
    process = sluice.start("serve", "--port", "0", "--host", "::", "--insecure")
    line = process.stdout.readline()
    port = int(line.strip().rpartition(":")[2])
    answers = tries(port, "127.0.0.2", 200)
    assert answers[:30] == [401] * 30 and answers[-1] == 429
    assert tries(port, "127.0.0.3", 1) == [401]


def test_any_name_is_still_a_name(sluice):
    server = Server(sluice, "--allowed-host", "*")
    for host, status in (("a.example", 200), ("a-b.example:8080", 200), ("[2001:db8::1]:80", 200), ("a@b", 403),
                         ("a/b", 403), ("a b", 403), ("a\"b", 403), ("x" * 300, 403)):
        assert server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host})[0] == status


MIB = 1 << 20


def writes(server):
    """Calls of write and its like so far, of all threads that there were."""
    with open(f"/proc/{server.process.pid}/io", encoding="ascii") as counts:
        return int(counts.read().partition("syscw: ")[2].split()[0])


def threads(server):
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def half_sent(server, path, data):
    """A connection on which the first half of a file was sent."""
    line = server.connect()
    line.sendall(f"PUT /api/2.0/mlflow-artifacts/artifacts/{path} HTTP/1.1\r\nHost: localhost\r\n"
                 f"Content-Length: {len(data)}\r\n\r\n".encode())
    line.sendall(data[:len(data) // 2])
    return line


def test_a_long_file_is_written_in_larger_pieces_than_it_comes_in(sluice):
    """Of 8 KiB each, as the library hands them over, 32 MiB would be 4,096 calls."""
    server = Server(sluice)
    run = server.run()["run_id"]
    data = os.urandom(MIB) * 32
    before = writes(server)
    status, _, answer = server.put(f"0/{run}/artifacts/a", data)
    assert status == 200, answer
    assert writes(server) - before < 3000
    assert server.get(f"0/{run}/artifacts/a")[2] == data


def test_many_long_files_at_once_take_few_threads_and_leave_none(sluice):
    """Six have half of theirs there and wait; others pass meanwhile, and then some are whole and some are left."""
    server = Server(sluice)
    folder = f"0/{server.run()['run_id']}/artifacts/"
    before, memory = threads(server), memory_kb(server)
    data = [os.urandom(4 * MIB) for _ in range(6)]
    lines = [half_sent(server, f"{folder}{number}", sent) for number, sent in enumerate(data)]
    assert wait_until(lambda: all(server.has_read(line) for line in lines))
    assert before < threads(server) <= before + 4
    status, _, answer = server.put(folder + "another", data[0])
    assert status == 200, answer
    assert memory_kb(server) - memory < 4 << 10
    for number in (0, 5):
        lines[number].sendall(data[number][len(data[number]) // 2:])
        assert lines[number].recv(12) == b"HTTP/1.1 200"
        assert server.get(f"{folder}{number}")[2] == data[number]
    for line in lines:
        line.close()
    assert wait_until(lambda: threads(server) == before and os.listdir(sluice.home / "incoming") == [])
    assert server.get(folder + "another")[2] == data[0]
    assert server.get(folder + "1")[0] == 404
