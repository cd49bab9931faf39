# SPDX-License-Identifier: Apache-2.0
"""Runs whose client died: those of steps end with the step, those of others when config.yaml says so."""
import contextlib
import sqlite3
import time

from programs import wait_until
from serving import Server

import pytest


@pytest.fixture
def serve(sluice):
    """Starts a server that gives runs up after this long; None: as it is by default."""
    started = []

    def start(reap_after):
        sluice.write(".sluice/config.yaml", f"mlflow: {{reap_after: {reap_after}}}\n" if reap_after else "")
        started.append(Server(sluice))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def get(server, run_id):
    return server.api("GET", f"/runs/get?run_id={run_id}")["run"]


def status(server, run_id):
    return get(server, run_id)["info"]["status"]


def tags(server, run_id):
    return {one["key"]: one["value"] for one in get(server, run_id)["data"]["tags"]}


def log(server, run_id, value=1):
    server.api("POST", "/runs/log-metric", {"run_id": run_id, "key": "m", "value": value, "timestamp": 5})


def rows(sluice, query, *values):
    with contextlib.closing(sqlite3.connect(f"file:{sluice.home / 'sluice.db'}?mode=ro", uri=True)) as home:
        return home.execute(query, values).fetchall()


def test_a_silent_run_has_failed_when_it_was_heard_of_last(serve):
    server = serve("4s")
    before = int(time.time() * 1000)
    run_id = server.run(start_time=5)["run_id"]
    log(server, run_id)
    after = int(time.time() * 1000)
    assert status(server, run_id) == "RUNNING"
    assert wait_until(lambda: status(server, run_id) == "FAILED")
    assert time.time() * 1000 > before + 4000
    assert before - 200 <= get(server, run_id)["info"]["end_time"] <= after
    assert tags(server, run_id)["sluice.reaped"].startswith("no word for ")


def test_by_default_no_run_is_given_up_and_nothing_is_noted(sluice, serve):
    server = serve(None)
    run_id = server.run()["run_id"]
    log(server, run_id)
    time.sleep(2)
    assert status(server, run_id) == "RUNNING"
    assert rows(sluice, "SELECT * FROM run_writes") == []


@pytest.mark.parametrize("write", ["metric", "tag", "batch", "file", "part"])
def test_a_run_that_is_written_lives_and_so_do_those_above(serve, write):
    server = serve("4s")
    parent = server.run()["run_id"]
    child = server.run(tags=[{"key": "mlflow.parentRunId", "value": parent}])["run_id"]
    silent = server.run()["run_id"]
    folder = f"0/{child}/artifacts"
    url = server.ask("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{folder}", {"path": "a", "num_parts": 1})[2]
    writes = {
        "metric": lambda: log(server, child),
        "tag": lambda: server.api("POST", "/runs/set-tag", {"run_id": child, "key": "k", "value": "v"}),
        "batch": lambda: server.api("POST", "/runs/log-batch",
                                    {"run_id": child, "params": [{"key": "p", "value": "v"}]}),
        "file": lambda: server.put(f"{folder}/a.txt", b"text"),
        "part": lambda: server.ask("PUT", "/api/2.0/mlflow-artifacts/mpu/part/"
                                          + url.decode().split('"upload_id":"')[1][:32] + "/1", b"text"),
    }
    while status(server, silent) == "RUNNING":
        writes[write]()
        time.sleep(0.3)
    assert [status(server, run_id) for run_id in (parent, child, silent)] == ["RUNNING", "RUNNING", "FAILED"]
    assert wait_until(lambda: status(server, child) == status(server, parent) == "FAILED")


def test_a_client_that_comes_back_is_heard(serve):
    server = serve("1s")
    run_id = server.run()["run_id"]
    assert wait_until(lambda: status(server, run_id) == "FAILED")
    log(server, run_id)
    server.api("POST", "/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 77})
    time.sleep(1.5)
    info = get(server, run_id)["info"]
    assert (info["status"], info["end_time"]) == ("FINISHED", 77)


def test_runs_that_have_ended_are_left_alone_and_forgotten(sluice, serve):
    server = serve("1s")
    run_id = server.run()["run_id"]
    server.api("POST", "/runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 77})
    assert wait_until(lambda: rows(sluice, "SELECT * FROM run_writes") == [])
    assert status(server, run_id) == "FINISHED" and "sluice.reaped" not in tags(server, run_id)


def test_a_server_that_was_away_listens_first(serve):
    server = serve("6s")
    run_id = server.run()["run_id"]
    server.process.kill()
    server.process.wait()
    time.sleep(6.5)
    server = serve("6s")
    time.sleep(3)
    assert status(server, run_id) == "RUNNING"
    log(server, run_id)
    time.sleep(3.5)
    assert status(server, run_id) == "RUNNING"
    assert wait_until(lambda: status(server, run_id) == "FAILED")


def test_runs_from_before_it_was_asked_for_begin_now(serve):
    server = serve(None)
    run_id = server.run(start_time=5)["run_id"]
    server.stop()
    server = serve("4s")
    assert status(server, run_id) == "RUNNING"
    assert wait_until(lambda: status(server, run_id) == "FAILED")
    assert get(server, run_id)["info"]["end_time"] > time.time() * 1000 - 20000


STEP = """\
import json, os, sys, time, urllib.request

def ask(path, body):
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow" + path, json.dumps(body).encode(),
        {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))

def run(name, parent=None):
    tags = [] if parent is None else [{"key": "mlflow.parentRunId", "value": parent}]
    body = {"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"], "run_name": name, "tags": tags}
    return ask("/runs/create", body)["run"]["info"]["run_id"]

own = run("own")
open_one, ended = run("open"), run("ended")
inner = run("inner", open_one)
ask("/runs/update", {"run_id": ended, "status": "KILLED", "end_time": 77})
"""


@pytest.mark.parametrize("end, expected", [("", "FINISHED"), ("sys.exit(3)\n", "FAILED"),
                                           ("os.kill(os.getpid(), 9)\n", "FAILED")])
def test_runs_that_a_step_left_open_end_as_it_did(sluice, end, expected):
    (sluice.folder / "step.py").write_text(STEP + end, encoding="utf-8")
    sluice.pipeline("name: p\nsteps:\n  a: {run: [python3, step.py]}\n")
    sluice("run", expect=0 if expected == "FINISHED" else 1)
    found = {name: (state, bool(end)) for name, state, end in rows(sluice, "SELECT name, status, end_ms FROM runs")}
    assert [found[name] for name in ("own", "open", "inner")] == [(expected, True)] * 3
    assert found["ended"] == ("KILLED", True)
    assert rows(sluice, "SELECT end_ms FROM runs WHERE name = 'ended'") == [(77,)]


def test_a_step_that_goes_on_is_never_silent(sluice, serve):
    server = serve("1s")
    other = server.run()["run_id"]
    waits = "while not os.path.exists('go'): time.sleep(0.05)\n"
    (sluice.folder / "step.py").write_text(STEP + waits, encoding="utf-8")
    sluice.pipeline("name: p\nsteps:\n  a: {run: [python3, step.py]}\n")
    run = sluice.start("run")
    assert wait_until(lambda: status(server, other) == "FAILED")
    assert wait_until(lambda: rows(sluice, "SELECT 1 FROM runs WHERE name = 'inner'"))
    time.sleep(2.5)
    assert {state for state, in rows(sluice, "SELECT status FROM runs WHERE name IN ('own', 'open', 'inner')")} == {
        "RUNNING"}
    (sluice.folder / "go").touch()
    assert run.wait(timeout=60) == 0
    assert rows(sluice, "SELECT count(*) FROM run_tags WHERE key = 'sluice.reaped'") == [(1,)]


@pytest.mark.parametrize("value", ["10ms", "400d", "soon", "[1h]"])
def test_times_that_are_none_are_refused(sluice, value):
    sluice.write(".sluice/config.yaml", f"mlflow: {{reap_after: {value}}}\n")
    result = sluice("serve", "--port", "0")
    assert result.code == 2 and "config.yaml:1:" in result.err
