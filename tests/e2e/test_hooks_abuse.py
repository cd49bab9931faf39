# SPDX-License-Identifier: Apache-2.0
"""Hooks under those who mean harm, or have bad luck: floods, hostile bodies, slow clients, kills, a full disk."""
import json
import os
import socket
import threading
import time

import hooks
from hooks import MAIN, SECRET, Receiver
from programs import cpu_seconds, wait_until
from test_full_disk import full_disk, start_full  # noqa: F401 (fixtures)

import pytest

MIB = 1 << 20


def test_bodies_have_a_bound(sluice):
    receiver = Receiver(sluice)
    filled = json.dumps({**MAIN, "fill": ""}).encode()
    most = filled.replace(b'"fill": ""', b'"fill": "' + b"x" * (2 * MIB - len(filled)) + b'"')
    assert len(most) == 2 * MIB
    assert receiver.send(most)[0] == 202
    assert receiver.send(most + b" ", delivery="d-2")[0] == 413
    for size in (26 * MIB, 1 << 40):
        head = (f"POST /hooks/wine HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
                "X-GitHub-Delivery: d-3\r\n\r\n")
        assert receiver.server.send(head.encode()).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_unknown_length_has_the_same_bound(sluice):
    receiver = Receiver(sluice)
    sent = 0
    with receiver.server.connect() as line:
        line.sendall(b"POST /hooks/wine HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        part = f"{MIB:x}\r\n".encode() + b"x" * MIB + b"\r\n"
        try:
            while sent < 26:
                line.sendall(part)
                sent += 1
        except OSError:
            pass
    assert sent < 26 and receiver.server.is_alive()
    with receiver.server.connect() as line:
        line.sendall(b"POST /hooks/wine HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        line.sendall(f"{2 * MIB + 1:x}\r\n".encode() + b"x" * (2 * MIB + 1) + b"\r\n0\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("body", [
    b"[" * (2 * MIB), b'{"a":' * (MIB // 4), b"9" * (2 * MIB), b"-1e" + b"9" * 1000, b"[1," * (MIB // 2),
    b"[" + b"1," * (MIB - 2) + b"1]", b'"' + b"\\u0000" * 300000 + b'"', b'{"a": "\xff\xfe\xc0\x80"}', b"\x00" * 1000,
    b'"\\ud800"', b"{" + b",".join(b'"%d":1' % n for n in range(100000)) + b"}", b"NaN", b"1e999",
], ids=["deep lists", "deep maps", "digits", "exponent", "lists in lists", "values", "NULs", "no UTF-8", "zeros",
        "half a pair", "keys", "NaN", "infinity"])
def test_hostile_bodies_harm_nobody(sluice, body):
    """Of who signs nothing, and of who can sign."""
    receiver = Receiver(sluice)
    assert receiver.send(body, {"X-Hub-Signature-256": "sha256=" + "0" * 64})[0] == 401
    begun = cpu_seconds(receiver.server.process.pid)
    status, answer = receiver.send(body)
    assert status in (200, 202) and cpu_seconds(receiver.server.process.pid) - begun < 2, answer
    assert receiver.server.ask("GET", "/health")[0] == 200
    assert receiver.send(delivery="after")[0] == 202
    wait_until(lambda: "0a1b2c push" in receiver.said())


def test_hostile_headers_harm_nobody(sluice):
    receiver = Receiver(sluice)
    body = json.dumps(MAIN).encode()
    signature = hooks.github(body)["X-Hub-Signature-256"]
    for lines in (["X-Hub-Signature-256: " + signature] * 2,
                  ["X-Hub-Signature-256: sha256=" + "0" * 64, "X-Hub-Signature-256: " + signature],
                  ["X-Hub-Signature-256: sha256=" + "f" * 10000], ["X-Hub-Signature-256: \xff\xfe"],
                  ["X-Hub-Signature-256: sha256=" + "é" * 32], ["X-Hub-Signature-256:"], [""],
                  [f"X-{number}: y" for number in range(250)]):
        head = "\r\n".join(["POST /hooks/wine HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}",
                            "Connection: close", *filter(None, lines)])
        answer = receiver.server.send(head.encode("latin-1") + b"\r\n\r\n" + body)
        assert answer.split()[1] in (b"401", b"431"), lines
    assert receiver.send(delivery="é" * 50 + "\t" + "x" * 3000)[0] == 202
    assert receiver.deliveries()[0]["delivery_id"].startswith("sha256:")


def test_slow_clients_keep_nobody_waiting(sluice):
    receiver = Receiver(sluice)
    lines = []
    for _ in range(50):
        line = receiver.server.connect()
        line.sendall(b"POST /hooks/wine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n{")
        lines.append(line)
    for number in range(20):
        for line in lines:
            line.sendall(b"x")
        assert receiver.send(delivery=f"d-{number}")[0] == 202  # while none of them has sent all
    for line in lines:
        line.close()
    wait_until(lambda: len(receiver.said()) == 20)


def flood(receiver, count, name="wine", size=10, threads=4):
    """Deliveries that nobody signed: how often each status was answered."""
    statuses = {}
    lock = threading.Lock()

    def send():
        for _ in range(count // threads):
            status, headers, _ = receiver.server.ask("POST", f"/hooks/{name}", b"x" * size,
                                                     {"X-Hub-Signature-256": "sha256=" + "0" * 64})
            assert status != 429 or int(headers["Retry-After"]) >= 1
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    workers = [threading.Thread(target=send) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return statuses


def test_an_address_that_floods_is_told_to_wait(sluice):
    receiver = Receiver(sluice)
    begun = time.monotonic()
    statuses = flood(receiver, 800)
    most = 101 + (time.monotonic() - begun) * 20  # it has a hundred, and one more in each 50 ms
    assert set(statuses) <= {401, 429} and 100 <= statuses[401] <= most
    refused = receiver.deliveries("--limit", "1000")
    assert len(refused) <= statuses[401]


def test_a_flood_does_not_keep_out_who_is_known_there(sluice):
    """Behind a proxy all come from one address."""
    receiver = Receiver(sluice)
    assert receiver.send(delivery="first")[0] == 202
    stop = threading.Event()

    def harm():
        while not stop.is_set():
            flood(receiver, 40)

    thread = threading.Thread(target=harm)
    thread.start()
    try:
        took = []
        for number in range(50):
            begun = time.monotonic()
            assert receiver.send(delivery=f"d-{number}")[0] == 202
            took.append(time.monotonic() - begun)
    finally:
        stop.set()
        thread.join()
    assert sorted(took)[len(took) // 2] < 2, took
    assert len(receiver.deliveries("--outcome", "accepted", "--limit", "100")) == 51
    wait_until(lambda: len(receiver.said()) == 51)


def test_of_a_flood_few_are_recorded_and_the_others_counted(sluice):
    receiver = Receiver(sluice)
    assert receiver.send(delivery="first")[0] == 202
    begun = time.monotonic()
    statuses = flood(receiver, 800)
    recorded = receiver.rows("SELECT count(*) FROM hook_deliveries WHERE outcome = 'refused'")[0][0]
    assert recorded <= 101 + (time.monotonic() - begun) * 10 < statuses[401]
    time.sleep(0.2)
    assert receiver.send(secret="wrong")[0] == 401
    reasons = [one["reason"] for one in receiver.deliveries("--limit", "200")]
    assert any("more before it are not recorded" in reason for reason in reasons)


# ---- secrets that a command tells -----------------------------------------------------------------------------------

COMMAND = """\
#!/bin/sh
echo $$ >> asked
until [ -e tell ]; do sleep 0.02; done
cat tell
"""


@pytest.fixture
def asking(sluice):
    """A receiver whose secret is what a command prints, when there is a file `tell`."""
    path = sluice.write("command", COMMAND)
    path.chmod(0o700)
    sluice.write(".sluice/config.yaml", json.dumps({"secrets": {"HOOK": {"exec": [str(path)]}}}))
    return Receiver(sluice, secret=False)


def in_background(receiver, **sign):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(receiver.send(**sign)))
    thread.start()
    return thread, answers


def asked(receiver):
    path = receiver.sluice.folder / "asked"
    return len(path.read_text().split()) if path.exists() else 0


def test_a_command_that_tells_the_secret_keeps_nobody_else_waiting(asking):
    receiver = asking
    waiting = [in_background(receiver, delivery=f"d-{number % 5}") for number in range(10)]
    wait_until(lambda: asked(receiver) == 1)
    for _ in range(20):
        assert receiver.server.ask("GET", "/health")[0] == 200
    assert all(thread.is_alive() for thread, _ in waiting)
    (receiver.sluice.folder / "tell").write_text(SECRET + "\n")
    for thread, _ in waiting:
        thread.join(60)
    assert sorted(answers[0][0] for _, answers in waiting) == [200] * 5 + [202] * 5
    assert receiver.send(delivery="more")[0] == 202
    assert asked(receiver) == 1
    wait_until(lambda: len(receiver.said()) == 6)


def test_a_flood_starts_one_command(asking):
    receiver = asking
    (receiver.sluice.folder / "tell").write_text(SECRET + "\n")
    flood(receiver, 90)
    assert receiver.send()[0] == 202 and asked(receiver) <= 2


def test_a_client_that_goes_while_its_secret_is_asked_leaves_nothing(asking):
    receiver = asking
    for _ in range(5):
        line = receiver.server.connect()
        line.sendall(b"POST /hooks/wine HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        wait_until(lambda: asked(receiver) == 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        line.close()
    (receiver.sluice.folder / "tell").write_text(SECRET + "\n")
    assert receiver.send()[0] == 202
    assert receiver.server.stop() == ""


def test_a_server_that_ends_lets_go_who_waits(asking):
    receiver = asking
    thread, answers = in_background(receiver)
    wait_until(lambda: asked(receiver) == 1)
    receiver.server.process.terminate()
    receiver.server.process.terminate()
    thread.join(60)
    assert not thread.is_alive() and (not answers or answers[0][0] == 503)
    assert wait_until(lambda: receiver.server.process.poll() is not None, 30) and receiver.runs() == []


def test_a_secret_that_is_not_there_is_a_503_and_what_came_can_be_replayed(sluice):
    receiver = Receiver(sluice, secret=False)
    status, answer = receiver.send()
    assert status == 503 and answer["error_code"] == "TEMPORARILY_UNAVAILABLE"
    refused = receiver.deliveries()[0]
    assert refused["outcome"] == "refused" and "no secret 'HOOK'" in refused["reason"]
    hooks.with_input(sluice, SECRET, "secrets", "set", "HOOK", "-")
    assert sluice("deliveries", "replay", "1", "--json", expect=0).json["status"] == "accepted"
    wait_until(lambda: receiver.said() == ["0a1b2c push"])


# ---- faults ---------------------------------------------------------------------------------------------------------


def test_killed_between_the_answer_and_the_run_there_is_one_run(sluice):
    """It dies while it decides about the trigger that it has acknowledged."""
    def start(*arguments):
        return sluice.start(*arguments, env={"SLUICE_CRASH": "in_trigger"})
    receiver = Receiver(sluice, start=start)
    assert receiver.send()[0] == 202
    wait_until(lambda: receiver.server.process.poll() is not None)
    assert receiver.rows("SELECT outcome FROM triggers") == [("pending",)] and receiver.said() == []
    receiver.serve()
    wait_until(lambda: receiver.said() == ["0a1b2c push"])
    assert receiver.send()[1]["status"] == "duplicate"
    assert [run["status"] for run in receiver.runs()] == ["succeeded"]


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_what_was_answered_runs_once(sluice, seed):
    receiver = Receiver(sluice)
    accepted = []
    wait_until(receiver.server.is_alive)

    def client(number):
        try:
            for count in range(1000):
                delivery = f"{number}-{count}"
                if receiver.send({**MAIN, "after": delivery}, delivery=delivery)[0] == 202:
                    accepted.append(delivery)
        except (OSError, ValueError):
            pass

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for one in clients:
        one.start()
    wait_until(lambda: accepted)
    time.sleep(0.05 * seed)
    receiver.server.process.kill()
    receiver.server.process.wait()
    for one in clients:
        one.join()
    receiver.serve()
    wait_until(lambda: receiver.rows("SELECT count(*) FROM triggers WHERE outcome = 'pending'") == [(0,)], 120)
    wait_until(lambda: all(run["status"] == "succeeded" for run in
                           sluice("runs", "--limit", "10000", "--json", expect=0).json), 120)
    ran = [line.split()[0] for line in receiver.said()]
    assert len(ran) == len(set(ran)) and set(accepted) <= set(ran)
    assert receiver.rows("SELECT count(*) FROM triggers") == receiver.rows("SELECT count(*) FROM pipeline_runs")
    assert receiver.rows("SELECT count(*) FROM hook_deliveries WHERE outcome = 'accepted'") == [(len(ran),)]


def test_nothing_is_answered_202_while_the_disk_is_full(sluice, start_full):  # noqa: F811
    receiver = Receiver(sluice, start=start_full)
    assert receiver.send(delivery="before")[0] == 202
    wait_until(lambda: receiver.said() == ["0a1b2c push"])
    (sluice.folder / "full").touch()
    status, headers, _ = receiver.server.ask("POST", "/hooks/wine", json.dumps(MAIN).encode(),
                                             hooks.github(json.dumps(MAIN).encode(), delivery="full"))
    assert status == 503 and headers["Retry-After"]
    assert receiver.server.ask("GET", "/health")[0] == 200
    os.unlink(sluice.folder / "full")
    wait_until(lambda: receiver.send(delivery="full")[0] in (200, 202))
    wait_until(lambda: len(receiver.said()) == 2)
    time.sleep(0.3)
    assert len(receiver.said()) == 2
