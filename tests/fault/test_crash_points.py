# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named crash point of sluice, of its runner and of its steps (docs/recovery.md).

The points are not listed here: a run says which it passes (base/crash_point.h), and how often. `make fault` dies once
at each of them, at a pass drawn by lot; with SLUICE_FAULT_ALL=1 it dies at the first pass of all, the second, and so
on, until a run is through before its turn has come.
"""
import random
import signal

import pytest

import invariants
import life
from faults import ALL, BUILD
from home import Home

SHARES = 8  # so that several processes can take them
PAIRS = 48 if ALL else 8


def passes_of(home):
    return (home.folder / "passes").read_text(encoding="ascii").split()


def live(home, *moments):
    """A whole life in which whoever makes these passes dies. Returns the names of the points of death."""
    life.write(home)
    (home.folder / "passes").touch()
    seen = invariants.Seen()
    life.live(home, seen=seen, SLUICE_CRASH=f"{home.folder}/passes:{','.join(map(str, moments))}")
    passed = passes_of(home)
    return [passed[moment - 1] for moment in moments if 0 < moment <= len(passed)], seen


def is_of_engine(name):
    return not name.startswith(("runner_", "step_", "collect_"))


def die_at(home, *moments):
    died, seen = live(home, *moments)
    where = f"died at {list(zip(moments, died))}"
    try:
        home.expect_whole()
        assert not (breaches := seen.look(home.home)), breaches
        states = {state for state, in home.rows("SELECT state FROM pipeline_runs")}
        assert states == {"succeeded"}, home.rows("SELECT step, state, reason FROM steps")
        made = {step: len(states) for step, states in home.attempts().items()}
        if all(is_of_engine(name) for name in died):
            assert made == life.QUIET, f"killing sluice costs no step an attempt: {home.attempts()}"
        assert made.keys() == life.QUIET.keys() and all(made[step] >= life.QUIET[step] for step in made), made
        points = home.rows("SELECT s.count, a.state FROM metric_series s JOIN attempts a ON a.step_run_id = s.run_id "
                           "WHERE s.key = 'loss' AND a.state = 'succeeded'")
        assert points == [(3, "succeeded")], f"the points of a metric arrive once: {points}"
        versions = home.rows("SELECT name, version FROM model_versions")
        assert versions == [("life", 1)], f"a model is registered once: {versions}"
    except AssertionError as wrong:
        raise AssertionError(f"{where}: {wrong}") from None
    home.close()
    return died


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The names of all points that a run passes, in order."""
    home = Home(tmp_path_factory.mktemp("undisturbed"), BUILD)
    died, _ = live(home, 0)
    assert died == [] and {step: len(states) for step, states in home.attempts().items()} == life.QUIET
    home.expect_whole()
    home.close()
    return passes_of(home)


def test_a_run_passes_the_points_that_matter(undisturbed):
    """A point that nobody passes any more is one that no test dies at."""
    wanted = """
        before_migration_commit after_migration_commit before_key in_submit before_commit after_commit after_act
        in_start before_spawn after_spawn before_ack after_ack before_reply after_reply in_attempt_end in_wait_open
        in_wait_end in_vote in_child_submit before_runner_start after_runner_start before_generation
        after_generation runner_begins runner_listens runner_greeted runner_told_spawn runner_before_spawning
        runner_after_spawning runner_after_fork runner_after_started runner_step_over runner_before_exit
        runner_after_exit runner_told_ack runner_told_reply step_before_mark step_begins step_before_model
        step_before_publish step_after_publish step_collected step_before_result step_after_result
        collect_begins""".split()
    assert set(wanted) <= set(undisturbed), set(wanted) - set(undisturbed)


def drawn(undisturbed):
    """A pass of each point."""
    chance = random.Random(1)
    moments = {}
    for number, name in enumerate(undisturbed, 1):
        moments.setdefault(name, []).append(number)
    return sorted(chance.choice(numbers) for numbers in moments.values())


@pytest.mark.parametrize("share", range(SHARES))
def test_kill_9_at_each_crash_point(homes, undisturbed, share):
    if not ALL:
        for moment in drawn(undisturbed)[share::SHARES]:
            die_at(homes(), moment)
        return
    moment = share + 1
    while die_at(homes(), moment):
        moment += SHARES


@pytest.mark.parametrize("share", range(SHARES))
def test_kill_9_twice(homes, undisturbed, share):
    """The second death may be that of what puts right the first."""
    chance = random.Random(share)
    for _ in range(PAIRS // SHARES):
        first = chance.randrange(1, len(undisturbed))
        die_at(homes(), first, first + chance.choice([1, 2, 3, 5, 8, 13, 40, 100]))


def cancel(home, moment):
    """A run that is cancelled while a step runs; whoever makes this pass dies. Points passed before the cancel."""
    passes = home.folder / "passes"
    passes.touch()
    process = life.hold(home, SLUICE_CRASH=f"{passes}:{moment}")
    before = len(passes_of(home))
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    return before, process.returncode


@pytest.mark.parametrize("share", range(3))
def test_kill_9_at_each_crash_point_of_a_cancel(homes, share):
    """A cancel that is recorded is carried out, whoever dies; one that is not has not been."""
    undisturbed = homes()
    before, code = cancel(undisturbed, 0)
    assert code == 130 and "in_cancel" in passes_of(undisturbed)[before:]
    after = len(passes_of(undisturbed))
    moments = range(before + 1, after + 1) if ALL else random.Random(1).sample(range(before + 1, after + 1), 9)
    for moment in sorted(moments)[share::3]:
        home = homes()
        cancel(home, moment)
        recorded = home.rows("SELECT 1 FROM pipeline_runs WHERE cancelling IS NOT NULL OR state = 'cancelled'")
        life.let_go(home)
        home.settle()
        state = home.rows("SELECT state FROM pipeline_runs")[0][0]
        where = (moment, passes_of(home)[moment - 1])
        assert state == ("cancelled" if recorded else "succeeded"), (where, home.reasons())
        home.expect_whole()
        home.close()


@pytest.mark.parametrize("point", ["before_secret_commit", "after_secret_commit"])
def test_kill_9_as_a_secret_is_set(home, point):
    assert home("secrets", "set", "NAME", "a value of it", SLUICE_CRASH=point)[0] == -9
    assert home.rows("SELECT name FROM secrets") == ([("NAME",)] if point.startswith("after") else [])
    home.expect_whole()


@pytest.mark.parametrize("point", ["before_migration_commit", "after_migration_commit", "before_key"])
def test_kill_9_as_a_home_is_made(home, point):
    assert home("secrets", "set", "NAME", "a value of it", SLUICE_CRASH=point)[0] == -9
    life.write(home)
    life.live(home)
    home.expect_whole()
