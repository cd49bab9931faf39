# SPDX-License-Identifier: Apache-2.0
"""A runner that did not run for a while: what an engine has decided meanwhile lies unread in its socket."""
import pathlib
import time

import pytest
from lone_runner import engine, runner, wait_until  # noqa: F401 (fixtures)
from programs import runners_of
from test_backstop import MARGIN, Held, attempts, begun, ended
from test_runner_heirs import give, kinds, states

MOMENTS = 8  # in which it is tried to meet the runner between the end of a step's process and that of the step
LEAVES_SOMETHING = "sleep 0.19 & true"


def drained(runner, attempt):
    """Its process is over and has been waited for."""
    path = pathlib.Path(f"/proc/{runner.started(attempt)['pid']}")
    wait_until(lambda: not path.exists())


@pytest.mark.parametrize("word", ["ack", "withdraw"])
def test_a_runner_that_wakes_begins_no_heir_before_it_has_heard(runner, engine, word):
    """It waits for what the step has left running, and is held for longer than that: when it goes on, the step is over,
    and what was held behind it may run elsewhere."""
    for _ in range(MOMENTS):
        first = runner.spawn(engine, script=LEAVES_SOMETHING)
        second = give(runner, engine, first, script="touch began")
        drained(runner, first)
        with Held(runner.process.pid):
            caught = not runner.frames(first, "exit")
            time.sleep(1.5 if caught else 0)
            engine.send(type=word, attempt=second)
        if caught:
            break
        runner.exit(second)
        (runner.home / "began").unlink()
    assert caught, "the runner was never met at that moment"
    assert "heir" not in runner.exit(first)
    assert states(engine).get(second) in (None, "held")
    assert kinds(runner, second) == [] and not (runner.home / "began").exists()


def test_a_runner_that_is_held_for_a_moment_has_heirs_as_ever(runner, engine):
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    second = give(runner, engine, first)
    runner.started(first)
    time.sleep(1.5)  # it has nothing to do
    with Held(runner.process.pid):
        (runner.home / "go").touch()
        time.sleep(0.1)
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0


WIDE = """\
    name: wide
    steps:
      quick: {run: "true"}
      other: {needs: [quick], run: "echo $$ > other; until [ -e go ]; do sleep 0.02; done"}
      late: {needs: [quick], run: "sleep 0.1; sleep 0.19 & echo $$ > pid", timeout: 600ms, stop: {grace: 100ms}}
""" + "".join(f'      r{n}: {{needs: [quick], run: "echo r{n} >> trace"}}\n' for n in range(12))


def test_what_stood_behind_a_step_that_was_ended_in_the_runners_place_runs_once(sluice):
    """The runner cannot be woken, and the step that it has is late: what waited for its slot is started in another."""
    sluice.pipeline(WIDE)
    for _ in range(MOMENTS):
        for name in ("go", "pid", "other", "trace"):
            (sluice.folder / name).unlink(missing_ok=True)
        process = sluice.start("run", "--new", "--json", env=MARGIN)
        leader = pathlib.Path(f"/proc/{begun(sluice)}")
        wait_until(lambda: not leader.exists())
        [runner] = runners_of(sluice.home)
        with Held(runner):
            before = set(trace_of(sluice))
            caught = wait_for_another(sluice, before)
        (sluice.folder / "go").touch()
        ended(process, 1 if caught else 0)
        if caught:
            break
    assert caught, "the runner was never met at that moment"
    assert sorted(trace_of(sluice)) == sorted(f"r{n}" for n in range(12))


def trace_of(sluice):
    path = sluice.folder / "trace"
    return path.read_text().split() if path.exists() else []


def wait_for_another(sluice, before):
    """Has the late step been ended, and have others begun since?"""
    end = time.monotonic() + 8
    while time.monotonic() < end:
        if set(trace_of(sluice)) > before and "its runner does not answer" in str(attempts(sluice)):
            time.sleep(0.5)
            return True
        time.sleep(0.05)
    return False
