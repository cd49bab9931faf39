# SPDX-License-Identifier: Apache-2.0
"""A runner that does not answer enforces nothing: the engine does it in its place.

Held by a debugger's hand (ptrace) a runner takes no signal but SIGKILL, as one does that hangs in the kernel.
"""
import ctypes
import os
import pathlib
import re
import signal
import sqlite3
import time

import pytest
from programs import runners_of, wait_until

MARGIN = {"SLUICE_BACKSTOP_MS": "1200"}
PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_GET_SYSCALL_INFO = 17, 24, 0x4206, 0x4207, 0x420E
PTRACE_O_TRACESYSGOOD = 1


class Held:
    """A process that does not run, whoever sends it SIGCONT."""

    def __init__(self, pid):
        self.pid = pid
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if self.libc.ptrace(PTRACE_SEIZE, pid, None, PTRACE_O_TRACESYSGOOD) != 0:
            pytest.skip(f"this machine lets nobody hold a process: {os.strerror(ctypes.get_errno())}")
        self.libc.ptrace(PTRACE_INTERRUPT, pid, None, None)
        os.waitpid(pid, 0x40000000)  # __WALL
        self.holds = True

    def __enter__(self):
        return self

    def release(self):
        if self.holds:
            self.libc.ptrace(PTRACE_DETACH, self.pid, None, None)
            self.holds = False

    def __exit__(self, *ignored):
        self.release()


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def is_over(pid):
    return state_of(pid) in ("gone", "Z", "X")


def times_at_rest(pid):
    """How often it has waited for something by itself; None: it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])


def begun(sluice, name="pid"):
    path = sluice.folder / name
    wait_until(lambda: path.exists() and path.read_text().strip())
    return int(path.read_text())


def ended(process, code):
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"{out}\n{err}"
    return out, err


def attempts(sluice):
    with sqlite3.connect(f"file:{sluice.home}/sluice.db?mode=ro", uri=True) as store:
        return store.execute("SELECT state, reason FROM attempts ORDER BY id").fetchall()


LATE = """\
    name: late
    steps:
      slow: {run: "echo $$ > pid; exec sleep 300", timeout: 3s, stop: {grace: 200ms}}
      other: {run: "echo $$ > other; until [ -e go ]; do sleep 0.05; done; echo other >> trace"}
      after: {run: "echo after >> trace", needs: [slow], if: "${{ always() }}"}
    """


def test_a_stopped_runner_is_woken_and_keeps_the_timeout(sluice):
    """The step ran for ever. What else the runner holds goes on as if nothing had been."""
    sluice.pipeline(LATE)
    process = sluice.start("run", "--json", env=MARGIN)
    step, _ = begun(sluice), begun(sluice, "other")
    runner = runners_of(sluice.home)[0]
    os.kill(runner, signal.SIGSTOP)
    (sluice.folder / "go").touch()
    out, err = ended(process, 1)
    assert '"timed out after 3 s' in out
    assert is_over(step) and [row[0] for row in attempts(sluice)] == ["timed_out", "succeeded", "succeeded"], out
    assert re.search(r"runner=\S+ has not answered .* it is sent SIGCONT", err), err


def test_a_stopped_runner_is_woken_to_carry_out_a_cancel(sluice):
    sluice.pipeline(LATE.replace("timeout: 3s, ", ""))
    process = sluice.start("run", "--json", env=MARGIN)
    step, _ = begun(sluice), begun(sluice, "other")
    os.kill(runners_of(sluice.home)[0], signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    ended(process, 130)
    assert is_over(step) and [row[0] for row in attempts(sluice)][:2] == ["cancelled", "cancelled"]


ALONE = """\
    name: alone
    steps:
      slow: {run: "echo $$ > pid; echo x >> trace; exec sleep 300", timeout: 3s, stop: {grace: 200ms}%s}
      after: {run: "echo after >> trace", needs: [slow], if: "${{ always() }}"}
    """


def test_a_runner_that_cannot_be_woken_is_killed_and_its_step_has_timed_out(sluice):
    sluice.pipeline(ALONE % ", retry: {attempts: 2, on: [timeout], delay: 10ms}")
    process = sluice.start("run", "--json", env=MARGIN)
    step = begun(sluice)
    runner = runners_of(sluice.home)[0]
    with Held(runner):
        out, err = ended(process, 1)
        assert is_over(runner) and is_over(step)
    rows = attempts(sluice)
    assert [row[0] for row in rows] == ["timed_out", "timed_out", "succeeded"], f"{rows}\n{err}"
    assert rows[0][1] == "timed out after 3 s: its runner did not answer and was killed"
    assert rows[1][1].startswith("timed out after 3 s") and "runner" not in rows[1][1]
    assert (sluice.folder / "trace").read_text().split() == ["x", "x", "after"]


def test_a_runner_that_cannot_be_woken_does_not_hold_up_a_cancel(sluice):
    sluice.pipeline((ALONE % "").replace("timeout: 3s, ", ""))
    process = sluice.start("run", "--json", env=MARGIN)
    step = begun(sluice)
    runner = runners_of(sluice.home)[0]
    with Held(runner):
        process.send_signal(signal.SIGINT)
        ended(process, 130)
        assert is_over(runner) and is_over(step)
    assert attempts(sluice)[0] == ("cancelled", "stopped: its runner did not answer and was killed")


@pytest.mark.parametrize("where", ["the same run", "another run"])
def test_what_else_a_silent_runner_holds_is_left_to_it(sluice, where):
    """Hours of work must not end because another step was late. Nor may the runner, once it wakes, say another word
    about the step that was ended in its place, or start anything twice."""
    other = '{run: "echo $$ > other; until [ -e go ]; do sleep 0.05; done; echo other >> trace"}'
    assert other in LATE
    sluice.pipeline(LATE if where == "the same run" else LATE.replace(other, "{pipeline: ./child.yaml}"))
    sluice.pipeline(f"name: child\nsteps:\n  other: {other}\n", "child.yaml")
    process = sluice.start("run", "--json", env=MARGIN)
    step, other = begun(sluice), begun(sluice, "other")
    runner = runners_of(sluice.home)[0]
    trace = sluice.folder / "trace"
    with Held(runner) as held:
        wait_until(lambda: trace.exists() and "after" in trace.read_text().split())
        assert is_over(step) and not is_over(runner) and not is_over(other)
        assert len(runners_of(sluice.home)) == 2  # new steps went to another, beside it
        assert attempts(sluice)[0] == ("timed_out", "timed out after 3 s: its runner does not answer")
        held.release()
        (sluice.folder / "go").touch()
        out, err = ended(process, 1)
    assert sorted(trace.read_text().split()) == ["after", "other"]
    rows = attempts(sluice)
    assert [row[0] for row in rows] == ["timed_out", "succeeded", "succeeded"], f"{rows}\n{err}"
    assert rows[0][1] == "timed out after 3 s: its runner does not answer"
    assert re.search(r"runner=\S+ answers again", err), err
    wait_until(lambda: runners_of(sluice.home) == [])


def test_a_step_that_a_silent_runner_never_began_is_started_by_another(sluice):
    sluice.pipeline("""\
        name: two
        steps:
          pause: {uses: wait, with: {delay: 10s}}
          first: {run: "echo $$ > pid"}
          second: {run: "echo second >> trace", needs: [pause, first]}
        """)
    process = sluice.start("run", "--json", env=MARGIN)
    begun(sluice)
    wait_until(lambda: [row[0] for row in attempts(sluice)] in (["waiting", "succeeded"], ["succeeded", "waiting"]))
    runner = runners_of(sluice.home)[0]
    with Held(runner):
        ended(process, 0)
        assert is_over(runner)
    assert (sluice.folder / "trace").read_text().split() == ["second"]


def test_a_slow_runner_is_left_alone(sluice):
    """It comes to its turn for a moment now and then, as on a machine that has too much to do."""
    sluice.pipeline(ALONE % "")
    process = sluice.start("run", "--json", env={"SLUICE_BACKSTOP_MS": "4000"})
    step = begun(sluice)
    runner = runners_of(sluice.home)[0]
    while process.poll() is None and not is_over(step):
        os.kill(runner, signal.SIGSTOP)
        time.sleep(1.2)
        rests = times_at_rest(runner)
        os.kill(runner, signal.SIGCONT)
        wait_until(lambda: times_at_rest(runner) != rests)
    _, err = ended(process, 1)
    assert "has not answered" not in err and "unresponsive" not in err
    rows = attempts(sluice)
    assert rows[0][0] == "timed_out" and "runner" not in rows[0][1] and rows[1][0] == "succeeded"


def test_the_next_engine_settles_a_silent_runner_too(sluice):
    """It has not even been greeted by it."""
    sluice.pipeline(ALONE % "")
    process = sluice.start("run", "--json", env=MARGIN)
    step = begun(sluice)
    runner = runners_of(sluice.home)[0]
    with Held(runner):
        process.kill()
        process.communicate()
        result = sluice("resume", "--json", expect=1, env=MARGIN, timeout=60)
        assert is_over(runner) and is_over(step)
    assert result.step("slow")["reason"] == "timed out after 3 s: its runner did not answer and was killed"
