# SPDX-License-Identifier: Apache-2.0
"""kill -9 of sluice, of the runner, of a step, and of all three, while a step runs (docs/recovery.md)."""
import pytest

import life

BOTH_ARRANGEMENTS = True


def is_succeeded(home, **attempts):
    home.expect_whole()
    made = {step: len(states) for step, states in home.attempts().items()}
    assert made == {"first": 1, "slow": 1, "after": 1, **attempts}, home.attempts()
    assert home.rows("SELECT state FROM pipeline_runs") == [("succeeded",)]


@pytest.mark.parametrize("command", ["resume", "run"])
def test_kill_9_of_sluice(home, command):
    """The step goes on; the next command finds it and takes its end."""
    process = life.hold(home)
    home.kill(process.pid)
    process.wait()
    life.let_go(home)
    code, _, err = home(command, *(["hold.yaml"] if command == "run" else []), "-q")
    assert code == 0, err
    is_succeeded(home)


def test_kill_9_of_sluice_again_and_again(home):
    process = life.hold(home)
    for _ in range(5):
        home.kill(process.pid)
        process.wait()
        process = home.start("resume", "-q")
    life.let_go(home)
    assert process.wait(timeout=60) == 0
    is_succeeded(home)


def test_kill_9_of_the_runner(home):
    """Its step dies with it and is lost: whether it did its work nobody knows, so it is not tried again unasked."""
    process = life.hold(home)
    runners, _ = home.processes()
    home.kill(*runners)
    assert process.wait(timeout=60) == 1
    assert home.reasons()["slow"] == ("failed", "lost: its runner was killed")
    assert home.reasons()["after"][0] == "skipped"
    home.expect_whole()


def test_kill_9_of_the_runner_of_a_step_that_may_be_repeated(home):
    process = life.hold(home, retry=life.LOST)
    runners, _ = home.processes()
    (home.folder / "up").unlink()
    home.kill(*runners)
    home.wait_for(lambda: (home.folder / "up").exists())
    life.let_go(home)
    assert process.wait(timeout=60) == 0
    is_succeeded(home, slow=2)
    assert home.attempts()["slow"] == ["lost", "succeeded"]


@pytest.mark.parametrize("retry, code, states", [("{attempts: 1}", 1, ["failed"]),
                                                 ("{attempts: 2, delay: 1ms}", 0, ["failed", "succeeded"])])
def test_kill_9_of_the_step(home, retry, code, states):
    """A failure as any other: its process ended by a signal."""
    process = life.hold(home, retry=retry)
    _, steps = home.processes()
    (home.folder / "up").unlink()
    home.kill(*steps)
    if code == 0:
        home.wait_for(lambda: (home.folder / "up").exists())
        life.let_go(home)
    assert process.wait(timeout=60) == code
    home.expect_whole()
    assert home.attempts()["slow"] == states
    assert home.rows("SELECT json_extract(exit, '$.signal') FROM attempts WHERE state = 'failed'") == [(9,)]


@pytest.mark.parametrize("retry", ["{attempts: 1}", life.LOST_LATER])
def test_kill_9_of_all_three(home, retry):
    """What is lost is recorded once, however often the home is taken up again."""
    life.hold(home, retry=retry)
    home.kill_all()
    home.restart_twice()
    assert not (breaches := home.check(at_rest=False)), breaches
    life.let_go(home)
    code, _, err = home("run", "hold.yaml", "-q")
    assert code == 0, err
    home.expect_whole()
    if retry == life.LOST_LATER:
        is_succeeded(home, slow=2)
        assert home.attempts()["slow"] == ["lost", "succeeded"]
    else:
        assert home.rows("SELECT state FROM pipeline_runs ORDER BY number") == [("failed",), ("succeeded",)]
        assert home.attempts()["slow"] == ["lost", "succeeded"]
