# SPDX-License-Identifier: Apache-2.0
"""Heirs that sluice-runner makes ready before their turn: their places, and of Lua and plugin steps the process."""
import os
import pathlib
import signal
import time

import pytest
from lone_runner import Engine, engine, runner, wait_until  # noqa: F401 (fixtures)
from test_runner_heirs import give, kinds, states

WAIT = "until [ -e go ]; do sleep 0.02; done"
LUA = {"kind": "lua", "lua": {"text": "print('it is ' .. sluice.params.word)", "chunk": "s"}, "params": {"word": "me"}}


def held_processes(runner, *attempts):
    """The processes that wait for their turn, by the name that each has of its attempt."""
    names = {f"step-{attempt}" for attempt in attempts}
    found = []
    for pid in pathlib.Path(f"/proc/{runner.process.pid}/task/{runner.process.pid}/children").read_text().split():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in names:
                found.append(int(pid))
        except OSError:
            continue
    return found


def one_held(runner, attempt):
    wait_until(lambda: held_processes(runner, attempt))
    [pid] = held_processes(runner, attempt)
    return pid


def test_a_script_is_held_before_its_turn_and_is_that_process_then(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, **LUA)
    third = give(runner, engine, second, **LUA)
    pid = one_held(runner, second)
    assert not held_processes(runner, third) and kinds(runner, second) == []
    (runner.home / "go").touch()
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0
    assert runner.started(second)["pid"] == pid
    assert kinds(runner, second) == ["spawning", "started", "log", "result", "exit"]
    assert "it is me" in runner.log(second)
    assert runner.exit(third)["code"] == 0


@pytest.mark.parametrize("how", ["killed", "terminated"])
def test_one_whose_process_ends_before_its_turn_is_started_anew(runner, engine, how):
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, **LUA)
    pid = one_held(runner, second)
    os.kill(pid, signal.SIGKILL if how == "killed" else signal.SIGTERM)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0
    assert runner.started(second)["pid"] != pid and "it is me" in runner.log(second)


def test_one_that_is_stopped_goes_on_when_it_is_let(runner, engine):
    """SIGSTOP on what is held: it has begun for whoever reads the journal, and runs when it can."""
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, timeout_ms=400, stop={"signal": 15, "grace_ms": 0}, **LUA)
    os.kill(one_held(runner, second), signal.SIGSTOP)
    (runner.home / "go").touch()
    assert runner.exit(second)["stopped"] == "timeout"


@pytest.mark.parametrize("word", ["withdraw", "stop", "ack"])
def test_what_is_held_ends_when_it_is_not_to_begin(runner, engine, word):
    first = runner.spawn(engine, script=WAIT)
    second = give(runner, engine, first, **LUA)
    one_held(runner, second)
    engine.send(type=word, attempt=second, why="cancel", grace_ms=0)
    wait_until(lambda: not held_processes(runner, second))
    (runner.home / "go").touch()
    assert "heir" not in runner.exit(first)
    assert kinds(runner, second) == (["exit"] if word == "stop" else [])


def test_what_is_held_dies_with_the_runner(runner, engine):
    first = runner.spawn(engine, script=WAIT)
    pid = one_held(runner, give(runner, engine, first, **LUA))
    runner.process.kill()
    runner.process.wait(60)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    (runner.home / "go").touch()


@pytest.mark.parametrize("kind", ["script", "program"])
@pytest.mark.parametrize("damage", [
    "rm -rf ../steps/2", "rm -rf ../steps", "rm -f ../steps/2.output",
    "mkdir -p ../steps/2/left; echo x > ../steps/2/left/over"], ids=["folder", "all", "output", "filled"])
def test_places_that_the_step_before_has_touched_are_made_anew(runner, engine, kind, damage):
    steps, work = runner.home / "steps", runner.home / "work"
    work.mkdir()
    places = {name: str(steps / f"2{end}")
              for name, end in (("step_dir", ""), ("output_file", ".output"), ("state_dir", ".state"))}
    text = "print(#sluice.file.list('2') .. ' in it')"
    look = {"kind": "lua", "lua": {"text": text, "chunk": "s"}, "cwd": str(steps)}
    if kind == "program":
        text = f"echo $(ls -A {steps}/2 | wc -l) in it; ls {steps}/2.output {steps}/2.state"
        look = {"argv": ["sh", "-c", text]}
    first = runner.spawn(engine, script=f"{WAIT}; {damage}", cwd=str(work))
    second = give(runner, engine, first, **look, **places)
    wait_until(lambda: (steps / "2.output").exists())
    (work / "go").touch()
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0, runner.log(second)
    assert "0 in it" in runner.log(second)


def test_the_folder_that_the_step_before_puts_there_is_entered(runner, engine):
    """What is held has entered nothing yet."""
    work = runner.home / "work"
    work.mkdir()
    script = f"{WAIT}; mv {work} {work}.old; mkdir {work}; echo new > {work}/which"
    first = runner.spawn(engine, script=script)
    text = "print('which: ' .. sluice.file.read('which'))"
    second = give(runner, engine, first, kind="lua", lua={"text": text, "chunk": "s"}, cwd=str(work))
    one_held(runner, second)
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0, runner.log(second)
    assert "which: new" in runner.log(second)


def test_a_process_that_the_step_before_hides_is_found_beside_one_that_is_held(runner, engine):
    """Without its mark, in a session of its own: only that nobody else is alive says whose it is."""
    hide = f"env -i setsid sh -c 'echo $$ > {runner.home}/hidden; exec sleep 1000' </dev/null >/dev/null 2>&1 &"
    first = runner.spawn(engine, script=f"{WAIT}; ({hide}) & until [ -s hidden ]; do sleep 0.02; done")
    second = give(runner, engine, first, **LUA)
    one_held(runner, second)
    (runner.home / "go").touch()
    assert runner.exit(first)["heir"]["attempt"] == second
    assert runner.exit(second)["code"] == 0
    pid = int((runner.home / "hidden").read_text())
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_beside_a_second_step_nothing_is_made_ready(runner, engine):
    """Two keep the cores busy: what is made ready would take time from them."""
    first = runner.spawn(engine, script=WAIT)
    other = runner.spawn(engine, script=WAIT)
    runner.started(first), runner.started(other)
    second = give(runner, engine, first, **LUA)
    assert states(engine)[second] == "held"
    time.sleep(0.2)
    assert not held_processes(runner, second)
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0
