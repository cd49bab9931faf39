# SPDX-License-Identifier: Apache-2.0
"""Steps that a runner begins by itself, in the place of one that has succeeded (docs/recovery.md, "Heirs")."""
import json
import os
import random
import signal
import time

import pytest

import fail_nth
import invariants
import ledger
import life
from faults import ALL, preload

STEPS = 14
SYNC_FAILS = next(fault for fault in fail_nth.FAULTS if fault.kind == "fsync")
AGAIN = "{attempts: 6, delay: 1ms, on: [lost]}"


HOMES = 10  # at most, until steps are quick enough for heirs: on a busy machine one may take a quarter of a second

# Of a step: what it kills is gone before it could take back what stands behind a long step.
KILLS_SLUICE = 'until [ -s pid ]; do sleep 0.01; done; kill -9 "$(cat pid)"; '


def chain(home, slow=None, fails=None, retry="{attempts: 1}", more="", begins=""):
    """Quick steps, one after the other. `slow` does what it `begins` with and goes on until let go, `fails` fails."""
    lines = [f"{more}name: chain", f'env: {{LEDGER: "{home.ledger}"}}', "steps:"]
    for n in range(STEPS):
        slowly = begins + "touch up; until [ -e go ]; do sleep 0.02; done"
        body = slowly if n == slow else "exit 3" if n == fails else ":"
        lines += [f"  s{n}:", *([f"    needs: [s{n - 1}]"] if n else []), "    run: |", "      @BEGIN@",
                  f"      {body}", "      @END@", f"    retry: {retry}"]
    home.write("chain.yaml", life.fill("\n".join(lines) + "\n", home))


def quick(home):
    """Steps that take no time at all, so that a line of heirs is certain."""
    lines = ["name: quick", "steps:"]
    for n in range(STEPS):
        lines += [f"  s{n}: {{run: ['true'], {f'needs: [s{n - 1}], ' if n else ''}retry: {AGAIN}}}"]
    home.write("quick.yaml", "\n".join(lines) + "\n")


def heirs(home):
    return home.journal().read_bytes().count(b'"heir":{')


def entries(home):
    """{step: [entries of its attempts that began]}"""
    of_mark = dict(home.rows("SELECT a.mark, s.step FROM attempts a JOIN steps s USING (run_id, position, item)"))
    found = {}
    for mark, entry in ledger.read(home.ledger).items():
        found.setdefault(of_mark.get(mark), []).append(entry)
    return found


def expect_in_order(home):
    """By the steps' own clocks: none began before the end of the one before it, and none without a row."""
    found = entries(home)
    assert None not in found, "a step ran of which the store knows nothing"
    for n in range(1, STEPS):
        for entry in found.get(f"s{n}", []):
            ends = [end for before in found[f"s{n - 1}"] for end in before.ends]
            assert ends and entry.begins[0] >= min(ends), f"s{n} began before the end of s{n - 1}"


def test_quick_steps_begin_by_themselves_and_are_recorded_like_any(homes):
    begun = []
    while max(begun, default=0) < STEPS - 4:
        assert len(begun) < HOMES, begun
        home = homes()
        quick(home)
        assert home("run", "quick.yaml", "-q")[0] == 0
        assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
        home.expect_whole()
        started = [row[0] for row in home.rows("SELECT started_ms FROM attempts ORDER BY position")]
        assert started == sorted(started)
        begun.append(heirs(home))


def test_what_an_heir_saw_is_held_against_the_journal(home):
    """The ledger's check 4 is precise: only an heir may find the ends of its line not in the store yet, and only ends
    of its line, and only such as have been by the word of those steps themselves."""
    chain(home)
    assert home("run", "chain.yaml", "-q")[0] == 0
    of_step = {step: mark for mark, step in home.rows("SELECT a.mark, s.step FROM attempts a JOIN steps s "
                                                      "USING (run_id, position, item)")}
    orders = ledger.read_orders(home.home / "runs")
    heir = next(n for n in range(2, STEPS) if of_step[f"s{n}"] in orders)
    first = next(n for n in range(1, STEPS) if of_step[f"s{n}"] not in orders)

    def check(n, saw):
        entry = home.ledger / of_step[f"s{n}"]
        text = entry.read_text()
        entry.write_text(f"{text}saw {saw}\n")
        breaches = ledger.check(home.database, home.ledger)
        entry.write_text(text)
        return [breach for breach in breaches if breach.startswith("4 it began while the store said")]

    assert check(heir, f"s{heir - 1}=succeeded") == check(heir, f"s{heir - 1}=active") == []
    assert len(check(heir, f"s{heir - 1}=active s{heir - 1}=active")) == 1, "of two items one is in its line"
    assert len(check(first, f"s{first - 1}=active")) == 1, "it began as no heir"
    before = home.ledger / of_step[f"s{heir - 1}"]
    before.write_text("".join(line for line in before.read_text().splitlines(True) if not line.startswith("end")))
    assert len(check(heir, f"s{heir - 1}=active")) == 1, "the one before it does not say that it had ended"


def live(home, write, *moments):
    write(home)
    passes = home.folder / "passes"
    passes.touch()
    seen = invariants.Seen()
    for _ in range(30):
        code, _, err = home("run", "quick.yaml" if write is quick else "chain.yaml", "-q",
                            SLUICE_CRASH=f"{passes}:{','.join(map(str, moments))}")
        assert code in (0, -9), err
        assert not (breaches := seen.look(home.home)), breaches
        if code == 0 or (home.rows("SELECT 1 FROM pipeline_runs") and not home.open_runs()):
            break  # or it died when all was over: the same command would begin anew
    passed = passes.read_text(encoding="ascii").split()
    return [passed[moment - 1] for moment in moments if moment <= len(passed)], passed


@pytest.mark.parametrize("share", range(4))
def test_kill_9_at_each_crash_point_of_a_line(homes, share):
    """However it dies each step succeeds once; and when only sluice dies, with its first attempt."""
    _, passed = live(homes(), quick, 1 << 30)
    assert {"in_heir", "runner_before_heir"} <= set(passed)
    moments = range(1, len(passed) + 1) if ALL else random.Random(1).sample(range(1, len(passed) + 1), 32)
    for moment in sorted(moments)[share::4]:
        home = homes()
        died, _ = live(home, quick, moment)
        states = home.attempts()
        assert all(states[f"s{n}"].count("succeeded") == 1 and states[f"s{n}"][-1] == "succeeded"
                   for n in range(STEPS)), (died, states)
        if not any(name.startswith(("runner_", "step_")) for name in died):
            assert all(len(states[f"s{n}"]) == 1 for n in range(STEPS)), (died, states)
        home.expect_whole()
        home.close()


@pytest.mark.parametrize("share", range(2))
def test_kill_9_of_the_runner_in_a_line_of_scripts(homes, share):
    """By their own word they ran one after the other, and what was not lost ran once."""
    for moment in random.Random(share).sample(range(20, 150), 5):
        home = homes()
        died, _ = live(home, lambda home: chain(home, retry=AGAIN), moment)
        expect_in_order(home)
        states = home.attempts()
        for step, found in entries(home).items():
            assert sum(len(entry.ends) for entry in found) <= states[step].count("succeeded") + states[step].count(
                "lost"), (died, step, states[step])
        home.expect_whole()
        home.close()


def held(home, **how):
    """A run whose third step goes on, with heirs behind it: the command."""
    chain(home, slow=3, **how)
    process = home.start("run", "chain.yaml", "-q")
    home.write("pid", f"{process.pid}\n")
    home.wait_for(lambda: (home.folder / "up").exists())
    return process


def test_sluice_is_gone_and_the_line_goes_on(home):
    """What was given to the runner is begun without sluice, and taken up by the next one."""
    process = held(home, begins=KILLS_SLUICE)
    process.wait()
    had = heirs(home)
    life.let_go(home)
    if had >= 2:  # it was quick enough for heirs
        home.wait_for(lambda: heirs(home) > had)
    assert home("resume", "-q")[0] == 0
    assert home.attempts() == {f"s{n}": ["succeeded"] for n in range(STEPS)}
    expect_in_order(home)
    home.expect_whole()


def test_what_began_while_sluice_was_gone_has_its_own_times(homes):
    """Those of the journal, not of the moment at which somebody came to read it."""
    for _ in range(HOMES):
        home = homes()
        held(home, begins=KILLS_SLUICE).wait()
        if heirs(home) >= 2:
            break
    life.let_go(home)
    home.wait_for(lambda: heirs(home) >= 4)
    time.sleep(5)
    assert home("resume", "-q")[0] == 0
    times = home.rows("SELECT a.started_ms, a.ended_ms, s.started_ms, r.start_ms FROM attempts a JOIN runs r "
                      "ON r.run_id = a.step_run_id JOIN steps s ON s.run_id = a.run_id AND s.position = a.position "
                      "AND s.item = a.item ORDER BY a.position")
    for n, (started, ended, item, mlflow) in enumerate(times):
        assert max(started, mlflow) <= ended and started - item < 4000, f"s{n}: {times[n]}"
    home.expect_whole()


def cancel(home, process, dies):
    """The run is cancelled through the command that has it, or by another one when that is dead."""
    if dies == "sluice":
        home.kill(process.pid)
        assert home("cancel", "latest")[0] == 0
    else:
        process.terminate()
    process.wait()
    home.settle()


@pytest.mark.parametrize("dies", ["nobody", "sluice"])
def test_a_cancel_leaves_no_trace_of_what_had_not_begun(home, dies):
    cancel(home, held(home), dies)
    assert {step: states for step, states in home.attempts().items() if int(step[1:]) > 3} == {}
    states = home.reasons()
    assert all(states[f"s{n}"][0] == "cancelled" for n in range(4, STEPS)), states
    assert home.rows("SELECT count(*) FROM runs")[0][0] == 5, "the run, and the four steps that began"
    expect_in_order(home)
    home.expect_whole()


def test_what_had_not_begun_dies_with_its_runner(home):
    process = held(home)
    home.kill_all()
    process.wait()
    home.settle()
    assert home.attempts() == {**{f"s{n}": ["succeeded"] for n in range(3)}, "s3": ["lost"]}
    assert all(home.reasons()[f"s{n}"][0] == "skipped" for n in range(4, STEPS)), home.reasons()
    home.expect_whole()


def test_nothing_begins_by_itself_without_a_journal_that_says_so(home):
    """Only from the journal at its path could the next sluice know of it."""
    process = held(home)
    home.wait_for(lambda: home.rows("SELECT 1 FROM attempts WHERE position = 3 AND state = 'running'"))
    home.kill(process.pid)
    process.wait()
    home.journal().rename(home.folder / "gone")
    life.let_go(home)
    home.wait_for(lambda: (home.folder / "gone").read_bytes().count(b'"how":"exited"') == 4)
    time.sleep(0.5)
    home.settle()
    expect_in_order(home)
    assert home.attempts() == {**{f"s{n}": ["succeeded"] for n in range(3)}, "s3": ["lost"]}
    home.expect_whole()


def test_a_step_that_turns_out_long_is_left_without_an_heir(home):
    process = held(home)
    home.wait_for(lambda: home.rows("SELECT 1 FROM attempts WHERE position = 3 AND state = 'running'"))
    before = heirs(home)
    time.sleep(4)  # over its patience
    home.kill(process.pid)
    process.wait()
    life.let_go(home)
    home.wait_for(lambda: home.journal().read_bytes().count(b'"how":"exited"') == 4)
    time.sleep(0.3)
    assert heirs(home) == before, "the step after a long one waits for an engine"
    assert home("resume", "-q")[0] == 0
    home.expect_whole()


def test_nothing_begins_after_a_step_that_failed(home):
    chain(home, fails=5)
    assert home("run", "chain.yaml", "-q")[0] == 1
    assert home.attempts() == {**{f"s{n}": ["succeeded"] for n in range(5)}, "s5": ["failed"]}
    assert all(home.reasons()[f"s{n}"][0] == "skipped" for n in range(6, STEPS))
    assert len(ledger.read(home.ledger)) == 6
    home.expect_whole()


@pytest.mark.parametrize("nth", range(60, 300, 40))
def test_reboot_in_a_line(home, tmp_path, nth):
    """At most one step is lost: the one of which the journal says that it was about to begin."""
    quick(home)
    machine = tmp_path / "machine"
    machine.mkdir()
    (home.folder / "passes").touch()
    process = home.start("run", "quick.yaml", "-q", SLUICE_CRASH=f"{home.folder}/passes:{1 << 30}")
    home.wait_for(lambda: (home.folder / "passes").stat().st_size >= nth * 12 or process.poll() is not None)
    home.kill_all()
    (machine / "boot_id").write_text("11111111-2222-3333-4444-555555555555\n", encoding="ascii")
    env = preload("machine", MACHINE=machine)
    home.settle(**env)
    if not home.rows("SELECT 1 FROM pipeline_runs"):
        return  # it had not begun
    states = home.attempts()
    assert all(states[f"s{n}"][-1] == "succeeded" for n in range(STEPS)), states
    assert sum(found.count("lost") for found in states.values()) <= 1, states
    home.expect_whole(**env)


def test_the_order_in_the_journal_is_all_that_an_engine_needs(home):
    """The exit record names what has begun: place, names, and the boot of the machine."""
    quick(home)
    assert home("run", "quick.yaml", "-q")[0] == 0
    exits = [json.loads(row[0]) for row in home.rows("SELECT exit FROM attempts ORDER BY position")]
    orders = [record["heir"] for record in exits if "heir" in record]
    rows = {row[0]: row[1:] for row in home.rows("SELECT id, position, item, mark, step_run_id, boot_id FROM attempts")}
    assert len(orders) >= STEPS - 4
    for order in orders:
        assert rows[order["attempt"]] == (order["position"], order["item"], order["mark"], order["step_run_id"],
                                          order["boot_id"])


def test_a_cancel_while_the_runner_is_stopped_lets_nothing_begin_that_has_no_row(home):
    """Who cancels cannot hear of its heirs; when it wakes it hears of the cancel before it could begin one."""
    process = held(home)
    runners, _ = home.processes()
    for runner in runners:
        os.kill(runner, signal.SIGSTOP)
    home.kill(process.pid)
    process.wait()
    life.let_go(home)
    home.wait_for(lambda: len(ledger.read(home.ledger)) == 4 and
                  all(entry.ends for entry in ledger.read(home.ledger).values()))
    cancel = home.start("cancel", "latest")
    home.wait_for(lambda: home.rows("SELECT 1 FROM attempts WHERE stopping IS NOT NULL"))
    for runner in runners:
        os.kill(runner, signal.SIGCONT)
    cancel.wait(60)
    home.settle()
    begun = home.journal().read_bytes().count(b'{"pid":')
    assert begun == sum(len(states) for states in home.attempts().values()) == 4, "a step began after the cancel"
    expect_in_order(home)
    home.expect_whole()


@pytest.mark.parametrize("nth", [3, 6])
def test_a_sync_of_the_journal_that_failed_once_is_the_last(home, nth):
    """What was not written then may never be, whatever later syncs say: nothing begins on their word."""
    chain(home, retry="{attempts: 3, delay: 1ms, on: [failure]}")
    plan = fail_nth.Plan(home.folder / "plan", fail_nth.Loop("sluice-runner", SYNC_FAILS, False), nth)
    env = preload("fail_nth", FAIL_NTH=home.folder / "plan")
    first = fail_nth.sanitizer_of(home.build / "sluice")
    env["LD_PRELOAD"] = f"{first}:{env['LD_PRELOAD']}" if first else env["LD_PRELOAD"]
    assert home("run", "chain.yaml", "-q", **env)[0] == 0
    assert plan.failed == 1
    states = home.attempts()
    failed = [step for step, found in states.items() if found == ["failed", "succeeded"]]
    assert len(failed) == 1 and all(found == ["succeeded"] for step, found in states.items() if step not in failed)
    said, = home.rows("SELECT reason FROM attempts WHERE state = 'failed'")[0]
    assert "the journal cannot be synced: Input/output error" in said
    journal = home.journal().read_bytes()
    assert b'"heir":{' in journal and b'"heir":{' not in journal[journal.index(said.encode()):]
    expect_in_order(home)
    home.expect_whole()
