# SPDX-License-Identifier: Apache-2.0
"""The store answers BUSY, FULL, IOERR, CORRUPT, or says that a commit failed which was carried out
(docs/recovery.md): sluice waits, or ends in words; nothing is started that is not recorded, and the next command goes
on. The answers are given by tests/fault/sqlite_answers.c in place of SQLite's."""
import random
import re

import pytest

import life
from faults import ALL, preload

CODES = {"BUSY": 5, "FULL": 13, "IOERR": 10, "CORRUPT": 11}
WORDS = {"BUSY": "in use", "FULL": "the disk is full", "IOERR": "I/O|error|no more rows", "CORRUPT": "damaged"}
PASSES = ("BUSY", "FULL")  # somebody will see to it
ALWAYS = 1 << 30
COMMITS, STEPS = 40, 2000  # of a quiet life, about: where to draw from


def answers(home, what, nth, times, code):
    return preload("sqlite_answers", SQLITE_ANSWER=f"{what}:{nth}:{times}:{CODES[code]}",
                   SQLITE_ANSWER_LOG=home.folder / "answers")


def was_answered(home):
    return (home.folder / "answers").exists()


def go_on(home):
    """The next commands, whose store is sound, and what must hold then."""
    life.live(home)
    home.expect_whole()
    assert home.rows("SELECT DISTINCT state FROM pipeline_runs") == [("succeeded",)]
    assert {step: len(states) for step, states in home.attempts().items()} == life.QUIET, home.attempts()
    assert home.rows("SELECT name, version FROM model_versions") == [("life", 1)]


def answer_once(home, what, nth, code, times=1):
    """True when the run was so long that the answer was given."""
    life.write(home)
    result, _, err = home("run", "life.yaml", "-q", timeout=60, **answers(home, what, nth, times, code))
    if was_answered(home):
        assert result in (4, 5) or (result == 0 and code in PASSES), f"exit code {result}\n{err}"
        if result == 4:
            assert what == "step" or re.search(WORDS[code], err), err
            assert len([line for line in err.splitlines() if line.startswith("sluice:")]) == 1, err
    go_on(home)
    answered = was_answered(home)
    home.close()
    return answered


def drawn(most, count, seed):
    """The first ones, then some by lot; all with SLUICE_FAULT_ALL=1, until one is not reached."""
    if ALL:
        yield from range(1, 1 << 20)
    yield from sorted(random.Random(seed).sample(range(1, most), count))


@pytest.mark.parametrize("what", ["commit", "commits"])
@pytest.mark.parametrize("code", CODES)
def test_store_answers_a_commit(homes, code, what):
    """`commits` are carried out, and only said to have failed: whatever is done must be right in both cases."""
    answered = 0
    for nth in drawn(COMMITS // 2, 2, code + what):
        if not answer_once(homes(), what, nth, code):
            break
        answered += 1
    assert answered > (12 if ALL else 0)  # how many there are depends on how quick the steps are


@pytest.mark.parametrize("code", CODES)
def test_store_answers_any_statement(homes, code):
    answered = 0
    for nth in drawn(STEPS // 2, 2, code):
        if not answer_once(homes(), "step", nth, code):
            break
        answered += 1
    assert answered > (200 if ALL else 0)


@pytest.mark.parametrize("code", ["IOERR", "CORRUPT"])
def test_store_fails_from_then_on(homes, code):
    """The command ends in words at once, and is not waited for."""
    for nth in (2, 9):
        home = homes()
        life.write(home)
        result, _, err = home("run", "life.yaml", "-q", timeout=60, **answers(home, "commit", nth, ALWAYS, code))
        assert result == 4 and re.search(WORDS[code], err), f"exit code {result}\n{err}"
        go_on(home)
        home.close()


@pytest.mark.parametrize("code", PASSES)
def test_store_is_busy_or_full_for_a_while(homes, code):
    """Three commits in a row: it tries again each second, and needs nobody."""
    home = homes()
    life.write(home)
    result, _, err = home("run", "life.yaml", "-q", **answers(home, "commit", 12, 3, code))
    assert result == 5 and err.count("trying again in a second") == 3, f"exit code {result}\n{err}"
    go_on(home)


def test_disk_full_until_sluice_is_killed(homes):
    home = homes()
    life.write(home)
    process = home.start("run", "life.yaml", "-q", **answers(home, "commit", 20, ALWAYS, "FULL"))
    home.wait_for(lambda: was_answered(home))
    home.kill(process.pid)
    process.wait()
    go_on(home)
