# SPDX-License-Identifier: Apache-2.0
"""Steps that wait for a slot, and begin by themselves behind one that holds it (docs/recovery.md, "Heirs")."""
import os
import random
import signal
import time

import pytest

import invariants
import ledger
import life
from faults import ALL
from test_heirs import HOMES, cancel, entries, heirs

SLOTS = os.cpu_count()
STEPS = 20 + 2 * SLOTS
SLOW = "touch up; until [ -e go ]; do sleep 0.02; done"


def wide(home, slow=(), fails=(), behind=False, begins=""):
    """Steps that all may begin at once, more than there are slots; `behind`: and one that needs them all. A slow one
    does what it `begins` with and goes on until let go."""
    lines = ["name: wide", f'env: {{LEDGER: "{home.ledger}"}}', "steps:"]
    for n in range(STEPS):
        body = begins + SLOW if n in slow else "exit 3" if n in fails else ":"
        lines += [f"  s{n}:", "    run: |", "      @BEGIN@", f"      {body}", "      @END@", "    retry: {attempts: 1}"]
    if behind:
        lines += ["  last:", f"    needs: [{', '.join(f's{n}' for n in range(STEPS))}]", "    run: ['true']"]
    home.write("wide.yaml", life.fill("\n".join(lines) + "\n", home))


def held(home, slow, env=None, **how):
    """A run with a step that goes on and others that stand behind it: the command."""
    wide(home, slow=[slow], **how)
    process = home.start("run", "wide.yaml", "-q", **(env or {}))
    home.wait_for(lambda: (home.folder / "up").exists())
    return process


def expect_once(home):
    """By the steps' own word none began twice, and each that began has a row."""
    found = entries(home)
    assert None not in found, "a step ran of which the store knows nothing"
    assert {step: len(entry) for step, entry in found.items() if len(entry) > 1} == {}
    return found


def test_what_waits_for_a_slot_begins_by_itself_and_is_recorded_like_any(homes):
    begun = []
    while max(begun, default=0) < STEPS // 2:
        assert len(begun) < HOMES, begun
        home = homes()
        wide(home, behind=True)
        assert home("run", "wide.yaml", "-q")[0] == 0
        assert home.attempts() == {**{f"s{n}": ["succeeded"] for n in range(STEPS)}, "last": ["succeeded"]}
        assert len(expect_once(home)) == STEPS
        home.expect_whole()
        begun.append(heirs(home))


def test_never_more_run_at_once_than_there_are_slots(home):
    wide(home)
    assert home("run", "wide.yaml", "-q")[0] == 0
    moments = sorted([(begin, 1) for entry in ledger.read(home.ledger).values() for begin in entry.begins] +
                     [(end, -1) for entry in ledger.read(home.ledger).values() for end in entry.ends])
    now = most = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    assert most <= SLOTS


@pytest.mark.parametrize("slow", [0, 6])
def test_nobody_waits_behind_a_long_step_while_a_slot_is_free(home, slow):
    process = held(home, slow)
    others = {f"s{n}": ["succeeded"] for n in range(STEPS) if n != slow}
    home.wait_for(lambda: {step: states for step, states in home.attempts().items() if step != f"s{slow}"} == others)
    life.let_go(home)
    assert process.wait(60) == 0
    assert len(expect_once(home)) == STEPS
    home.expect_whole()


def test_the_failure_of_one_keeps_no_other_back(home):
    wide(home, fails=[3, 4, 11], behind=True)
    assert home("run", "wide.yaml", "-q")[0] == 1
    assert home.attempts() == {f"s{n}": ["failed" if n in (3, 4, 11) else "succeeded"] for n in range(STEPS)}
    assert home.reasons()["last"][0] == "skipped"
    assert len(expect_once(home)) == STEPS
    home.expect_whole()


@pytest.mark.parametrize("share", range(4))
def test_kill_9_of_sluice_at_each_crash_point_of_a_wide_run(homes, share):
    """However it dies each step begins once: what a runner holds is started by nobody else."""
    def live(home, *moments):
        wide(home)
        passes = home.folder / "passes"
        passes.touch()
        seen = invariants.Seen()
        for _ in range(30):
            code, _, err = home("run", "wide.yaml", "-q", SLUICE_CRASH=f"{passes}:{','.join(map(str, moments))}")
            assert code in (0, 1, -9), err  # 1: it was a runner that died, whose steps are lost
            assert not (breaches := seen.look(home.home)), breaches
            if code in (0, 1) or (home.rows("SELECT 1 FROM pipeline_runs") and not home.open_runs()):
                break
        passed = passes.read_text(encoding="ascii").split()
        return [passed[moment - 1] for moment in moments if moment <= len(passed)], passed

    first = homes()
    _, passed = live(first, 1 << 30)
    ours = [n for n, name in enumerate(passed, 1) if not name.startswith(("runner_", "step_", "collect_"))]
    first.close()
    moments = ours if ALL else random.Random(2).sample(ours, 24)
    for moment in sorted(moments)[share::4]:
        home = homes()
        died, _ = live(home, moment)
        home.settle()
        found = expect_once(home)
        if not any(name.startswith(("runner_", "step_")) for name in died):
            assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}, (died, home.attempts())
            assert len(found) == STEPS
        home.expect_whole()
        home.close()


def test_sluice_is_gone_and_the_lines_go_on(home):
    process = held(home, 6)
    home.kill(process.pid)
    process.wait()
    life.let_go(home)
    time.sleep(0.5)
    assert home("resume", "-q")[0] == 0
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
    assert len(expect_once(home)) == STEPS
    home.expect_whole()


def test_what_a_stopped_runner_may_hold_is_started_by_nobody_else(home):
    """It does not answer: whether it holds what is ready is not known before it does."""
    process = held(home, 2)
    home.kill(process.pid)
    process.wait()
    [runner] = home.processes()[0]
    os.kill(runner, signal.SIGSTOP)
    try:
        time.sleep(3)  # for what it had begun just before
        before = ledger.read(home.ledger).keys()  # by mark: of some nobody has read yet that they began
        resumed = home.start("resume", "-q")
        time.sleep(12)  # it waits ten seconds for an answer
        assert ledger.read(home.ledger).keys() == before
    finally:
        os.kill(runner, signal.SIGCONT)
    life.let_go(home)
    assert resumed.wait(60) == 0
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
    assert len(expect_once(home)) == STEPS
    home.expect_whole()


@pytest.mark.parametrize("dies", ["nobody", "sluice"])
def test_a_cancel_leaves_nothing_to_begin(home, dies):
    wide(home, slow=range(4, 4 + SLOTS))
    process = home.start("run", "wide.yaml", "-q")
    home.wait_for(lambda: len(list(home.ledger.iterdir())) == 4 + SLOTS)  # all that can begin have
    cancel(home, process, dies)
    began = expect_once(home)
    life.let_go(home)
    time.sleep(0.3)
    assert expect_once(home).keys() == began.keys()
    assert set(home.attempts()) == set(began), "an attempt is a step that began"
    assert all(home.reasons()[f"s{n}"][0] in ("succeeded", "cancelled") for n in range(STEPS))
    home.expect_whole()


def test_the_runner_dies_and_what_it_held_begins_in_another(home):
    process = held(home, 6)
    home.kill_all()
    process.wait()
    home.settle()
    states = home.attempts()
    assert sorted(states) == sorted(f"s{n}" for n in range(STEPS))
    assert states["s6"] == ["lost"] and all(state in (["succeeded"], ["lost"]) for state in states.values()), states
    expect_once(home)
    home.expect_whole()
