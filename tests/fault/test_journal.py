# SPDX-License-Identifier: Apache-2.0
"""A journal that is deleted, torn, or shorter than what was read of it (docs/recovery.md): what was committed stays,
what had not been read is lost and never tried again, and the run goes on with a new journal."""
import pytest

import life


def delete(path):
    path.unlink()


def tear(path):
    """The last frame is half there, as after a crash of the machine in the middle of a write."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5)


def scribble(path):
    """Not a frame at all where the next one should begin."""
    with path.open("ab") as file:
        file.write(b"\xff" * 400)


def shorten(path):
    with path.open("r+b") as file:
        file.truncate(60)


DAMAGES = pytest.mark.parametrize("damage", [delete, scribble, shorten], ids=lambda damage: damage.__name__)


def expect_slow_is_lost(home, reason):
    state, told = home.reasons()["slow"]
    assert state == "failed" and reason in told, told
    assert home.reasons()["first"][0] == "succeeded" and home.reasons()["after"][0] == "skipped"
    assert home.attempts() == {"first": ["succeeded"], "slow": ["lost"]}
    assert home.rows("SELECT outputs FROM steps WHERE step = 'first' AND item = 0") == [('{"n":1}',)]
    home.expect_whole()


@DAMAGES
def test_journal_damaged_while_only_the_step_lives(home, damage):
    """The runner has it open, and may be writing. Its step is stopped: whether it will have done its work, nobody could
    be told."""
    process = life.hold(home, retry=life.LOST)
    home.kill(process.pid)
    process.wait()
    path = home.journal()
    damage(path)
    code, _, err = home("resume", "-q")
    assert code == 1, err
    expect_slow_is_lost(home, "journal")
    if damage is not delete:
        assert path.with_name("journal.damaged").exists()
    life.let_go(home)
    assert home("retry", "hold/1", "-q")[0] == 0
    home.expect_whole()


@DAMAGES
def test_journal_damaged_while_nothing_lives(home, damage):
    life.hold(home, retry=life.LOST)
    home.kill_all()
    damage(home.journal())
    code, _, err = home("resume", "-q")
    assert code == 1, err
    expect_slow_is_lost(home, "journal")


def test_journal_torn_in_its_last_frame(home):
    """Half a frame is no frame: what was whole counts, and the end of the step was not."""
    process = life.hold(home, retry=life.LOST)
    home.kill(process.pid)
    process.wait()
    life.let_go(home)
    path = home.journal()
    home.wait_for(lambda: path.read_bytes().count(b'"how":"exited"') == 2)
    home.kill_all()
    tear(path)
    code, _, err = home("resume", "-q")
    assert code == 0, err
    assert home.attempts() == {"first": ["succeeded"], "slow": ["lost", "succeeded"], "after": ["succeeded"]}
    home.expect_whole()


ALWAYS = """\
  tidy:
    needs: [slow]
    if: always()
    run: |
      @BEGIN@
      @END@
"""


@DAMAGES
def test_journal_damaged_and_the_run_has_more_to_do(home, damage, monkeypatch):
    """What starts after the damage is written to a new journal, also by the runner that had the old one open."""
    monkeypatch.setattr(life, "HOLD", life.HOLD + ALWAYS)
    process = life.hold(home)
    home.kill(process.pid)
    process.wait()
    damage(home.journal())
    code, _, err = home("resume", "-q")
    assert code == 1, err
    assert home.attempts() == {"first": ["succeeded"], "slow": ["lost"], "tidy": ["succeeded"]}, home.reasons()
    home.expect_whole()


@DAMAGES
def test_journal_damaged_while_a_person_is_asked(home, damage):
    """Nothing of the run lives: nothing is lost."""
    life.write(home)
    assert home("run", "life.yaml", "-q")[0] == 5
    home.kill_all()
    damage(next(path for path in (home.home / "runs").glob("*/journal")))
    assert home("approve", "latest", "--resume", "-q")[0] == 0
    assert {step: len(states) for step, states in home.attempts().items()} == life.QUIET
    home.expect_whole()


def test_a_copy_in_the_place_of_the_journal_is_no_journal(home):
    """The runner writes the end of its step into the file that it has; the copy will never say how it ended."""
    process = life.hold(home)
    home.kill(process.pid)
    process.wait()
    whole, path = home.journal().read_bytes(), home.journal()
    path.rename(home.folder / "gone")
    path.write_bytes(whole)
    life.let_go(home)
    home.wait_for(lambda: (home.folder / "gone").read_bytes().count(b'"how":"exited"') == 2)
    home.settle()
    assert home.attempts()["slow"] == ["lost"]
    home.expect_whole()
