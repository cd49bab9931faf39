# SPDX-License-Identifier: Apache-2.0
"""sluice-runner by itself: how steps are stopped, by whom, and what they leave running."""
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from lone_runner import Engine, Runner, alive, engine, runner, wait_until  # noqa: F401 (fixtures)

STILL_CLOCK = pathlib.Path(__file__).parents[1] / "fixtures" / "still_clock.c"


def test_cancel_ends_a_step_by_sigterm(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=10000)
    end = runner.exit(attempt)
    assert (end["how"], end["signal"], end["stopped"]) == ("signalled", 15, "cancel")
    assert end["reason"] == "cancelled: ended by SIGTERM" and end["wall_ms"] < 30000  # and not at its own end


def test_the_stop_signal_is_the_steps_own_choice_and_reaches_the_group(runner, engine):
    child = "trap 'echo child got USR1; exit' USR1; echo ready; while :; do sleep 0.05; done"
    script = f'trap "echo got USR1; wait; exit 4" USR1; bash -c "{child}" & wait'
    attempt = runner.spawn(engine, script=script, stop={"signal": 10, "grace_ms": 5000})
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=5000)
    end = runner.exit(attempt)
    assert (end["how"], end["code"]) == ("exited", 4)
    assert sorted(runner.log(attempt, 1).split("\n")) == ["", "child got USR1", "got USR1", "ready"]
    assert end["reason"] == "cancelled: ended with code 4 after SIGUSR1"


def test_a_step_that_ignores_sigterm_is_killed_after_the_grace(runner, engine):
    attempt = runner.spawn(engine, script="trap '' TERM; echo ready; while :; do sleep 0.1; done")
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=400)
    end = runner.exit(attempt)
    assert (end["signal"], end["stopped"]) == (9, "cancel") and end["wall_ms"] >= 400
    assert end["reason"] == "cancelled: still alive 400 ms after SIGTERM, ended by SIGKILL"


def test_a_second_stop_can_only_be_harder(runner, engine):
    attempt = runner.spawn(engine, script="trap '' TERM; echo ready; while :; do sleep 0.1; done")
    wait_until(lambda: "ready" in runner.log(attempt))
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=300)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=600000)
    assert runner.exit(attempt)["signal"] == 9
    attempt = runner.spawn(engine, argv=["sleep", "60"])
    runner.started(attempt)
    engine.send(type="stop", attempt=attempt, why="cancel", grace_ms=0)
    assert runner.exit(attempt)["reason"] == "cancelled: ended by SIGKILL"


def test_a_timeout_is_said_in_words(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "60"], timeout_ms=300)
    end = runner.exit(attempt)
    assert (end["stopped"], end["signal"]) == ("timeout", 15) and 300 <= end["wall_ms"] < 30000
    assert end["reason"] == "timed out after 300 ms: ended by SIGTERM"


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        open(sys.argv[1], 'w').write(str(os.getpid()))
        while True:
            open(sys.argv[2], 'a').write('x'); time.sleep(0.05)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[2]): time.sleep(0.01)  # what is to be left has begun
"""


def daemon_pid(path):
    return int(wait_until(lambda: path.exists() and path.read_text()))


@pytest.mark.parametrize("clean", [[], ["env", "-i"]], ids=["", "with an emptied environment"])
def test_what_a_step_leaves_running_ends_with_it(runner, engine, tmp_path, clean):
    argv = [*clean, shutil.which("python3"), "-c", DAEMON, str(tmp_path / "pid"), str(tmp_path / "beat")]
    attempt = runner.spawn(engine, argv=argv)
    end = runner.exit(attempt)
    assert end["code"] == 0
    pid = daemon_pid(tmp_path / "pid")
    wait_until(lambda: not alive(pid))
    beats = (tmp_path / "beat").stat().st_size
    time.sleep(0.2)
    assert (tmp_path / "beat").stat().st_size == beats


def test_a_daemon_of_a_stopped_step_dies_and_one_of_a_neighbour_does_not(runner, engine, tmp_path):
    def start(name):
        code = DAEMON + "time.sleep(60)"
        argv = ["python3", "-c", code, str(tmp_path / (name + "pid")), str(tmp_path / (name + "beat"))]
        attempt = runner.spawn(engine, argv=argv)
        return attempt, daemon_pid(tmp_path / (name + "pid"))

    first, first_pid = start("a")
    second, second_pid = start("b")
    engine.send(type="stop", attempt=first, why="cancel", grace_ms=1000)
    runner.exit(first)
    wait_until(lambda: not alive(first_pid))
    assert alive(second_pid)
    engine.send(type="stop", attempt=second, why="cancel", grace_ms=1000)
    runner.exit(second)
    wait_until(lambda: not alive(second_pid))


def test_background_children_that_hold_the_pipes_do_not_hang_the_step(runner, engine):
    attempt = runner.spawn(engine, script="sleep 60 & echo done")
    end = runner.exit(attempt)
    assert end["code"] == 0 and runner.log(attempt) == "done\n" and end["wall_ms"] < 30000


@pytest.fixture
def still_clock(tmp_path):
    """The environment of a runner whose clock stands still as soon as, and as long as, the file `stands` is there."""
    library = tmp_path / "still_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, STILL_CLOCK], check=True)
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": str(library), "CLOCK_STANDS": str(tmp_path / "stands"), "ASAN_OPTIONS": options}


def reader_of(fifo):
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_child_that_still_writes_has_a_moment_to_finish(tmp_path, still_clock):
    """It writes when the runner knows that the step has ended; the moment is 200 ms of a clock that stands still."""
    home, passes = tmp_path / "home", tmp_path / "passes"
    home.mkdir()
    passes.touch()
    runner = Runner(home, env={**still_clock, "SLUICE_CRASH": f"{passes}:0"})
    engine = Engine(runner)
    (tmp_path / "stands").touch()
    attempt = runner.spawn(engine, script="mkfifo go; exec > >(read -r line < go; echo \"${line^^}\"); exit 0")
    wait_until(lambda: "runner_step_over" in passes.read_text())
    go = wait_until(lambda: reader_of(home / "go"))
    os.write(go, b"late\n")
    os.close(go)
    assert runner.exit(attempt)["code"] == 0 and runner.log(attempt) == "LATE\n"
    engine.close()
    (tmp_path / "stands").unlink()
    runner.stop()


def test_a_log_over_its_limit_stops_the_step(runner, engine):
    attempt = runner.spawn(engine, script="yes 0123456789", limits={"log_bytes": 1 << 20})
    end = runner.exit(attempt)
    assert end["stopped"] == "log_limit"
    assert end["reason"].startswith("the log grew over its limit of 1.0 MB: ended by ")
    assert len(runner.log(attempt, 1)) <= (1 << 20) + 1
    assert "limit" in runner.log(attempt, 3)


def test_the_limit_counts_what_is_written_not_what_was_read(runner, engine):
    attempt = runner.spawn(engine, script="head -c 900000 /dev/zero; seq 1 100000", limits={"log_bytes": 1 << 20})
    assert runner.exit(attempt)["stopped"] == "log_limit"  # a NUL becomes three bytes
    assert 1 << 19 < (runner.home / "runs" / "run1" / "journal").stat().st_size < (1 << 20) + 8192


def test_a_stop_before_the_start_and_a_repeated_spawn(runner, engine):
    attempt = runner.spawn(engine, argv=["sleep", "0.2"])
    runner.spawn(engine, attempt=attempt, argv=["sleep", "0.2"])
    runner.exit(attempt)
    runner.spawn(engine, attempt=attempt, argv=["true"])
    time.sleep(0.1)
    assert [f[1] for f in runner.frames(attempt)] == ["spawning", "started", "exit"]
