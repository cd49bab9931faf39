#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a request costs `sluice serve` more when there are users: instructions, which another program on the machine
does not change. Counted by valgrind's callgrind, as what 1,200 requests take more than 200:
python3 tests/bench/user_cost.py build"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

os.environ["SLUICE_BUILD"] = str(pathlib.Path(sys.argv[1]).resolve())
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
from accounts import ALICE, BOB, As, add_token, add_user, basic, bearer  # noqa: E402
from programs import BUILD, Sluice  # noqa: E402
from serving import Server  # noqa: E402

FEW, MANY = 200, 1200


def make_home(folder):
    """What is asked for, in a home without users."""
    home = Sluice(folder)
    server = Server(home)
    experiment = server.api("POST", "/experiments/create", {"name": "e"})["experiment_id"]
    run = server.api("POST", "/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    server.api("POST", "/registered-models/create", {"name": "m"})
    server.stop()
    metric = {"run_id": run, "key": "m", "value": 1, "timestamp": "%N", "step": "%N"}
    return home, {
        "get a run": ("GET", f"/runs/get?run_id={run}", None),
        "log a metric": ("POST", "/runs/log-metric", metric),
        "get a registered model": ("GET", "/registered-models/get?name=m", None),
        "search runs": ("POST", "/runs/search", {"experiment_ids": [experiment]}),
    }


def add_users(home):
    """Who asks, and what he shows."""
    add_user(home, "alice", ALICE, "--admin")
    add_user(home, "bob", BOB)
    server = Server(home)
    body = {"experiment_id": "1", "username": "bob", "permission": "EDIT"}
    As(server, basic("alice", ALICE)).api("POST", "/experiments/permissions/create", body)
    shown = {"an admin's password": basic("alice", ALICE), "a user's password": basic("bob", BOB),
             "a user's token": bearer(add_token(home, "bob"))}
    server.stop()
    return shown


def instructions(home, headers, call, count):
    """Of a server from its start to its end, with that many requests between."""
    method, path, body = call
    with tempfile.TemporaryDirectory() as folder:
        copy = Sluice(pathlib.Path(folder))
        shutil.copytree(home.home, copy.home, ignore=shutil.ignore_patterns("*.sock"))
        counts = pathlib.Path(folder) / "counts"

        def start(*arguments):
            tool = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={counts}"]
            process = subprocess.Popen([*tool, BUILD / "sluice", *arguments], cwd=folder, env=copy.env, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            copy.started.append(process)
            return process

        server = Server(copy, start=start)
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        for number in range(count):
            sent = body and json.dumps(body).replace('"%N"', str(number))
            line.request(method, "/api/2.0/mlflow" + path, sent, {**headers, "Content-Type": "application/json"})
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        line.close()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        copy.close()
        return int(re.search(r"^(?:summary|totals): (\d+)", counts.read_text(encoding="utf-8"), re.M)[1])


def main():
    with tempfile.TemporaryDirectory() as without, tempfile.TemporaryDirectory() as having:
        plain, calls = make_home(pathlib.Path(without))
        users = Sluice(pathlib.Path(having))
        shutil.copytree(plain.home, users.home)
        shown = add_users(users)
        print("| | nobody is asked | " + " | ".join(shown) + " |\n|---|---|" + "---|" * len(shown))
        for name, call in calls.items():
            each = [(instructions(home, headers, call, MANY) - instructions(home, headers, call, FEW)) / (MANY - FEW)
                    for home, headers in [(plain, {})] + [(users, headers) for headers in shown.values()]]
            more = [f"+{one - each[0]:,.0f} ({(one / each[0] - 1) * 100:.0f} %)" for one in each[1:]]
            print(f"| {name} | {each[0]:,.0f} | " + " | ".join(more) + " |", flush=True)
        plain.close()
        users.close()


if __name__ == "__main__":
    main()
