# SPDX-License-Identifier: Apache-2.0
"""The address and the token that a step finds in its environment, asked by a small client of our own."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
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


# ---- secrets -------------------------------------------------------------------------------------------------------

SECRET = 's3cret "of the" team é42'
TOLD = """\
secret = os.environ["TOK"]
escaped = json.dumps({"url": f"https://x:{secret}@h/"})

def tell():
    run = own_run()["run_id"]
    api("/runs/update", {"run_id": run, "run_name": f"run of {secret}"})
    api("/runs/log-parameter", {"run_id": run, "key": "plain", "value": secret})
    api("/runs/set-tag", {"run_id": run, "key": "told", "value": escaped})
    api("/runs/log-batch", {"run_id": run, "params": [{"key": "in-a-batch", "value": f"a {secret} b"}],
                            "tags": [], "metrics": []})
    return run
"""


def secret_bytes():
    """The value as it would stand in a file: as it is, and in JSON."""
    return [SECRET.encode(), json.dumps(SECRET)[1:-1].encode(), json.dumps(SECRET, ensure_ascii=False)[1:-1].encode()]


def places_with(sluice, values):
    """Files of the home that show one of them. What its runner takes away meanwhile shows nothing."""
    found = []
    for folder, _, names in os.walk(sluice.home):
        for name in names:
            path = pathlib.Path(folder, name)
            with contextlib.suppress(OSError):
                if path.is_file() and any(value in path.read_bytes() for value in values):
                    found.append(str(path))
    return found


def records(sluice, sql):
    with contextlib.closing(sqlite3.connect(sluice.home / "sluice.db")) as store:
        return store.execute(sql).fetchall()


def test_a_secret_is_hidden_in_what_a_client_records(sluice, step):
    sluice.home.mkdir(exist_ok=True)
    (sluice.home / "config.yaml").write_text("secrets: {TOK: {env: GIVEN, for: [p]}}\n", encoding="utf-8")
    sluice.env["GIVEN"] = SECRET
    step(TOLD + """
run = tell()
files = "/api/2.0/mlflow-artifacts/artifacts/" + os.environ["MLFLOW_EXPERIMENT_ID"] + f"/{run}/artifacts/"
import urllib.parse
status, answer = ask("PUT", files + urllib.parse.quote(f"{secret[:6]}/a"), b"x", kind="application/octet-stream")
assert status == 200, answer
status, answer = ask("PUT", files + urllib.parse.quote(f"of {secret}", safe=""), b"x",
                     kind="application/octet-stream")
assert status == 400 and b"there is a secret in the name of the file" in answer, (status, answer)
""")
    sluice.pipeline(PIPELINE.replace("a: {", 'a: {env: {TOK: "${{ secrets.TOK }}"}, '))
    sluice.run()
    params = dict(records(sluice, "SELECT key, value FROM run_params"))
    assert params["plain"] == "***" and params["in-a-batch"] == "a *** b"
    tags = dict(records(sluice, "SELECT key, value FROM run_tags"))
    assert tags["told"] == '{"url": "https://x:***@h/"}'
    assert ("run of ***",) in records(sluice, "SELECT name FROM runs")
    assert places_with(sluice, secret_bytes()) == []


PROVIDERS = {"file": "{file: ../value}", "exec": "{exec: [cat, value]}", "env": "{env: GIVEN}",
             "never": "{exec: [sh, -c, 'while [ -e held ]; do sleep 0.02; done; cat value']}"}


@pytest.mark.parametrize("provider, then", [("file", "another"), ("exec", "another"), ("env", "another"),
                                            ("file", "fails"), ("exec", "fails"), ("env", "fails"), ("never", "fails")])
def test_a_secret_is_hidden_by_the_sluice_that_takes_over(sluice, step, provider, then):
    """As it was when the step began, whatever its provider says now: another value, or none."""
    sluice.home.mkdir(exist_ok=True)
    (sluice.home / "config.yaml").write_text(f"secrets: {{TOK: {PROVIDERS[provider]}}}\n", encoding="utf-8")
    sluice.env["GIVEN"] = SECRET
    (sluice.folder / "value").write_text(SECRET, encoding="utf-8")
    step(TOLD + """
import pathlib, time
import client

def patient(path, body):
    for _ in range(3000):
        try:
            status, answer = ask("POST", "/api/2.0/mlflow" + path, body)
        except OSError:
            status, answer = 503, b"nobody is there"
        if status != 503:
            assert status == 200, (status, answer)
            return json.loads(answer)
        time.sleep(0.02)
    raise AssertionError(answer)

api = client.api = patient
pathlib.Path("begun").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.02)
tell()
""")
    sluice.pipeline(PIPELINE.replace("a: {", 'a: {env: {TOK: "${{ secrets.TOK }}"}, '))
    first = sluice.start("run")
    assert wait_until((sluice.folder / "begun").exists)
    first.kill()
    first.communicate()
    (sluice.folder / "held").touch()
    (sluice.folder / "value").unlink()
    sluice.env.pop("GIVEN")
    if then == "another":
        (sluice.folder / "value").write_text("quite another value", encoding="utf-8")
        sluice.env["GIVEN"] = "quite another value"
    second = sluice.start("resume")
    (sluice.folder / "go").touch()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, (out, err)
    assert records(sluice, "SELECT value FROM run_params WHERE key = 'plain'") == [("***",)]
    assert ("run of ***",) in records(sluice, "SELECT name FROM runs")
    assert SECRET not in out + err and places_with(sluice, secret_bytes()) == []
