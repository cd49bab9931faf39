# SPDX-License-Identifier: Apache-2.0
"""Deaths and upgrades on either side, where steps are of another user than the sluice that has the home."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import life
from apart import DAEMON, STEPS
from faults import BUILD
from test_two_users import home, pipeline, refused, run
from test_upgrade import LATER, NEXT, VERSIONS, kill


# ---- deaths ---------------------------------------------------------------------------------------------------------


def test_kill_9_of_the_keeper(home):
    """Its runners go on, where no service manager ends them with it; the next steps are started by the next keeper."""
    process = life.hold(home)
    home.keeper.kill()
    home.keeper.wait()
    home.keep()
    life.let_go(home)
    assert process.wait(60) == 0
    home.expect_whole()
    life.write(home)
    life.live(home)


def test_kill_9_of_the_keeper_and_the_runner(home):
    """As systemd leaves it: nothing of the service lives. What the runner left is found by the next keeper."""
    process = life.hold(home, retry=life.LOST)
    runners, steps = home.processes()
    (home.folder / "up").unlink()
    home.keeper.kill()
    home.keeper.wait()
    home.keep()
    home.kill(*runners)
    home.wait_for(lambda: (home.folder / "up").exists())
    assert not set(steps) & set(home.processes()[1]), "a step of the dead runner lives"
    life.let_go(home)
    assert process.wait(60) == 0
    assert home.attempts()["slow"] == ["lost", "succeeded"]
    home.expect_whole()


def served(home):
    """`sluice serve` as the user whose home it is, once it keeps its door."""
    server = home.start("serve", "--port", "0")
    home.wait_for((home.home / "sock").exists)
    return server


def followed_by_root(home, command="run"):
    return subprocess.Popen([home.build / "sluice", command, "hold.yaml", "-q"], cwd=home.folder, env=home.env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_who_follows_as_another_user_waits_for_the_service_to_come_back(home):
    """And does not take the home meanwhile: root could."""
    home.write("hold.yaml", life.fill(life.HOLD, home, "{attempts: 1}"))
    kill(home, served(home))
    server = served(home)
    follower = followed_by_root(home)
    home.wait_for((home.folder / "up").exists)
    kill(home, server)
    assert "waiting until it is back" in follower.stderr.readline()
    assert follower.poll() is None
    server = served(home)
    life.let_go(home)
    _, err = follower.communicate(timeout=60)
    assert follower.returncode == 0, err
    server.terminate()
    assert server.wait(60) == 0
    home.expect_whole()


@pytest.mark.parametrize("new", [True, False], ids=["new", "used"])
def test_another_user_is_told_whose_home_it_is(home, new):
    """Also root, who could write in it, and would leave files there that the service cannot open."""
    home.write("hold.yaml", life.fill(life.HOLD, home, "{attempts: 1}"))
    if not new:
        server = served(home)
        server.terminate()
        assert server.wait(60) == 0
    before = {path: path.stat().st_mtime_ns for path in home.home.rglob("*")}
    follower = followed_by_root(home)
    _, err = follower.communicate(timeout=60)
    assert follower.returncode == 4 and f"is of the user 'uid {DAEMON}', whose service writes it" in err, err
    assert {path: path.stat().st_mtime_ns for path in home.home.rglob("*")} == before
    told = home.run_as(STEPS, home.build / "sluice", "run", "--home", home.home, home.folder / "hold.yaml")
    assert told.returncode == 4 and f"Permission denied: it is of the user 'uid {DAEMON}'" in told.stderr, told.stderr


def test_what_leaves_its_runner_s_sight_is_found_by_the_keeper(home):
    """A process in a session of its own, whose runner was killed."""
    pipeline(home, """\
        name: p
        steps:
          a: {run: 'setsid sleep 1000 & echo $! > left; sleep 1000', retry: {attempts: 1}}
        """)
    process = home.start("run", "-q")
    home.wait_for(lambda: (home.folder / "left").exists() and (home.folder / "left").read_text().strip())
    left = int((home.folder / "left").read_text())
    assert pathlib.Path(f"/proc/{left}").stat().st_uid == STEPS
    home.kill(*home.processes()[0])
    assert process.wait(60) == 1
    assert home.reasons()["a"] == ("failed", "lost: its runner was killed")
    home.wait_for(lambda: not pathlib.Path(f"/proc/{left}").exists())


def test_no_keeper_when_a_step_is_to_begin(home):
    """The home is left as it is, and the next command goes on."""
    life.write(home)
    home.keep()
    home.keeper.kill()
    home.keeper.wait()
    home.listener.close()
    home.keep = lambda **env: None
    code, _, err = home("run", "life.yaml", "-q")
    assert code == 4 and "cannot be" in err and "Connection refused" in err, err
    assert not home.rows("SELECT 1 FROM attempts")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_keeper_that_is_told_to_end_ends_its_steps_first(home, how):
    pipeline(home, """\
        name: p
        steps:
          a: {run: 'trap "echo asked > asked; exit 3" TERM; touch up; while :; do sleep 0.05; done'}
        """)
    process = home.start("run", "-q")
    home.wait_for((home.folder / "up").exists)
    home.keeper.send_signal(how)
    assert home.keeper.wait(60) == 0
    assert (home.folder / "asked").read_text() == "asked\n"
    assert process.wait(60) == 1
    assert not home.processes()[0]


@pytest.mark.parametrize("nth", [5, 40, 80, 120, 160, 200, 240])
def test_kill_9_of_sluice_at_a_crash_point(home, nth):
    life.write(home)
    (home.folder / "passes").touch()
    (home.folder / "passes").chmod(0o666)
    home.keep()
    code = home("run", "life.yaml", "-q", SLUICE_CRASH=f"{home.folder}/passes:{nth}")[0]
    assert code in (-9, 5), code
    life.live(home)
    home.expect_whole()
    assert home.rows("SELECT DISTINCT state FROM pipeline_runs") == [("succeeded",)]


def test_a_runner_that_is_stopped_is_woken_through_the_keeper(home):
    """Only its own user may."""
    pipeline(home, """\
        name: p
        steps: {a: {run: 'touch up; sleep 1000', timeout: 300ms, stop: {grace: 100ms}}}
        """)
    process = home.start("run", "-q", SLUICE_BACKSTOP_MS="2000")
    home.wait_for((home.folder / "up").exists)
    for pid in home.processes()[0]:
        os.kill(pid, signal.SIGSTOP)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 1 and "it is sent SIGCONT" in err, err
    assert home.reasons()["a"] == ("failed", "timed out after 300 ms: ended by SIGTERM"), home.reasons()
    home.expect_whole()


def test_a_runner_that_hangs_is_killed_through_the_keeper(home):
    """One that is traced by somebody wakes by no SIGCONT."""
    pipeline(home, """\
        name: p
        steps: {a: {run: 'touch up; sleep 1000', timeout: 300ms, stop: {grace: 100ms}}}
        """)
    process = home.start("run", "-q", SLUICE_BACKSTOP_MS="1200")
    home.wait_for((home.folder / "up").exists)
    runner, = home.processes()[0]
    assert ctypes.CDLL(None).ptrace(16, runner, None, None) == 0  # PTRACE_ATTACH, which root may
    _, err = process.communicate(timeout=40)
    while not os.WIFSIGNALED(os.waitpid(runner, 0)[1]):  # that it was attached comes first
        pass
    home.wait_for(lambda: not pathlib.Path(f"/proc/{runner}").exists())
    assert process.returncode == 1 and "was killed" in err, err
    assert home.reasons()["a"][1] == "timed out after 300 ms: its runner did not answer and was killed"
    home.expect_whole()


# ---- upgrades -------------------------------------------------------------------------------------------------------


@pytest.fixture
def prefix(home):
    """Where one version after another is installed, by rename, as a package does."""
    if not (VERSIONS / ".done").exists():
        pytest.fail(f"{VERSIONS} is missing: make versions")
    folder = home.root / "prefix"
    folder.mkdir()

    def install(build):
        for path in pathlib.Path(build).iterdir():
            if path.name in ("obj", "gen", "versions", "fault", "unit"):
                continue
            new = folder / f".new-{path.name}"
            if path.is_file() and path.name.startswith("sluice"):
                shutil.copy(path.resolve(), new)
            else:
                new.symlink_to(path.resolve())
            new.rename(folder / path.name)
        return folder

    return install


@pytest.mark.parametrize("version", ["next", "later"])
def test_a_new_version_beside_the_old_keeper(home, prefix, version):
    """The keeper is not restarted: the old runner keeps its step, and new steps go to a runner of the new version,
    which the old keeper starts from what is installed now."""
    home.build = prefix(BUILD)
    home.keep()
    keeper = home.keeper.pid
    process = life.hold(home)
    old, = home.processes()[0]
    home.kill(process.pid)
    process.communicate()
    prefix(NEXT if version == "next" else LATER)
    (home.home / "sock").unlink(missing_ok=True)
    process = home.start("resume", "-q")
    home.wait_for((home.home / "sock").exists)
    life.let_go(home)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err + home.log()
    assert home.keeper.pid == keeper and home.keeper.poll() is None
    attempts = dict(home.rows("SELECT s.step, a.runner FROM attempts a JOIN steps s USING (run_id, position, item)"))
    if version == "later":
        assert "is of another version" in err and attempts["after"] != attempts["slow"], (err, attempts)
    home.wait_for(lambda: not pathlib.Path(f"/proc/{old}").exists())
    home.expect_whole()


def test_a_new_keeper_and_an_old_runner(home, prefix):
    """The service was restarted as by hand, and its steps did not end: they are gone on with."""
    home.build = prefix(BUILD)
    home.keep()
    process = life.hold(home)
    home.keeper.kill()
    home.keeper.wait()
    prefix(LATER)
    home.keep()
    home.kill(process.pid)
    process.communicate()
    life.let_go(home)
    code, _, err = home("resume", "-q")
    assert code == 0, err
    home.expect_whole()


def test_a_socket_of_systemd_s_kind_is_all_that_it_takes(home):
    """What is asked while no keeper runs waits in the socket, and is answered by the next."""
    with socket.socket(socket.AF_UNIX) as early:
        early.connect(str(home.socket))
        home.keep()
        text = json.dumps({"type": "who"}).encode()
        early.sendall(len(text).to_bytes(4, "little") + text)
        early.settimeout(60)
        assert b'"type":"is"' in early.recv(1000)
