# SPDX-License-Identifier: Apache-2.0
"""A new version of sluice takes over a home in which a runner of the old one still has steps (docs/recovery.md).

The old version is the one that is built, the new ones are built from it (versions/versions.py): `next` has a migration
more, and a higher protocol between engine and runner; `later` another migration, and does not speak the old protocol.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import struct

import pytest
from metric_points import points_of

import life
import test_heirs
from faults import BUILD
from home import ROOT

VERSIONS = (BUILD if (BUILD / "versions").is_dir() else ROOT / "build") / "versions"
NEXT, LATER = VERSIONS / "next", VERSIONS / "later"
SPLIT = """\
name: split
env: {LEDGER: "@LEDGER@", STORE: "@STORE@"}
steps:
  ticks: {uses: ./ticker.so, with: {until: go, count: counted}}
  pause: {uses: wait, with: {file: beside, every: 100ms}}
  beside:
    needs: [pause]
    run: |
      @BEGIN@
      touch up
      until [ -e ended ]; do sleep 0.02; done
      @END@
  after:
    needs: [ticks, beside]
    run: |
      @BEGIN@
      touch after
      until [ -e go-after ]; do sleep 0.02; done
      @END@
"""
FIRST = "begun before there were notes"


@pytest.fixture(autouse=True)
def versions():
    assert (VERSIONS / ".done").exists(), f"{VERSIONS} is missing: make versions"


def schema(home):
    return home.rows("PRAGMA user_version")[0][0]


def runners(home):
    """{id of a runner that listens: what it says before it is asked}"""
    found = {}
    for path in (home.home / "runner").glob("*.sock"):
        folder = os.open(path.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(f"/proc/self/fd/{folder}/{path.name}")
                size, = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL))
                found[path.stem] = json.loads(connection.recv(size, socket.MSG_WAITALL))
            except (ConnectionError, FileNotFoundError, struct.error):
                pass  # it has just gone
            finally:
                os.close(folder)
    return found


def of_step(home, step, column):
    return home.rows(f"SELECT a.{column} FROM attempts a JOIN steps s USING (run_id, position, item) WHERE s.step = ?",
                     step)[-1][0]


def kill(home, process):
    """And the door goes with it, so that a new one is a sign of life."""
    home.kill(process.pid)
    process.communicate()
    (home.home / "sock").unlink(missing_ok=True)


def wait_for_door(home):
    home.wait_for((home.home / "sock").exists)


def touch(home, *names):
    for name in names:
        (home.folder / name).touch()


def ended(process, code=0):
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"{out}\n{err}"
    return err


def upgrade(home, build, *command, **env):
    """The command of a newer version, once it has brought the store up to date."""
    home.build = build
    before = schema(home)
    process = home.start(*(command or ("resume", "-q")), **env)
    home.wait_for(lambda: schema(home) > before or process.poll() is not None)
    return process


def ticks(home):
    rows = home.rows("SELECT count FROM metric_series WHERE key = 'ticks'")
    return rows[0][0] if rows else 0


def split(home):
    """A run of the old version whose step `ticks` goes on until there is a file `go`: its command, killed."""
    shutil.copy(VERSIONS / "plugins/ours/ticker.so", home.folder)
    home.write("split.yaml", life.fill(SPLIT, home))
    process = home.start("run", "split.yaml", "-q")
    home.wait_for(lambda: ticks(home) > 20)
    kill(home, process)
    return runners(home)


def hold(home, **options):
    """A run of the old version whose step `slow` goes on until life.let_go: its command, killed."""
    kill(home, life.hold(home, **options))


def expect_every_tick_once(home):
    """As many points as the step has counted itself, and each of them."""
    with sqlite3.connect(f"file:{home.database}?mode=ro", uri=True) as store:
        points = points_of(store, of_step(home, "ticks", "step_run_id"), "ticks")
    counted = int((home.folder / "counted").read_text())
    assert [(step, value) for _, step, value, _ in points] == [(number, number) for number in range(counted)]
    assert ticks(home) == counted > 20


# ---- going on --------------------------------------------------------------------------------------------------------


def test_a_step_goes_on_beside_steps_of_a_newer_runner(home):
    """Both runners write the journal of the one run. The old one leaves when its step has ended, not later."""
    (old, hello), = split(home).items()
    was = schema(home)
    process = upgrade(home, NEXT)
    assert schema(home) == was + 1
    touch(home, "beside")
    home.wait_for(lambda: (home.folder / "up").exists())
    assert sorted(one["protocol"] for one in runners(home).values()) == [hello["protocol"], hello["protocol"] + 1]
    assert of_step(home, "ticks", "runner") == old != of_step(home, "beside", "runner")
    before = ticks(home)
    home.wait_for(lambda: ticks(home) > before + 20)
    touch(home, "go", "ended")
    home.wait_for(lambda: (home.folder / "after").exists())
    home.wait_for(lambda: list(runners(home)) == [of_step(home, "after", "runner")])
    touch(home, "go-after")
    err = ended(process)
    assert f"runner={old} is of another version (protocol {hello['protocol']};" in err and "it has (1)" in err, err
    told = f"told in protocol {hello['protocol'] + 1}"
    assert [of_step(home, step, "note") for step in ("ticks", "beside", "after")] == [FIRST, told, told]
    assert home.attempts() == {step: ["succeeded"] for step in ("ticks", "pause", "beside", "after")}
    expect_every_tick_once(home)
    home.expect_whole()


def test_beside_an_old_runner_no_heir_is_given(home):
    """With heirs a journal has zeros behind its frames. The old one writes there too, and may take them for damage
    (wire/journal.h)."""
    lines = ["name: beside", "steps:", "  old: {run: 'touch up; until [ -e go ]; do echo tick; sleep 0.02; done'}",
             "  pause: {uses: wait, with: {file: beside, every: 100ms}}"]
    lines += [f"  s{n}: {{run: ['true'], needs: [{f's{n - 1}' if n else 'pause'}]}}" for n in range(test_heirs.STEPS)]
    home.write("beside.yaml", "\n".join(lines) + "\n")
    process = home.start("run", "beside.yaml", "-q")
    home.wait_for(lambda: (home.folder / "up").exists())
    kill(home, process)
    process = upgrade(home, NEXT)
    touch(home, "beside")
    home.wait_for(lambda: home.rows("SELECT 1 FROM steps WHERE step = ? AND state = 'succeeded'",
                                    f"s{test_heirs.STEPS - 1}"))
    assert of_step(home, "old", "runner") != of_step(home, "s0", "runner")
    assert test_heirs.heirs(home) == 0 and home.journal().read_bytes()[-1] != 0
    touch(home, "go")
    ended(process)
    assert set(map(tuple, home.attempts().values())) == {("succeeded",)}
    home.expect_whole()


def test_a_step_ends_while_no_sluice_is_there(home):
    hold(home)
    life.let_go(home)
    home.wait_for(lambda: home.journal().read_bytes().count(b'"how":"exited"') == 2)
    ended(upgrade(home, NEXT))
    assert home.attempts() == {"first": ["succeeded"], "slow": ["succeeded"], "after": ["succeeded"]}
    assert of_step(home, "slow", "note") == FIRST != of_step(home, "after", "note")
    home.expect_whole()


def test_a_question_that_was_asked_of_nobody_is_answered_by_the_newer_version(home):
    split(home)
    touch(home, "go", "beside", "ended", "go-after")
    home.wait_for(lambda: b"registry.alias_get" in home.journal().read_bytes())
    ended(upgrade(home, NEXT))
    assert home.rows("SELECT outputs FROM steps WHERE step = 'ticks' AND item = 0") == [('{"answered":true}',)]
    expect_every_tick_once(home)
    home.expect_whole()


@pytest.mark.parametrize("build", [NEXT, LATER], ids=["next", "later"])
def test_the_heirs_that_an_old_runner_holds_begin_in_it(home, build):
    """Each once, in its order, and what they did is read by the newer version."""
    kill(home, test_heirs.held(home, begins=test_heirs.KILLS_SLUICE))
    had = test_heirs.heirs(home)
    process = upgrade(home, build)
    wait_for_door(home)
    life.let_go(home)
    ended(process)
    assert test_heirs.heirs(home) > had
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(test_heirs.STEPS)}
    test_heirs.expect_in_order(home)
    home.expect_whole()


@pytest.mark.parametrize("build", [NEXT, LATER], ids=["next", "later"])
def test_a_cancel_by_a_newer_version_lets_no_heir_of_an_old_runner_begin(home, build):
    kill(home, test_heirs.held(home, begins=test_heirs.KILLS_SLUICE))
    ended(upgrade(home, build, "cancel", "latest", "-q"))
    life.let_go(home)
    home.settle()
    assert home.rows("SELECT state FROM pipeline_runs") == [("cancelled",)]
    assert home.rows("SELECT max(position) FROM attempts") == [(3,)]
    test_heirs.expect_in_order(home)
    home.expect_whole()


@pytest.mark.parametrize("how", ["signal", "command"])
def test_the_step_of_an_old_runner_is_cancelled(home, how):
    hold(home)
    if how == "signal":
        process = upgrade(home, NEXT)
        wait_for_door(home)
        process.send_signal(signal.SIGINT)
        ended(process, 130)
    else:
        ended(upgrade(home, NEXT, "cancel", "latest", "-q"))
        home.settle()
    assert home.rows("SELECT state FROM pipeline_runs") == [("cancelled",)]
    assert home.attempts()["slow"] == ["cancelled"]
    home.expect_whole()


def test_the_step_of_an_old_runner_that_is_killed_is_tried_again_by_a_new_one(home):
    hold(home, retry=life.LOST)
    runner, = home.processes()[0]
    process = upgrade(home, NEXT)
    wait_for_door(home)
    (home.folder / "up").unlink()
    home.kill(runner)
    home.wait_for(lambda: (home.folder / "up").exists())
    life.let_go(home)
    ended(process)
    assert home.attempts()["slow"] == ["lost", "succeeded"]
    assert home.rows("SELECT note FROM attempts WHERE state = 'lost'") == [(FIRST,)]
    home.expect_whole()


@pytest.mark.parametrize("point", ["before_migration_commit", "after_migration_commit", "before_generation",
                                   "after_generation", "before_hello", "after_hello", "before_leave", "after_leave"])
def test_kill_9_of_the_newer_version_as_it_begins(home, point):
    """It is as if it had not begun, or as if it had done it: then the old one has lost the home."""
    hold(home)
    was = schema(home)
    ended(upgrade(home, NEXT, SLUICE_CRASH=point), -signal.SIGKILL)
    migrated = point != "before_migration_commit"
    assert schema(home) == was + migrated
    home.build = BUILD
    if migrated:
        assert home("resume", "-q")[0] == 4
        home.build = NEXT
    life.let_go(home)
    assert home("resume", "-q")[0] == 0
    assert home.attempts() == {"first": ["succeeded"], "slow": ["succeeded"], "after": ["succeeded"]}
    home.expect_whole()


def test_two_upgrades_with_a_step_in_a_runner_of_each_version(home):
    """The last one speaks neither of their protocols, and says so."""
    (old, hello), = split(home).items()
    was = schema(home)
    process = upgrade(home, NEXT)
    touch(home, "beside")
    home.wait_for(lambda: (home.folder / "up").exists())
    kill(home, process)
    process = upgrade(home, LATER)
    assert schema(home) == was + 2
    wait_for_door(home)
    live = home.rows("SELECT attempt FROM found_live ORDER BY 1")
    assert live == [(of_step(home, "ticks", "id"),), (of_step(home, "beside", "id"),)]
    touch(home, "go", "ended")
    home.wait_for(lambda: (home.folder / "after").exists())
    home.wait_for(lambda: list(runners(home)) == [of_step(home, "after", "runner")])
    touch(home, "go-after")
    err = ended(process)
    protocol = hello["protocol"]
    for runner, spoken in ((old, protocol), (of_step(home, "beside", "runner"), protocol + 1)):
        assert f"={runner} is of another version (protocol {spoken}; this sluice speaks {protocol + 2})" in err, err
    assert [of_step(home, step, "note") for step in ("ticks", "beside", "after")] == [
        FIRST, f"told in protocol {protocol + 1}", f"told in protocol {protocol + 2}"]
    assert home.attempts() == {step: ["succeeded"] for step in ("ticks", "pause", "beside", "after")}
    expect_every_tick_once(home)
    home.expect_whole()


# ---- what is refused -------------------------------------------------------------------------------------------------


def content(home):
    """What the home holds, but for what is only of those who have it open."""
    passing = re.compile(r"/(lock|generation|sluice\.db-shm|runner/.*)$")
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in home.home.rglob("*")
            if path.is_file() and not passing.search(str(path))}


COMMANDS = [("resume", "-q"), ("run", "hold.yaml", "-q"), ("cancel", "latest"), ("retry", "latest"), ("runs",),
            ("show", "latest"), ("logs", "latest"), ("gc",), ("secrets", "rm", "NAME"), ("doctor",)]


def expect_refused(home, words, commands):
    before = content(home), home.dump()
    for command in commands:
        code, out, err = home(*command)
        told = (out.splitlines()[-1:], err) if command == ("doctor",) else (err.splitlines(), out)
        assert code == 4 and words in "".join(told[0]) and len(told[0]) == 1 and not told[1], (command, code, out, err)
    assert (content(home), home.dump()) == before


def test_the_old_version_refuses_the_home_of_a_newer_one(home):
    """In one line, and changes nothing: the newer one was killed, with its last words still in the write-ahead log."""
    hold(home)
    was = schema(home)
    kill(home, upgrade(home, NEXT))
    home.build = BUILD
    expect_refused(home, f"written by a newer sluice (schema {was + 1}; this one knows up to {was})", COMMANDS)
    home.build = NEXT
    life.let_go(home)
    assert home("resume", "-q")[0] == 0
    home.expect_whole()


def test_a_newer_version_waits_for_the_old_one_that_has_the_home(home):
    process = life.hold(home)
    was = schema(home)
    home.build = NEXT
    commands = [command for command in COMMANDS if command != ("doctor",)]
    expect_refused(home, "is in use by sluice run", commands)
    life.let_go(home)
    ended(process)
    assert home("runs")[0] == 0 and schema(home) == was + 1
    home.expect_whole()


def test_an_old_terminal_that_follows_says_that_a_newer_version_has_come(home):
    """Its host is killed while it does not look, and the home is upgraded before it looks again."""
    host = life.hold(home)
    home.write("other.yaml", "name: other\nsteps: {one: {run: sleep 60}}\n")
    guest = home.start("run", "other.yaml", "-q")
    home.wait_for(lambda: home.rows("SELECT 1 FROM pipeline_runs WHERE pipeline = 'other'"))
    guest.send_signal(signal.SIGSTOP)
    kill(home, host)
    process = upgrade(home, NEXT)
    wait_for_door(home)
    guest.send_signal(signal.SIGCONT)
    err = ended(guest, 4)
    assert "written by a newer sluice" in err and len(err.splitlines()) == 1, err
    assert home("cancel", "other/1", "-q")[0] == 0
    life.let_go(home)
    ended(process)
    home.expect_whole()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def frame(sequence, attempt, kind, payload):
    rest = struct.pack("<QqqHHI", sequence, 0, attempt, kind, 0, 0) + payload
    return struct.pack("<II", len(payload), crc32c(rest)) + rest


def test_a_journal_of_a_newer_version_is_refused_and_not_taken_for_damaged(home):
    """Of the same schema, so that nothing else says so. What it says is not lost: the newer version reads it."""
    hold(home)
    home.wait_for(lambda: home.journal().stat().st_size > 0)
    data, at, frames = home.journal().read_bytes(), 16, 0
    while at < len(data):
        at, frames = at + 40 + struct.unpack_from("<I", data, at)[0], frames + 1
    header = (ROOT / "orchestrator/wire/journal.h").read_text(encoding="utf-8")
    known = max(map(int, re.findall(r"^    JOURNAL_\w+ = (\d+),", header, flags=re.M)))
    newer = frame(frames + 1, of_step(home, "slow", "id"), known + 1, b"from a version to come")
    with home.journal().open("ab") as journal:
        journal.write(newer)
    dump = home.dump()
    code, _, err = home("resume", "-q")
    assert code == 4 and f"a newer sluice (a frame of type {known + 1}; this one knows up to {known})" in err, err
    assert home("logs", "latest")[0] == 0, "lines that it knows are shown"
    assert home.dump() == dump and home.journal().read_bytes().startswith(data)
    life.let_go(home)
    home.wait_for(lambda: home.journal().read_bytes().count(b'"how":"exited"') == 2)
    ended(upgrade(home, NEXT))
    assert home.attempts() == {"first": ["succeeded"], "slow": ["succeeded"], "after": ["succeeded"]}
    assert of_step(home, "slow", "note") == "from a version to come"
    home.expect_whole()


# ---- an upgrade in place ---------------------------------------------------------------------------------------------

LATE = """\
name: late
steps:
  pause: {uses: wait, with: {file: beside, every: 100ms}}
  lua: {lua: "sluice.metric('loss', 1, 1) sluice.output('n', 1)", needs: [pause], outputs: {n: integer}}
  shell: {run: "echo ${{ steps.lua.outputs.n }}", needs: [lua]}
"""


def install(home, runner):
    """An installation of the old version in which sluice-runner can be replaced."""
    installed = home.folder / "installed"
    if not installed.exists():
        installed.mkdir()
        shutil.copy(BUILD / "sluice", installed)
        for name in ("sluice-fetch", "sluice-python-env", "plugins", "lua", "include", "templates"):
            (installed / name).symlink_to(BUILD / name)
    shutil.copy(runner / "sluice-runner", installed / "new")
    os.replace(installed / "new", installed / "sluice-runner")
    return installed


def begin_late(home):
    """A run that has no runner at the moment: it waits."""
    home.build = install(home, BUILD)
    home.write("sluice.yaml", LATE)
    process = home.start("run", "--wait", "-q")
    home.wait_for(lambda: home.rows("SELECT 1 FROM attempts WHERE state = 'waiting'"))
    home.kill(*home.processes()[0])
    home.wait_for(lambda: not home.processes()[0])
    return process


def test_a_runner_that_was_replaced_under_a_running_sluice_speaks_as_it_does(home):
    process = begin_late(home)
    install(home, NEXT)
    touch(home, "beside")
    ended(process)
    assert home.attempts() == {step: ["succeeded"] for step in ("pause", "lua", "shell")}
    assert ticks(home) == 0 and home.rows("SELECT count FROM metric_series WHERE key = 'loss'") == [(1,)]
    home.expect_whole()


def test_a_runner_that_was_replaced_by_one_that_cannot_is_refused_in_words(home):
    """Nothing is lost: with one version installed the same command goes on."""
    process = begin_late(home)
    install(home, LATER)
    touch(home, "beside")
    err = ended(process, 4)
    assert re.search(r"is of another version \(protocol \d+; this sluice speaks \d+\): install all of one", err), err
    home.wait_for(lambda: not home.processes()[0])
    home.build = install(home, BUILD)
    assert home("run", "--wait", "-q")[0] == 0
    assert home.attempts() == {step: ["succeeded"] for step in ("pause", "lua", "shell")}
    home.expect_whole()


def test_a_plugin_of_an_older_abi_fails_its_step_and_no_other(home):
    shutil.copy(VERSIONS / "plugins/ours/ticker.so", home.folder)
    home.write("hold.yaml", life.fill(life.HOLD, home) + "  counts: {uses: ./ticker.so, needs: [slow], "
                                                         "with: {until: up, count: counted}}\n")
    process = home.start("run", "hold.yaml", "-q")
    home.wait_for(lambda: (home.folder / "up").exists())
    kill(home, process)
    (home.folder / "ticker.so").unlink()
    shutil.copy(VERSIONS / "plugins/older/ticker.so", home.folder)
    life.let_go(home)
    ended(upgrade(home, NEXT), 1)
    state, reason = home.reasons()["counts"]
    assert state == "failed" and "ticker.so" in reason and "ABI" in reason, reason
    assert home.reasons()["after"][0] == home.reasons()["slow"][0] == "succeeded"
    (home.folder / "ticker.so").unlink()
    shutil.copy(VERSIONS / "plugins/ours/ticker.so", home.folder)
    assert home("retry", "hold/1", "-q")[0] == 0
    home.expect_whole()
