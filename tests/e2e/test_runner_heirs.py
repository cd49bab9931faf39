# SPDX-License-Identifier: Apache-2.0
"""Heirs in sluice-runner by itself: attempts that it begins in the place of another (wire/message.h, "after")."""
import json
import time

import pytest
from lone_runner import Engine, engine, runner, wait_until  # noqa: F401 (fixtures)


def order_of(attempt):
    return {"attempt": attempt, "position": attempt, "item": 0, "step_run_id": f"run of {attempt}", "mark": "m"}


def give(runner, engine, after, **fields):
    """An heir of the attempt `after`."""
    return runner.spawn(engine, after=after, order=order_of(runner.next + 1), **({"argv": ["true"]} | fields))


def states(engine):
    engine.send(type="list")
    return {one["attempt"]: one["state"] for one in engine.receive_type("attempts")["attempts"]}


def kinds(runner, attempt):
    return [frame[1] for frame in runner.frames(attempt)]


def test_an_heir_begins_when_the_one_before_it_has_succeeded(runner, engine):
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    runner.started(first)
    second = give(runner, engine, first)
    third = give(runner, engine, second)
    assert states(engine) == {first: "running", second: "held", third: "held"}
    assert kinds(runner, second) == []
    (runner.home / "go").touch()
    assert runner.exit(first)["heir"] == order_of(second)
    assert runner.exit(second)["heir"] == order_of(third)
    assert "heir" not in runner.exit(third)
    frames = [(attempt, kind) for attempt, kind, _ in runner.frames(first) + runner.frames(second)]
    assert frames.index((first, "exit")) < frames.index((second, "spawning"))


@pytest.mark.parametrize("fields", [
    {"script": "exit 3"},
    {"script": "kill -9 $$"},
    {"argv": ["/no/such/program"]},
    {"script": "sleep 5", "timeout_ms": 100},
    {"script": "echo a=1 >> \"$OUT\"", "collect": {"outputs": {"a": "integer"}}},
    {"kind": "lua", "lua": {"text": "sluice.metric('loss', 1)", "chunk": "s"}},
    {"kind": "lua", "lua": {"text": "error('no')", "chunk": "s"}},
    {"kind": "lua", "lua": {"text": "sluice.refuse('no')", "chunk": "s"}},
], ids=["code", "signal", "program", "timeout", "output", "metric", "error", "refusal"])
def test_an_heir_begins_only_after_success_that_leaves_nothing(runner, engine, fields):
    out = runner.home / "runs" / "run1" / "1.output"
    first = runner.spawn(engine, env={"OUT": str(out)}, **fields)
    second = give(runner, engine, first)
    assert "heir" not in runner.exit(first)
    assert states(engine)[second] == "held"
    engine.send(type="ack", attempt=second)
    assert second not in states(engine)
    assert kinds(runner, second) == []


def test_lines_of_a_log_do_not_keep_an_heir_back(runner, engine):
    text = "sluice.log('a'); print('b'); for i = 1, 3e7 do end"
    first = runner.spawn(engine, kind="lua", lua={"text": text, "chunk": "s"})
    second = give(runner, engine, first)
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0


def test_an_heir_that_is_withdrawn_says_so_and_never_begins(runner, engine):
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    second = give(runner, engine, first)
    engine.send(type="withdraw", attempt=second)
    assert engine.receive_type("withdrawn")["attempt"] == second
    (runner.home / "go").touch()
    assert "heir" not in runner.exit(first)
    assert states(engine)[second] == "held"


def test_an_heir_that_has_begun_is_not_withdrawn(runner, engine):
    first = runner.spawn(engine, script="until [ -e begin ]; do sleep 0.02; done")
    second = give(runner, engine, first, script="until [ -e go ]; do sleep 0.02; done")
    (runner.home / "begin").touch()
    runner.started(second)
    engine.send(type="withdraw", attempt=second)
    assert states(engine)[second] == "running"
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0


def test_an_heir_that_is_stopped_ends_before_it_began(runner, engine):
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    second = give(runner, engine, first)
    engine.send(type="stop", attempt=second, why="cancel", grace_ms=0)
    end = runner.exit(second)
    assert (end["how"], end["stopped"]) == ("not_started", "cancel")
    assert kinds(runner, second) == ["exit"]
    (runner.home / "go").touch()
    assert "heir" not in runner.exit(first)


def test_an_heir_of_one_that_is_over_is_held_until_it_is_taken_back(runner, engine):
    first = runner.spawn(engine, argv=["true"])
    runner.exit(first)
    second = give(runner, engine, first)
    time.sleep(0.3)
    assert states(engine)[second] == "held"
    engine.send(type="ack", attempt=second)
    assert second not in states(engine)


def test_heirs_go_on_without_an_engine_and_the_next_one_hears_of_them(runner):
    first_engine = Engine(runner, generation=1)
    first = runner.spawn(first_engine, script="until [ -e go ]; do sleep 0.02; done")
    second = give(runner, first_engine, first)
    third = give(runner, first_engine, second, script="until [ -e on ]; do sleep 0.02; done")
    fourth = give(runner, first_engine, third)
    runner.started(first)
    wait_until(lambda: states(first_engine).get(fourth) == "held")
    first_engine.close()
    (runner.home / "go").touch()
    runner.started(third)
    second_engine = Engine(runner, generation=2)
    found = {one["attempt"]: one for one in second_engine.attempts}
    assert {attempt: one["state"] for attempt, one in found.items()} == {
        first: "exited", second: "exited", third: "running", fourth: "held"}
    assert (found[fourth]["after"], found[fourth]["order"]) == (third, order_of(fourth))
    (runner.home / "on").touch()
    assert runner.exit(fourth)["code"] == 0
    second_engine.close()


def test_a_runner_that_only_holds_heirs_has_no_work(runner, engine):
    """Nobody will begin them: it leaves like any that is idle."""
    first = runner.spawn(engine, argv=["false"])
    give(runner, engine, first)
    runner.exit(first)
    engine.close()
    assert runner.process.wait(60) == 0


def test_the_secret_of_a_step_does_not_change_the_order_of_its_heir(runner, engine):
    """What an order says is names that sluice made: a secret of one letter must not mask them."""
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done", secrets={"S": "attempt"})
    second = give(runner, engine, first)
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0
    record = json.loads(runner.frames(first, "exit")[0])
    assert record["heir"] == order_of(second)
