# SPDX-License-Identifier: Apache-2.0
"""The address and the token that a step finds in its environment, asked by a small client of our own."""
import os
import pathlib
import signal
import urllib.error
import urllib.request

from programs import wait_until
from serving import Server

import pytest

CLIENT = """\
import json, os, sys, urllib.error, urllib.request

def ask(method, path, body=None, token=None, kind="application/json"):
    headers = {"Content-Type": kind, "Authorization": "Bearer " + (token or os.environ["MLFLOW_TRACKING_TOKEN"])}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()

def api(path, body):
    status, answer = ask("POST", "/api/2.0/mlflow" + path, body)
    assert status == 200, (status, answer)
    return json.loads(answer)

def own_run():
    return api("/runs/create", {"experiment_id": os.environ["MLFLOW_EXPERIMENT_ID"]})["run"]["info"]
"""

PIPELINE = """\
name: p
steps:
  a: {run: [python3, step.py]}
"""


@pytest.fixture
def step(sluice):
    """Writes the program of the pipeline's one step."""
    def write(text):
        (sluice.folder / "client.py").write_text(CLIENT, encoding="utf-8")
        (sluice.folder / "step.py").write_text("from client import *\n" + text, encoding="utf-8")
        sluice.pipeline(PIPELINE)
    return write


def open_fds(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def runner_pids(sluice):
    """Of the runners of the home."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--home" in line and line[line.index(b"--home") + 1] == str(sluice.home).encode():
            found.append(int(entry.name))
    return found


def test_a_step_logs_into_its_own_run(sluice, step):
    step("""
run = own_run()
api("/runs/log-metric", {"run_id": run["run_id"], "key": "loss", "value": 0.5, "timestamp": 0})
""")
    result = sluice.run()
    assert result.step("a")["status"] == "succeeded"


def test_a_runner_that_is_killed_leaves_no_port_behind(sluice, step):
    server = Server(sluice)
    step("""
import time
own_run()
open("begun", "w").close()
time.sleep(600)
""")
    counts = []
    for _ in range(6):
        follower = sluice.start("run", "--json")
        assert wait_until(lambda: (sluice.folder / "begun").exists())
        for pid in runner_pids(sluice):
            if pid != server.process.pid:
                os.kill(pid, signal.SIGKILL)
        follower.wait()
        (sluice.folder / "begun").unlink()
        counts.append(open_fds(server.process.pid))
    assert wait_until(lambda: open_fds(server.process.pid) <= counts[0] + 2), counts
    assert server.is_alive()


def test_a_step_writes_files_of_its_own_run_and_nowhere_else(sluice, step):
    step("""
mine = own_run()["run_id"]
experiment = os.environ["MLFLOW_EXPERIMENT_ID"]
there = "/api/2.0/mlflow-artifacts/artifacts/"
assert ask("PUT", f"{there}{experiment}/{mine}/artifacts/f", b"mine")[0] == 200
for place in (f"0/{mine}/artifacts/f", f"x/{mine}/artifacts/f", f"models/{mine}/artifacts/f",
              f"{experiment}/models/{mine}/artifacts/f", f"{experiment}/{mine}/f", f"{experiment}/{mine}/artifacts2/f",
              f"{experiment}/{'0' * 32}/artifacts/f", "f", f"{experiment}/f", f"{experiment}/{mine}/artifacts"):
    status, answer = ask("PUT", there + place, b"theirs")
    assert status in (400, 403, 404), (place, status, answer)
assert ask("DELETE", f"{there}{experiment}/{mine}/artifacts/f")[0] == 403
""")
    result = sluice.run()
    assert result.step("a")["status"] == "succeeded", result
    files = sorted(str(one.relative_to(sluice.home / "artifacts")) for one in (sluice.home / "artifacts").rglob("f"))
    assert len(files) == 1, files


def test_a_token_ends_with_its_attempt(sluice, step):
    server = Server(sluice)
    step("""
own_run()
with open("token", "w") as file:
    print(os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_TRACKING_TOKEN"], file=file)
""")
    sluice.pipeline(PIPELINE + "  b: {run: 'while [ ! -e go ]; do sleep 0.02; done', needs: a}\n")
    follower = sluice.start("run", "--json")
    assert wait_until(lambda: (sluice.folder / "token").exists() and (sluice.folder / "token").read_text())
    address, token = (sluice.folder / "token").read_text(encoding="ascii").split()

    def status(shown, path="/api/2.0/mlflow/experiments/get?experiment_id=0"):
        request = urllib.request.Request(address + path, headers={"Authorization": shown})
        try:
            return urllib.request.urlopen(request, timeout=60).status
        except urllib.error.HTTPError as answer:
            return answer.code

    assert wait_until(lambda: status(f"Bearer {token}") == 401)  # its step has ended, the runner has not
    number = int(token.split("-")[1])
    for shown in ("", "Bearer", "Bearer ", token, f"Basic {token}", "Bearer sls-",
                  f"Bearer sls-{number + 1}-" + "0" * 64,
                  "Bearer sls--1-x", f"Bearer {token}x", "Bearer sls-99999999999999999999-" + "0" * 64):
        assert status(shown) == 401, shown
    assert status("", "/health") == 200
    (sluice.folder / "go").touch()
    assert follower.wait(60) == 0
    assert server.is_alive()
