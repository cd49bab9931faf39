# SPDX-License-Identifier: Apache-2.0
"""Heirs (docs/recovery.md) among steps that are none, runs of the same group, homes that move."""
import random
import time

import pytest

import invariants
import ledger
import life
from faults import ALL
from test_heirs import KILLS_SLUICE, STEPS, chain, expect_in_order, held, heirs

TRIALS = 12 if ALL else 2
SECRET = "told-to-one-step-alone"
AGAIN = "retry: {attempts: 6, delay: 1ms, on: [failure, lost]}"
# What a step may have that makes it none, or one that is left without: lines of it, and what it runs.
KINDS = {
    "plain": ([], ":"),
    "timeout": (["timeout: 10s"], ":"),
    "secret": (["env: {TOKEN: '${{ secrets.TOK }}'}"], f'[ ${{#TOKEN}} = {len(SECRET)} ]; echo "it is $TOKEN"'),
    "condition": (["if: steps.@BEFORE@.status == 'succeeded'"], ":"),
    "never": (["if: steps.@BEFORE@.status == 'failed'"], "false"),
    "flaky": ([], 'touch "$SLUICE_STATE/$SLUICE_ATTEMPT"; [ "$(ls "$SLUICE_STATE" | wc -l)" -gt 1 ]'),
    "cached": (["cache: true"], ":"),
    "pool": (["resources: {license: 1}"], ":"),
    "output": (["outputs: {n: integer}"], 'echo n=3 >> "$SLUICE_OUTPUT"'),
    "always": (["if: always()"], ":"),
}


def mixed(home, chance):
    """Quick steps one after the other, half of them with something about them."""
    kinds = ["plain", *(chance.choice([chance.choice(list(KINDS)), "plain"]) for _ in range(STEPS))]
    lines = ["name: mixed", f'env: {{LEDGER: "{home.ledger}"}}', "steps:"]
    before = None
    for n, kind in enumerate(kinds):
        more, body = KINDS[kind]
        optional = "?" if kind == "always" else ""
        lines += [f"  s{n}:", *([f"    needs: ['{before}{optional}']"] if before else []), "    run: |",
                  "      @BEGIN@", f"      {body}", "      @END@", f"    {AGAIN}",
                  *("    " + line.replace("@BEFORE@", str(before)) for line in more)]
        before = before if kind == "never" else f"s{n}"
    home.write("mixed.yaml", life.fill("\n".join(lines) + "\n", home))
    home.home.mkdir()
    (home.home / "config.yaml").write_text("pools: {license: 1}\nsecrets: {TOK: {env: TOKEN_OF_TEST}}\n")
    return kinds


def live(home, *moments):
    """A run to its end, in which whoever makes these passes dies. All passes."""
    passes = home.folder / "passes"
    passes.touch()
    seen = invariants.Seen()
    for _ in range(30):
        code, _, err = home("run", "mixed.yaml", "-q", TOKEN_OF_TEST=SECRET,
                            SLUICE_CRASH=f"{passes}:{','.join(map(str, moments))}")
        assert code in (0, -9), err
        assert not (breaches := seen.look(home.home) if home.database.exists() else []), breaches
        if home.rows("SELECT 1 FROM pipeline_runs") and not home.open_runs():
            break
    return passes.read_text(encoding="ascii").split()


@pytest.mark.parametrize("seed", range(TRIALS))
def test_kill_9_in_a_line_with_steps_that_are_no_heirs(homes, seed):
    """Whoever dies, each step succeeds once, and one that is to be skipped never begins."""
    quiet = homes()
    kinds = mixed(quiet, random.Random(seed))
    passed = live(quiet, 1 << 30)
    attempts = quiet.attempts()
    never = {f"s{n}" for n, kind in enumerate(kinds) if kind == "never"}
    assert attempts.keys() == {f"s{n}" for n in range(len(kinds))} - never, kinds
    chance = random.Random(seed)
    for _ in range(4):
        home = homes()
        mixed(home, random.Random(seed))
        moments = sorted(chance.sample(range(1, len(passed) + 40), chance.choice([1, 1, 2, 3])))
        died = [name for number, name in enumerate(live(home, *moments), 1) if number in moments]
        states = home.attempts()
        where = f"{kinds}: died at {list(zip(moments, died))}: {states}"
        assert states.keys() == attempts.keys(), where
        assert all(found.count("succeeded") == 1 and found[-1] == "succeeded" for found in states.values()), where
        if not any(name.startswith(("runner_", "step_", "collect_")) for name in died):
            assert states == attempts, where
        home.expect_whole()
        shown = [path for path in home.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
        assert not shown, f"{where}: the secret is in {shown}"
        home.close()


def test_an_heir_has_its_own_timeout(home):
    """Counted from its own beginning, by the runner alone."""
    lines = ["name: late", "steps:"]
    for n in range(STEPS):
        body = KILLS_SLUICE if n == 3 else "sleep 300" if n == 6 else ":"
        lines += [f"  s{n}:", *([f"    needs: [s{n - 1}]"] if n else []), f"    run: '{body}'", "    timeout: 6s",
                  "    stop: {grace: 1s}"]
    home.write("late.yaml", "\n".join(lines) + "\n")
    process = home.start("run", "late.yaml", "-q")
    home.write("pid", f"{process.pid}\n")
    process.wait()
    home.wait_for(lambda: b'"stopped":"timeout"' in home.journal().read_bytes())
    assert home("resume", "-q")[0] == 1
    states = home.attempts()
    assert states["s6"] == ["timed_out"] and "s7" not in states, states
    assert home.reasons()["s6"][1] == "timed out after 6 s: ended by SIGTERM"
    home.expect_whole()


# ---- runs of the same group ------------------------------------------------------------------------------------------


def spans(home):
    """[(when the first step of a run began, when its last ended)] by the steps' own clocks"""
    run_of = dict(home.rows("SELECT mark, run_id FROM attempts"))
    found = {}
    for mark, entry in ledger.read(home.ledger).items():
        found.setdefault(run_of[mark], []).extend(entry.begins + entry.ends)
    return sorted((min(times), max(times)) for times in found.values())


@pytest.mark.parametrize("dies", ["nobody", "sluice"])
@pytest.mark.parametrize("policy, first, second", [
    ("queue", "succeeded", "succeeded"), ("latest", "succeeded", "succeeded"), ("skip", "succeeded", "cancelled"),
    ("cancel_running", "cancelled", "succeeded")])
def test_another_run_of_the_group_comes_while_heirs_are_held(home, policy, first, second, dies):
    """It has its turn as if there were none: never do two of them run at once."""
    process = held(home, more=f"concurrency: {{group: g, policy: {policy}}}\n")
    if dies == "sluice":
        home.kill(process.pid)
        process.wait()
    other = home.start("run", "chain.yaml", "-q", "--new")
    home.wait_for(lambda: len(home.rows("SELECT 1 FROM pipeline_runs")) == 2)
    if policy != "cancel_running":
        life.let_go(home)
    else:
        home.wait_for(lambda: home.rows("SELECT 1 FROM pipeline_runs WHERE number = 1 AND state = 'cancelled'"))
        life.let_go(home)
    for one in (process, other):
        one.wait(60)
    home.settle()
    assert home.rows("SELECT state FROM pipeline_runs ORDER BY number") == [(first,), (second,)]
    times = spans(home)
    assert all(before[1] <= after[0] for before, after in zip(times, times[1:])), "two of them ran at once"
    if first == "cancelled":
        begun = home.rows("SELECT max(a.position) FROM attempts a JOIN pipeline_runs p USING (run_id) "
                          "WHERE p.number = 1")
        assert begun == [(3,)], "what had not begun when the run was cancelled leaves no trace"
    home.expect_whole()


# ---- a home that moves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dies", ["nobody", "sluice"])
def test_the_home_is_moved_while_heirs_are_held(home, dies):
    """Nothing begins by itself for a home that is not there; in its new place the run goes on."""
    process = held(home)
    if dies == "sluice":
        home.kill(process.pid)
        process.wait()
    had = heirs(home)
    moved = home.folder / "moved"
    home.home.rename(moved)
    life.let_go(home)
    assert process.wait(60) == (-9 if dies == "sluice" else 4)
    home.home, home.database = moved, moved / "sluice.db"
    home.env["SLUICE_HOME"] = str(moved)
    home.wait_for(lambda: home.journal().read_bytes().count(b'"how":"exited"') == 4)
    time.sleep(0.3)
    assert heirs(home) == had
    home.settle()
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
    expect_in_order(home)
    home.expect_whole()
