# SPDX-License-Identifier: Apache-2.0
"""A new version takes over while a runner of the old one begins steps by itself in the places of others
(docs/recovery.md, "Heirs"): rows of free_heirs that the old version wrote, and lines that its runner holds."""
import random
import signal

import pytest

import invariants
import life
from faults import ALL, BUILD, preload
from test_heirs import HOMES, KILLS_SLUICE
from test_upgrade import LATER, NEXT, ended, kill, schema, upgrade, versions, wait_for_door  # noqa: F401
from test_wide_heirs import STEPS, expect_once, wide

SLOW = 6
OTHER_BOOT = "11111111-2222-3333-4444-555555555555\n"


def held(homes):
    """A home whose sluice of the old version was killed by a step that goes on, while the store says that others may
    have begun by themselves."""
    for _ in range(HOMES):
        home = homes()
        wide(home, slow=[SLOW], begins=KILLS_SLUICE)
        process = home.start("run", "wide.yaml", "-q")
        (home.folder / "pid").write_text(str(process.pid), encoding="ascii")
        home.wait_for(lambda: (home.folder / "up").exists())
        kill(home, process)
        if home.rows("SELECT 1 FROM free_heirs"):
            return home
        home.close()
    raise AssertionError("no runner was told what it may begin by itself")


def expect_all_once(home):
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
    assert len(expect_once(home)) == STEPS
    assert home.rows("SELECT * FROM free_heirs") == []
    home.expect_whole()


@pytest.mark.parametrize("build", [NEXT, LATER], ids=["next", "later"])
def test_what_an_old_runner_may_begin_by_itself_begins_once(homes, build):
    home = held(homes)
    process = upgrade(home, build)
    wait_for_door(home)
    life.let_go(home)
    ended(process)
    expect_all_once(home)


@pytest.mark.parametrize("point", ["before_migration_commit", "after_migration_commit", "before_hello", "after_hello"])
def test_the_old_version_comes_back_amid_them(homes, point):
    """The new one is killed as it begins: before it has changed the store the old one goes on, afterwards the old one
    refuses the home and leaves it as it is, and the new one goes on."""
    home = held(homes)
    was = schema(home)
    ended(upgrade(home, NEXT, SLUICE_CRASH=point), -signal.SIGKILL)
    home.build = BUILD
    if schema(home) > was:
        before = home.rows("SELECT * FROM free_heirs")
        assert home("resume", "-q")[0] == 4
        assert home.rows("SELECT * FROM free_heirs") == before
        home.build = NEXT
    life.let_go(home)
    assert home("resume", "-q")[0] == 0
    expect_all_once(home)


@pytest.mark.parametrize("share", range(2))
def test_kill_9_of_the_new_version_at_each_crash_point_amid_them(homes, share):
    """However often it dies, what the old runner holds is begun by nobody else."""
    def live(home, *moments):
        passes = home.folder / "passes"
        passes.touch()
        seen = invariants.Seen()
        home.build = NEXT
        life.let_go(home)
        for _ in range(30):
            code, _, err = home("resume", "-q", SLUICE_CRASH=f"{passes}:{','.join(map(str, moments))}")
            assert code in (0, 1, -9), err  # 1: it was a runner that died, whose steps are lost
            assert not (breaches := seen.look(home.home)), breaches
            if not home.open_runs():
                return passes.read_text(encoding="ascii").split()
        raise AssertionError("it does not come to an end")

    first = held(homes)
    passed = live(first, 1 << 30)
    expect_all_once(first)
    first.close()
    ours = [n for n, name in enumerate(passed, 1) if not name.startswith(("runner_", "step_", "collect_"))]
    moments = ours if ALL else random.Random(3).sample(ours, min(10, len(ours)))
    for moment in sorted(moments)[share::2]:
        home = held(homes)
        died = live(home, moment)[moment - 1:moment]
        found = expect_once(home)
        if not any(name.startswith(("runner_", "step_")) for name in died):
            assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}, died
            assert len(found) == STEPS
        home.expect_whole()
        home.close()


@pytest.mark.parametrize("build", [NEXT, LATER], ids=["next", "later"])
def test_the_machine_restarts_into_a_new_version(homes, tmp_path, build):
    """What the old version's rows say may have begun is lost, what they do not say begins in the new one, once."""
    home = held(homes)
    home.kill_all()
    machine = tmp_path / "machine"
    machine.mkdir()
    (machine / "boot_id").write_text(OTHER_BOOT, encoding="ascii")
    env = preload("machine", MACHINE=machine)
    life.let_go(home)
    home.build = build
    assert home("resume", "-q", **env)[0] == 1
    states = home.attempts()
    assert sorted(states) == sorted(f"s{n}" for n in range(STEPS))
    assert states[f"s{SLOW}"] == ["lost"] and all(found in (["succeeded"], ["lost"]) for found in states.values())
    expect_once(home)
    assert home.rows("SELECT * FROM free_heirs") == []
    home.expect_whole(**env)
