# SPDX-License-Identifier: Apache-2.0
"""The machine restarted: nothing runs any more, and the boot id is another (docs/recovery.md)."""
import pytest

import life
from faults import preload

BOTH_ARRANGEMENTS = True


def reboot(home, machine):
    home.kill_all()
    (machine / "boot_id").write_text("11111111-2222-3333-4444-555555555555\n", encoding="ascii")
    return preload("machine", MACHINE=machine)


@pytest.fixture
def machine(home, tmp_path):
    folder = getattr(home, "root", tmp_path) / "machine"  # where both users find it
    folder.mkdir()
    return folder


def test_reboot_with_a_step_running(home, machine):
    life.hold(home)
    env = reboot(home, machine)
    assert home("resume", "-q", **env)[0] == 1
    assert home.reasons()["slow"] == ("failed", "lost: the machine restarted while it ran")
    assert home.reasons()["first"][0] == "succeeded" and home.reasons()["after"][0] == "skipped"
    home.expect_whole(**env)


def test_reboot_with_a_step_running_that_may_be_repeated(home, machine):
    life.hold(home, retry=life.LOST_LATER)
    env = reboot(home, machine)
    home.restart_twice(**env)
    life.let_go(home)
    assert home("resume", "-q", **env)[0] == 0
    home.expect_whole(**env)
    assert home.attempts() == {"first": ["succeeded"], "slow": ["lost", "succeeded"], "after": ["succeeded"]}


def test_what_a_power_cut_left_behind_the_last_frame_goes(home, machine, monkeypatch):
    """Pages come to the disk in any order: the beginning of one frame, nothing of the next, and one more. What was
    printed before that is there still."""
    monkeypatch.setattr(life, "HOLD", life.HOLD.replace("      echo n=1", "      echo before\n      echo n=1"))
    life.hold(home, retry=life.LOST_LATER)
    env = reboot(home, machine)
    with home.journal().open("ab") as file:
        file.write(b"\x30\0\0\0\x01\x02\x03" + bytes(4000) + b"\x77" * 400)
    life.let_go(home)
    assert home("resume", "-q", **env)[0] == 0
    assert home.attempts()["slow"] == ["lost", "succeeded"]
    assert not home.journal().with_name("journal.damaged").exists()
    assert "before" in home("logs", "latest", "first", **env)[1]
    home.expect_whole(**env)


@pytest.mark.parametrize("nth", [20, 60, 100, 140, 180, 220, 260, 300])
def test_reboot_at_a_crash_point(home, machine, nth):
    """Whether a step had begun cannot be told from a journal that was not synced: then it is lost, never run again
    unasked."""
    life.write(home)
    (home.folder / "passes").touch()
    process = home.start("run", "life.yaml", "-q", SLUICE_CRASH=f"{home.folder}/passes:{nth}")
    home.wait_for(lambda: (home.folder / "passes").stat().st_size >= nth * 40 or process.poll() is not None)
    env = reboot(home, machine)
    life.live(home, **env)
    home.expect_whole(**env)
    assert home.rows("SELECT DISTINCT state FROM pipeline_runs") == [("succeeded",)]


def test_reboot_while_a_person_is_asked(home, machine):
    """A wait is a row: it outlives the machine."""
    life.write(home)
    assert home("run", "life.yaml", "-q")[0] == 5
    env = reboot(home, machine)
    assert home("approve", "latest", "--resume", "-q", **env)[0] == 0
    home.expect_whole(**env)
    assert {step: len(states) for step, states in home.attempts().items()} == life.QUIET
