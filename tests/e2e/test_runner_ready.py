# SPDX-License-Identifier: Apache-2.0
"""Heirs that sluice-runner makes ready before their turn: their places, and of Lua and plugin steps the process."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
from lone_runner import ROOT, Engine, engine, runner, wait_until  # noqa: F401 (fixtures)
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


PLUGIN = """
#include "step.h"
#include <fcntl.h>
#include <unistd.h>
#define PARAMS(P) P(STRING, word, "default=none", "Not looked at.")
#define OUTPUTS(O) O(INT, none, "Never given.")
STEP_PARAMS_STRUCT(any_params, PARAMS);
__attribute__((constructor)) static void loaded(void)
{
    (void)close(open("LOADED", O_WRONLY | O_CREAT, 0600));
}
static enum step_result run(const struct step_host *host, const void *params)
{
    (void)params;
    step_log(host, STEP_LOG_INFO, "it is VERSION");
    return STEP_OK;
}
STEP_PLUGIN(NAME, "VERSION", "Says what it is.", STEP_PLAIN, any_params, PARAMS, OUTPUTS, run)
"""


def build(runner, name, version):
    """Puts that plugin into the home; what it makes the moment it is loaded."""
    loaded = runner.home / f"loaded-{name}-{version}"
    text = PLUGIN.replace("LOADED", str(loaded)).replace("NAME", name).replace("VERSION", version)
    source, made = runner.home / "one.c", runner.home / "one.new"
    source.write_text(text)
    subprocess.run(["cc", "-std=c17", "-shared", "-fPIC", f"-I{ROOT}/orchestrator", "-o", made, source], check=True)
    os.replace(made, runner.home / "one.so")
    return loaded


def give_plugin(runner, engine, after):
    return give(runner, engine, after, kind="plugin", plugin={"path": str(runner.home / "one.so"), "name": "one"},
                params={})


def tags(runner, attempt):
    reports = [json.loads(frame) for frame in runner.frames(attempt, "report")]
    return [report["value"].split(" sha256:")[0] for report in reports if report["key"] == "sluice.plugin"]


def test_of_a_plugin_that_is_held_nothing_runs_before_its_turn(runner, engine):
    loaded = build(runner, "one", "1.0")
    first = runner.spawn(engine, script=WAIT)
    second = give_plugin(runner, engine, first)
    pid = one_held(runner, second)
    wait_until(lambda: asleep(pid))
    assert not loaded.exists() and "one.so" not in pathlib.Path(f"/proc/{pid}/maps").read_text()
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0
    assert loaded.exists() and "it is 1.0" in runner.log(second) and tags(runner, second) == ["one 1.0"]


def asleep(pid):
    """In its read of the one byte: what it does before its turn is done."""
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().startswith("0 0x3 ")


@pytest.mark.parametrize("before", [True, False], ids=["another", "none"])
def test_a_plugin_that_the_step_before_puts_there_is_the_one_that_runs(runner, engine, before):
    loaded = build(runner, "one", "1.0") if before else None
    first = runner.spawn(engine, script=WAIT)
    second = give_plugin(runner, engine, first)
    pid = one_held(runner, second)
    wait_until(lambda: asleep(pid))
    build(runner, "one", "1.1")
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 0 and runner.started(second)["pid"] == pid
    assert "it is 1.1" in runner.log(second) and tags(runner, second) == ["one 1.1"]
    assert loaded is None or not loaded.exists()


def test_a_plugin_of_another_name_that_the_step_before_puts_there_is_never_loaded(runner, engine):
    build(runner, "one", "1.0")
    first = runner.spawn(engine, script=WAIT)
    second = give_plugin(runner, engine, first)
    pid = one_held(runner, second)
    wait_until(lambda: asleep(pid))
    loaded = build(runner, "other", "1.0")
    (runner.home / "go").touch()
    assert runner.exit(second)["code"] == 1 and not loaded.exists()
    assert "it is the plugin 'other': the file was replaced" in runner.result(second)["reason"]
