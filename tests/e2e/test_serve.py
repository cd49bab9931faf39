# SPDX-License-Identifier: Apache-2.0
"""`sluice serve`: beginning, ending, and the home it shares."""
import contextlib
import hashlib
import http.client
import pathlib
import random
import signal
import socket
import sqlite3
import threading
import time

from programs import wait_until
from serving import Server

import pytest


@pytest.fixture
def server(sluice):
    return Server(sluice)


def test_it_says_where_it_is_and_who(server):
    assert server.ask("GET", "/health")[::2] == (200, b"OK")
    assert server.ask("GET", "/version")[0] == 200
    assert server.api("GET", "/server-info", version="3.0")["workspaces_enabled"] is False
    assert server.stop() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_a_second_one_finds_all_that_was_said(sluice, number):
    server = Server(sluice)
    run_id = server.run()["run_id"]
    server.api("POST", "/runs/set-tag", {"run_id": run_id, "key": "a", "value": "b"})
    server.stop(number)
    server = Server(sluice)
    tags = server.api("GET", f"/runs/get?run_id={run_id}")["run"]["data"]["tags"]
    assert {"key": "a", "value": "b"} in tags


def test_what_was_answered_survives_a_kill(sluice):
    server = Server(sluice)
    run_id = server.run()["run_id"]
    for step in range(50):
        server.api("POST", "/runs/log-metric", {"run_id": run_id, "key": "m", "value": step, "timestamp": step})
    path = f"0/{run_id}/artifacts/a.txt"
    assert server.put(path, b"text")[0] == 200
    server.process.kill()
    server.process.wait()
    server = Server(sluice)
    points = server.api("GET", f"/metrics/get-history?run_id={run_id}&metric_key=m")["metrics"]
    assert [point["value"] for point in points] == list(range(50))
    assert server.get(path)[::2] == (200, b"text")


@pytest.mark.parametrize("seed", range(4))
def test_what_was_answered_is_there_after_a_kill_at_any_moment(sluice, seed):
    dice = random.Random(seed)
    server = Server(sluice)
    run_id = server.run()["run_id"]
    tags, files = [], []

    def client(number):
        with contextlib.suppress(OSError, http.client.HTTPException):
            for count in range(10000):
                name = f"{number}-{count}"
                body = {"run_id": run_id, "key": name, "value": name}
                if server.ask("POST", "/api/2.0/mlflow/runs/set-tag", body)[0] == 200:
                    tags.append(name)
                data = name.encode() * dice.choice((1, 1000, 100000))
                if number % 2 and server.put(f"0/{run_id}/artifacts/{name}", data)[0] == 200:
                    files.append((name, data))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for one in clients:
        one.start()
    wait_until(lambda: tags)
    time.sleep(dice.uniform(0, 0.9))
    server.process.kill()
    for one in clients:
        one.join()
    server = Server(sluice)
    there = {tag["key"] for tag in server.api("GET", f"/runs/get?run_id={run_id}")["run"]["data"]["tags"]}
    assert not set(tags) - there
    for name, data in files:
        assert server.get(f"0/{run_id}/artifacts/{name}")[::2] == (200, data)
    assert not list((sluice.home / "incoming").iterdir())
    with contextlib.closing(sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True)) as home:
        for path, digest in home.execute("SELECT path, sha256 FROM artifacts WHERE owner = ?", (run_id,)):
            data = server.get(f"0/{run_id}/artifacts/{path}")[2]
            assert hashlib.sha256(data).hexdigest() == digest


def test_a_home_has_one_server(sluice, server):
    result = sluice("serve", "--port", "0", expect=4)
    assert "in use by sluice serve, pid" in result.err
    assert server.is_alive()


def test_a_port_that_is_taken_is_an_error(sluice):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = sluice("serve", "--port", other.getsockname()[1])
    assert result.code == 4 and "listening at 127.0.0.1 port" in result.err
    assert result.err.endswith("Address already in use: --port N takes another, 0 one that is free\n")


@pytest.mark.parametrize("options, words", [
    (("--host", "0.0.0.0"), "say --insecure"),
    (("--host", "192.168.0.1"), "say --insecure"),
    (("--host", "example.com"), "say --insecure"),
    (("--port", "70000"), "--port: expected an integer from 0 to 65535, found '70000'"),
    (("--allowed-host", ""), "--allowed-host '': expected a name without port, such as"),
    (("--allowed-host", "https://mlflow.example"), "--allowed-host 'https://mlflow.example': expected a name"),
    (("--allowed-host", "mlflow.example:443"), "expected a name without port, such as mlflow.example.com"),
    (("--allowed-host", "a.*"), "such as mlflow.example.com, *.example.com or *"), (("--allowed-host", "*."), "'*.'"),
    (("--host", "127.0.0.1x"), "expected a numeric address"),
])
def test_addresses_that_are_refused(sluice, options, words):
    result = sluice("serve", *options)
    assert result.code == 2 and words in result.err


def test_a_command_that_serves_nobody_does_not_load_what_servers_need(sluice, server):
    run = sluice("--version", env={"LD_TRACE_LOADED_OBJECTS": "1"})
    assert "libsqlite3" in run.out and "microhttpd" not in run.out and "gnutls" not in run.out
    assert "microhttpd" in pathlib.Path(f"/proc/{server.process.pid}/maps").read_text(encoding="utf-8")


def test_an_ipv6_address_is_a_name_of_the_server(sluice):
    process = sluice.start("serve", "--port", "0", "--host", "::ffff:127.0.0.1", "--insecure")
    address = process.stdout.readline().strip().rpartition(" at ")[2]
    port = int(address.rpartition(":")[2])
    assert address == f"http://[::ffff:127.0.0.1]:{port}"
    for host, status in ((f"[::ffff:127.0.0.1]:{port}", 200), ("[::ffff:127.0.0.2]", 403)):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        line.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"Host": host})
        assert line.getresponse().status == status
        line.close()


def test_runs_of_other_terminals_go_on_in_it(sluice, server):
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: "echo hi"}
        """)
    result = sluice.run()
    assert result.step("a")["status"] == "succeeded"
    run_id = result.json["run_id"]
    run = server.api("GET", f"/runs/get?run_id={run_id}")["run"]
    assert run["info"]["status"] == "FINISHED"
    found = server.api("POST", "/runs/search", {"experiment_ids": [run["info"]["experiment_id"]]})["runs"]
    assert {one["info"]["run_id"] for one in found} == {run_id, result.step("a")["run_id"]}


def test_files_of_steps_are_read_through_it(sluice, server):
    sluice.pipeline("""\
        name: p
        steps:
          a:
            run: mkdir -p out && echo text > out/a.txt
            artifacts: {report: out/a.txt}
        """)
    run_id = sluice.run().step("a")["run_id"]
    run = server.api("GET", f"/runs/get?run_id={run_id}")["run"]["info"]
    assert run["artifact_uri"].startswith("mlflow-artifacts:/")
    files = server.api("GET", f"/artifacts/list?run_id={run_id}")["files"]
    names = []
    while files:
        names = [file["path"] for file in files if not file["is_dir"]]
        folders = [file["path"] for file in files if file["is_dir"]]
        files = server.api("GET", f"/artifacts/list?run_id={run_id}&path={folders[0]}")["files"] if folders else []
    assert any(name.endswith("a.txt") for name in names), names
    status, _, data = server.ask("GET", f"/get-artifact?run_id={run_id}&path={names[0]}")
    assert (status, data) == (200, b"text\n")


def test_a_step_that_runs_goes_on_without_it(sluice):
    server = Server(sluice)
    sluice.pipeline("""\
        name: p
        steps:
          a: {run: "touch begun; while [ ! -e go ]; do sleep 0.05; done; touch done"}
        """)
    follower = sluice.start("run", "--json")
    wait_until(lambda: (sluice.folder / "begun").exists())
    follower.kill()
    server.stop()
    (sluice.folder / "go").touch()
    wait_until(lambda: (sluice.folder / "done").exists())
    server = Server(sluice)
    home = sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True)
    wait_until(lambda: home.execute("SELECT state FROM pipeline_runs").fetchall() == [("succeeded",)])
    home.close()
    assert server.stop() == ""
