# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: nothing is lost, no finished step runs twice, nothing stays "running"."""
import os
import pathlib
import random
import signal
import sqlite3
import time

import pytest
from conftest import runners_of, wait_until

CHAIN = """\
    name: chain
    steps:
      one: {run: "echo one >> trace; sleep 0.3"}
      two: {run: "echo two >> trace; sleep 0.5", needs: [one]}
      three: {run: "echo three >> trace; sleep 0.2", needs: [two]}
      four: {run: "echo four >> trace", needs: [three]}
    """


def trace(sluice):
    path = sluice.folder / "trace"
    return path.read_text().split() if path.exists() else []


def kill(process):
    process.kill()
    process.communicate()


def states(sluice, table, column):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        return [row[0] for row in store.execute(f"SELECT {column} FROM {table}")]


def test_steps_go_on_while_nobody_watches_and_resume_finds_them(sluice):
    sluice.pipeline(CHAIN)
    process = sluice.start("run")
    wait_until(lambda: "two" in trace(sluice))
    kill(process)
    result = sluice("resume", "--json", expect=0)
    assert result.json["status"] == "succeeded"
    assert trace(sluice) == ["one", "two", "three", "four"]
    assert [step["attempt"] for step in result.json["steps"]] == [1, 1, 1, 1]


def test_the_same_command_goes_on(sluice):
    sluice.pipeline(CHAIN)
    process = sluice.start("run")
    wait_until(lambda: "two" in trace(sluice))
    kill(process)
    result = sluice("run", "--json", expect=0)
    assert "going on with chain run 1" in result.err
    assert result.json["number"] == "1" and trace(sluice) == ["one", "two", "three", "four"]
    assert sluice.run().json["number"] == "2"


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_random_moments_again_and_again(sluice, seed):
    sluice.pipeline(CHAIN)
    moments = random.Random(seed)
    process = sluice.start("run")
    for _ in range(6):
        time.sleep(moments.uniform(0.02, 0.4))
        kill(process)
        process = sluice.start("run")
    process.communicate(timeout=60)
    run = sluice("show", "chain/1", "--json", expect=0).json
    assert run["status"] == "succeeded"
    steps = trace(sluice)
    first = steps[:4]
    assert first == ["one", "two", "three", "four"], steps
    assert "running" not in states(sluice, "attempts", "state")


def test_a_dead_runner_loses_its_steps_and_says_so(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "echo $$ > pid; echo again >> trace; sleep 300"}
          after: {run: "true", needs: [slow]}
        """)
    process = sluice.start("run")
    pid = int(wait_until(lambda: (sluice.folder / "pid").exists() and (sluice.folder / "pid").read_text().strip()))
    kill(process)
    for runner in runners_of(sluice.home):
        os.kill(runner, signal.SIGKILL)
    result = sluice("resume", "--json", expect=1)
    step = result.step("slow")
    assert step["status"] == "failed" and "lost" in step["reason"]
    assert result.step("after")["status"] == "skipped"
    stat = pathlib.Path(f"/proc/{pid}/stat")
    wait_until(lambda: not stat.exists() or " Z " in stat.read_text(encoding="ascii"))


def test_a_lost_attempt_is_retried_when_the_policy_says_so(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow:
            run: |
              echo ${{ step.attempt }} >> trace
              test ${{ step.attempt }} = 2 || sleep 300
            retry: {attempts: 2, delay: 1ms, on: [lost]}
        """)
    process = sluice.start("run")
    wait_until(lambda: trace(sluice) == ["1"])
    kill(process)
    for runner in runners_of(sluice.home):
        os.kill(runner, signal.SIGKILL)
    result = sluice("resume", "--json", expect=0)
    assert result.step("slow")["attempt"] == 2 and trace(sluice) == ["1", "2"]


@pytest.mark.parametrize("name", ["before_commit", "after_commit", "before_send", "after_send", "after_act"])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
def test_a_crash_at_each_commit_is_recovered(sluice, name, nth):
    sluice.pipeline(CHAIN.replace("sleep 0.3", "true").replace("sleep 0.5", "true").replace("sleep 0.2", "true"))
    crashed = sluice("run", env={"SLUICE_CRASH": f"{name}:{nth}"})
    assert crashed.code in (0, -signal.SIGKILL)
    if crashed.code != 0:
        sluice("run", expect=0)
    assert trace(sluice)[:4] == ["one", "two", "three", "four"]
    run = sluice("show", "chain/1", "--json", expect=0).json
    assert run["status"] == "succeeded" and all(step["attempt"] == 1 for step in run["steps"])


def test_ctrl_c_cancels_and_waits_for_the_steps(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          polite: {run: "trap 'echo bye >> trace; exit 0' TERM; echo up >> trace; while :; do sleep 0.05; done"}
          after: {run: "true", needs: [polite]}
          cleanup: {run: "echo cleaned >> trace", needs: [polite], if: always()}
        """)
    process = sluice.start("run", "--json")
    wait_until(lambda: trace(sluice) == ["up"])
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    import json
    run = json.loads(out)
    assert run["status"] == "cancelled"
    status = {step["id"]: step["status"] for step in run["steps"]}
    assert status["polite"] == "cancelled" and status["after"] in ("cancelled", "skipped")
    assert trace(sluice) == ["up", "bye", "cleaned"]


def test_two_at_once_in_one_home_are_refused_in_words(sluice):
    sluice.pipeline("""\
        name: p
        steps:
          slow: {run: "touch up; sleep 2"}
        """)
    first = sluice.start("run")
    wait_until(lambda: (sluice.folder / "up").exists())
    second = sluice("run", "--new", expect=4)
    assert "in use by sluice run" in second.err and f"pid {first.pid}" in second.err
    assert sluice("runs", expect=0).code == 0
    first.communicate(timeout=30)
    assert first.returncode == 0
