# SPDX-License-Identifier: Apache-2.0
"""A runner that did not run for a while: what an engine has decided meanwhile lies unread in its socket."""
import ctypes
import os
import pathlib
import platform
import sqlite3
import struct
import time

import pytest
from lone_runner import engine, runner, wait_until  # noqa: F401 (fixtures)
from programs import runners_of
from test_backstop import MARGIN, PTRACE_GET_SYSCALL_INFO, PTRACE_SYSCALL, Held, attempts, begun, ended
from test_runner_heirs import give, kinds, states

MOMENTS = 20  # in which it is tried to meet the runner between the end of a step's process and that of the step
EPOLL_WAIT = {"x86_64": (232, 281, 441), "aarch64": (22, 441)}.get(platform.machine(), ())  # and those that pause, too
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


class HeldWhenTold(Held):
    """A process that the kernel has told what has come, and that has not run since."""

    def until_told(self):
        asked, told = 0, 0
        while asked not in EPOLL_WAIT or told <= 0:
            assert self.libc.ptrace(PTRACE_SYSCALL, self.pid, None, None) == 0
            os.waitpid(self.pid, 0x40000000)  # __WALL
            info = ctypes.create_string_buffer(88)
            if self.libc.ptrace(PTRACE_GET_SYSCALL_INFO, self.pid, ctypes.c_void_p(len(info)), info) <= 0:
                pytest.skip("this kernel does not say which system call a process is in")
            number, = struct.unpack_from("q", info, 24)
            asked, told = (number, 0) if info.raw[0] == 1 else (asked, number)


def is_zombie(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(not EPOLL_WAIT, reason="the numbers of this processor's system calls are not known here")
@pytest.mark.parametrize("word", ["ack", "withdraw"])
def test_a_runner_that_had_been_told_when_it_was_held_listens_once_more(runner, engine, word):
    """What came before it was held is an end of a step; what came since, that its heir is not to begin."""
    first = runner.spawn(engine, script="until [ -e go ]; do sleep 0.02; done")
    second = give(runner, engine, first, script="touch began")
    leader = runner.started(first)["pid"]
    with HeldWhenTold(runner.process.pid) as held:
        (runner.home / "go").touch()
        wait_until(lambda: is_zombie(leader))
        held.until_told()
        time.sleep(1.5)
        engine.send(type=word, attempt=second)
    assert "heir" not in runner.exit(first)
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
      late: {needs: [quick], run: "sleep 0.1; sleep 0.19 & echo $$ > pid", timeout: 3s, stop: {grace: 100ms}}
""" + "".join(f'      r{n}: {{needs: [quick], run: "echo r{n} >> trace"}}\n' for n in range(12))


def test_what_stood_behind_a_step_that_was_ended_in_the_runners_place_runs_once(sluice):
    """The runner cannot be woken, and the step that it has is late: what waited for its slot is started in another."""
    sluice.pipeline(WIDE)
    for missed in range(MOMENTS):
        for name in ("go", "pid", "other", "trace"):
            (sluice.folder / name).unlink(missing_ok=True)
        process = sluice.start("run", "--new", "--json", env=MARGIN)
        leader = pathlib.Path(f"/proc/{begun(sluice)}")
        wait_until(lambda: not leader.exists())
        [runner] = runners_of(sluice.home)
        with Held(runner):
            before = set(trace_of(sluice))
            caught = wait_for_another(sluice, before, missed)
        (sluice.folder / "go").touch()
        ended(process, 1 if caught else 0)
        if caught:
            break
    assert caught, "the runner was never met at that moment"
    assert sorted(trace_of(sluice)) == sorted(f"r{n}" for n in range(12))


def trace_of(sluice):
    path = sluice.folder / "trace"
    return path.read_text().split() if path.exists() else []


def wait_for_another(sluice, before, missed):
    """Has the late step been ended, and have others begun since? Not, when it is over in time once more."""
    def decided():
        if set(trace_of(sluice)) > before and "its runner does not answer" in str(attempts(sluice)):
            return "caught"
        return "missed" if in_time(sluice) > missed else None

    caught = wait_until(decided) == "caught"
    time.sleep(0.5 if caught else 0)
    return caught


def in_time(sluice):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        return store.execute("SELECT count(*) FROM steps WHERE step = 'late' AND state = 'succeeded'").fetchone()[0]
