# SPDX-License-Identifier: Apache-2.0
"""Whether what everybody was told in a soak of the daemon is what the store says, and what steps wrote down.

Each check yields breaches, which begin with the number of an invariant of docs/recovery.md or with a word of CHECKS.
`report` counts them, and asks whether the soak was one at all, and whether the checks see what they look for.
"""
import collections
import contextlib
import re
import shutil
import sqlite3

import judge_commits
import ledger

MINUTE_MS = 60000
PAGES_KEPT_KIB = 12 << 10  # of the store, in `sluice serve`
CHECKS = {
    "1": "what was accepted is there, once", "2": "each time of a schedule has one outcome",
    "3": "one attempt at a time", "4": "after the ends of what it needs",
    "5": "what succeeded does not run again", "6": "nothing is held at rest",
    "7": "nothing stays open", "8": "what has ended does not change", "9": "what was published is whole",
    "11": "an approval comes before what waited for it", "12": "no process is left",
    "13": "the activity log has no gap", "14": "restarting twice is restarting once",
    "schedules": "no time of a schedule is lost",
    "deliveries": "what was accepted is started, once, and what was forged is not",
    "ends": "the end of a run starts what follows, once", "starts": "what was asked twice is started once",
    "approvals": "a vote that was acknowledged decides", "folder": "what is in force is what was put there",
    "commits": "what is in force is a commit, whole, and in its order",
    "pushes": "a commit starts what it starts, once",
    "clients": "everybody is answered", "memory": "memory stays flat", "descriptors": "descriptors stay flat",
    "size": "the store grows with its runs, and no faster",
}


def schedules(soak):
    """Each minute from the first on, up to where the schedule says that it is decided, has one outcome."""
    for pipeline, schedule, decided_ms in soak.rows("SELECT pipeline, schedule, decided_ms FROM schedules"):
        covered = collections.Counter()
        rows = soak.rows("SELECT scheduled_for_ms, coalesce(until_ms, 0), outcome FROM triggers WHERE kind = "
                         "'schedule' AND pipeline = ? AND trigger_id = ? AND outcome <> 'duplicate'",
                         pipeline, schedule)
        for at_ms, until_ms, _ in rows:
            for minute in range(at_ms // MINUTE_MS, max(at_ms, until_ms) // MINUTE_MS + 1):
                covered[minute] += 1
        words = f"{pipeline} {schedule}"
        yield from (f"2 {words}: minute {minute} has {times} outcomes"
                    for minute, times in covered.items() if times > 1)
        if pipeline == "changing" or pipeline.endswith("-now"):
            continue  # it is in force only now and then
        if not covered:
            yield f"schedules {words} was never due"
            continue
        last = decided_ms // MINUTE_MS
        lost = [minute for minute in range(min(covered), last + 1) if minute not in covered]
        if lost:
            yield f"schedules {words}: {len(lost)} minutes were lost: {lost[:5]}"
        if soak.stopped_ms - decided_ms > 3 * MINUTE_MS:
            yield f"schedules {words} stood still: decided up to {decided_ms}, stopped at {soak.stopped_ms}"
        if pipeline in ("tick0", "tick2", "ask") and any(outcome == "expired" for _, _, outcome in rows):
            yield f"schedules {words}: a time has expired that was to be caught up"


def _runs_by_id(soak, pipeline):
    """{id: [(run, state)]}"""
    found = collections.defaultdict(list)
    for word, run, state in soak.rows("SELECT json_extract(params, '$.id'), run_id, state FROM pipeline_runs WHERE "
                                      "pipeline = ? AND retry_of IS NULL", pipeline):
        found[word].append((run, state))
    return found


def _acted(soak, runs):
    """Who did something without a run that says so, and which run says that it did what it did not."""
    said = {path.name for path in soak.said.iterdir()}
    for word, of_word in runs.items():
        if any(state == "succeeded" for _, state in of_word) and word not in said:
            yield f"9 {word} succeeded, and did nothing"


def deliveries(soak):
    runs = _runs_by_id(soak, "hook")
    accepted = {**soak.sender.accepted, **soak.other.accepted}
    outcomes = collections.defaultdict(collections.Counter)
    for delivery, outcome in soak.rows("SELECT delivery_id, outcome FROM hook_deliveries"):
        outcomes[delivery][outcome] += 1
    # The store keeps so many deliveries, and lets the oldest go.
    known_times = (1,) if soak.rows("SELECT min(id) FROM hook_deliveries") == [(1,)] else (0, 1)
    settled = dict(soak.rows("SELECT id, outcome FROM triggers"))
    for delivery, trigger in accepted.items():
        if len(runs.get(delivery, ())) != 1:
            yield f"deliveries {delivery} was answered with 202, and has {len(runs.get(delivery, ()))} runs"
        if outcomes[delivery]["accepted"] not in known_times:
            yield f"deliveries {delivery} is recorded as accepted {outcomes[delivery]['accepted']} times"
        if settled.get(trigger) != "started":
            yield f"deliveries {delivery}: its trigger {trigger} is {settled.get(trigger)}"
    known = accepted.keys() | soak.sender.ignored | soak.other.ignored
    for word, of_word in runs.items():
        if word not in known or len(of_word) > 1:
            yield f"deliveries {word} has {len(of_word)} runs, and was {'' if word in known else 'not '}accepted"
    for ignored in soak.sender.ignored | soak.other.ignored:
        if runs.get(ignored):
            yield f"deliveries {ignored} was not wanted, and has a run"
    yield from _acted(soak, runs)


def ends(soak):
    """Each run of `hook` that succeeded starts one of `follow`, while that is in force."""
    started = collections.Counter(run for key, in soak.rows(
        "SELECT key FROM triggers WHERE pipeline = 'follow' AND kind = 'pipeline' AND outcome <> 'duplicate'")
        for run in re.findall("[0-9a-f]{32}", key))
    for number, run in soak.rows("SELECT number, run_id FROM pipeline_runs WHERE pipeline = 'hook' AND "
                                 "state = 'succeeded' AND ended_ms < ?", soak.stopped_ms):
        if started[run] != 1:
            yield f"ends hook/{number} succeeded, and has started {started[run]} of follow"


def starts(soak):
    runs = _runs_by_id(soak, "start")
    for word, run in soak.starter.started.items():
        if [known for known, _ in runs.get(word, ())] != [run]:
            yield f"starts {word} was answered with {run}, and has the runs {runs.get(word)}"
    for word in runs.keys() - soak.starter.started.keys() - {"first"}:
        yield f"starts {word} has a run, and nobody was told so"
    yield from _acted(soak, runs)


def approvals(soak):
    for approval, (run, approves) in soak.voter.votes.items():
        decision = "approve" if approves else "reject"
        rows = soak.rows("SELECT decision FROM votes WHERE wait = ?", approval)
        if rows != [(decision,)]:
            yield f"approvals {approval} was told {decision}, and recorded as {rows}"
        states = soak.rows("SELECT state FROM pipeline_runs WHERE run_id = ?", run)
        if not approves and states != [("failed",)]:
            yield f"approvals {approval} was rejected, and its run is {states}"
        used = soak.rows("SELECT count(*) FROM attempts JOIN steps USING (run_id, position, item) WHERE run_id = ? AND "
                         "step = 'use'", run)[0][0]
        if approves != (used > 0):
            yield f"approvals {approval} was told {decision}, and what waited for it has {used} attempts"


def folder(soak):
    """What begins is a text that was put there whole, and in the end all are in force that stand there."""
    if soak.in_force_in_the_end != {name: text for name, text in soak.before_rest.items() if text is not None}:
        yield "folder what is in force in the end is not what stands there"
    for name, text in soak.rows("SELECT DISTINCT r.pipeline, d.source FROM pipeline_runs r JOIN definitions d ON "
                                "d.digest = r.definition WHERE json_extract(r.contexts, '$.git.commit') IS NULL"):
        if text not in soak.source.texts.get(name, ()):
            yield f"folder a run of {name} has a definition that was never put there"


# ---- what grows ------------------------------------------------------------------------------------------------------


def slope(points):
    """Of a line through (x, y), by least squares."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def settled(soak):
    """Of the steady part, what came after the daemon has begun to be at work."""
    return [sample for sample in soak.samples if sample[0] > soak.samples[-1][0] * 0.4] if soak.samples else []


def memory_growth_kib(soak):
    """What the line through the samples says that it grew by, from their first to their last."""
    samples = settled(soak)
    return slope([(sample[0], sample[1]) for sample in samples]) * (samples[-1][0] - samples[0][0]) if samples else 0.0


def kept_pages_kib(soak):
    """By how much what the daemon keeps of the store in memory can have grown meanwhile."""
    of_store = [min(size, PAGES_KEPT_KIB) for _, _, _, size in settled(soak)]
    return of_store[-1] - of_store[0]


def memory(soak):
    """By no more than a MiB an hour, beside pages of the store, up to the bound that those have. What is less in so
    short a time is no growth that can be told of."""
    samples = settled(soak)
    if len(samples) < 5:
        return
    hours = (samples[-1][0] - samples[0][0]) / 3600
    grown, most = memory_growth_kib(soak), max(1024 * hours, 1536) + kept_pages_kib(soak)
    if grown > most:
        some = [(round(at), kib) for at, kib, _, _ in samples[::max(1, len(samples) // 10)]]
        yield f"memory grew by {grown:.0f} KiB in {hours * 60:.1f} minutes, at most {most:.0f}: {some}"


def descriptors(soak):
    """There are more while there is more to do: the least of each third tells."""
    samples = settled(soak)
    third = len(samples) // 3
    if third < 3:
        return
    least = [min(sample[2] for sample in samples[n * third:(n + 1) * third]) for n in range(3)]
    if least[2] > least[0] + 4:
        yield f"descriptors grew: at least {least} in each third"


def size(soak):
    """A run more takes as much in the second half as in the first."""
    sizes = [one for one in soak.sizes if one[0] > 0]
    if len(sizes) < 8 or sizes[-1][0] < 100:
        return
    half = len(sizes) // 2
    first, second = slope(sizes[:half]), slope(sizes[half:])
    soak.bytes_a_run = second
    if second > 1.5 * first + 4096:
        yield f"size a run takes {second:.0f} bytes, and took {first:.0f}"


def restart(soak):
    before = soak.dump()
    soak.restart()
    after = soak.dump()
    return [f"14 a restart at rest changed {name}" for name in after if before.get(name) != after[name]]


def judge(soak):
    soak.look()
    found = list(soak.check())
    for check in (schedules, deliveries, ends, starts, approvals, folder, judge_commits.check, memory, descriptors,
                  size):
        found += list(check(soak))
    for client in soak.clients:
        found += client.wrong
    return found + restart(soak)


# ---- was it a soak? --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def changed(soak, *statements):
    """The same home with something else in the store."""
    kept, copy = soak.database, soak.folder / "changed.db"
    shutil.copy(kept, copy)
    with contextlib.closing(sqlite3.connect(copy)) as store, store:
        for statement in statements:
            store.execute(statement)
    soak.database = copy
    try:
        yield
    finally:
        soak.database = kept
        for path in copy.parent.glob(copy.name + "*"):
            path.unlink()


ONE_OF = "(SELECT run_id FROM pipeline_runs WHERE pipeline = '{0}' AND state = 'succeeded' LIMIT 1)"
CHANGES = [
    ("a run of a delivery is missing", "deliveries", deliveries,
     "DELETE FROM pipeline_runs WHERE run_id = " + ONE_OF.format("hook")),
    ("a delivery has started two runs", "deliveries", deliveries,
     "UPDATE pipeline_runs SET params = (SELECT params FROM pipeline_runs WHERE pipeline = 'hook' ORDER BY run_id DESC "
     "LIMIT 1) WHERE run_id = (SELECT run_id FROM pipeline_runs WHERE pipeline = 'hook' ORDER BY run_id LIMIT 1)"),
    ("a minute of a schedule is lost", "schedules", schedules,
     "DELETE FROM triggers WHERE id = (SELECT max(id) FROM triggers WHERE kind = 'schedule' AND pipeline = 'tick0' AND "
     "trigger_id = 's0')"),
    ("a minute of a schedule has come twice", "2", schedules,
     ("CREATE TEMP TABLE again AS SELECT * FROM triggers WHERE id = (SELECT min(id) FROM triggers WHERE kind = "
      "'schedule' AND pipeline = 'tick0')",
      "UPDATE again SET id = (SELECT max(id) + 1 FROM triggers), key = key || ' again'",
      "INSERT INTO triggers SELECT * FROM again")),
    ("the end of a run has started nothing", "ends", ends,
     "DELETE FROM triggers WHERE id = (SELECT min(id) FROM triggers WHERE pipeline = 'follow')"),
    ("a start is recorded as another", "starts", starts,
     "UPDATE pipeline_runs SET params = '{\"id\": \"rx\"}' WHERE run_id = " + ONE_OF.format("start")),
    ("a vote is recorded the other way", "approvals", approvals,
     "UPDATE votes SET decision = CASE decision WHEN 'approve' THEN 'reject' ELSE 'approve' END"),
    *judge_commits.CHANGES,
]


def is_seen(soak, word, check, statements):
    with changed(soak, *([statements] if isinstance(statements, str) else statements)):
        return any(breach.startswith(word) for breach in check(soak))


def questions(soak):
    """(what is asked, the answer): without a yes to each, that no breach was found would say little."""
    for kind, count in soak.kills.items():
        yield f"was a {kind} killed" if kind != "all" else "were all killed at once", count > 0
    runs = {(name, state) for name, state in soak.rows("SELECT pipeline, state FROM pipeline_runs")}
    for name in ("tick0", "tick1", "tick2", "tick3", "hook", "follow", "ask", "start", "changing"):
        yield f"has a run of {name} succeeded", (name, "succeeded") in runs
    attempts = {state for state, in soak.rows("SELECT state FROM attempts")}
    for state in ("failed", "lost"):
        yield f"was an attempt {state}", state in attempts
    refused = {outcome for outcome, in soak.rows("SELECT outcome FROM hook_deliveries")}
    for outcome in ("accepted", "duplicate", "ignored", "refused"):
        yield f"was a delivery {outcome}", outcome in refused
    votes = {approves for _, approves in soak.voter.votes.values()}
    yield "was something approved", True in votes
    yield "was something rejected", False in votes
    yield "did definitions change, break and go", {"other", "bad"} <= soak.changes.keys()
    yield from judge_commits.questions(soak)
    yield "was memory looked at", len(settled(soak)) >= 5
    for words, word, check, statements in CHANGES:
        yield f"is it seen when {words}", is_seen(soak, word, check, statements)


def report(soak):
    """Prints what was found and asked; the number of what has passed and of what has not."""
    asked = list(questions(soak)) if soak.database.exists() and hasattr(soak, "stopped_ms") else []
    count = {what: (soak.rows(f"SELECT count(*) FROM {what}") or [(0,)])[0][0]
             for what in ("pipeline_runs", "attempts", "triggers", "hook_deliveries")}
    entries = ledger.read(soak.ledger)
    print("soak of the daemon: " + ", ".join(f"{number} {what}" for what, number in count.items())
          + f", {sum(len(entry.begins) for entry in entries.values())} beginnings, {len(soak.voter.votes)} votes, "
          f"{len(soak.starter.started)} started by the interface; changes {soak.changes}; killed "
          + ", ".join(f"{number} x {kind}" for kind, number in soak.kills.items()))
    print(f"soak of the daemon: {judge_commits.told(soak)}")
    if soak.samples:
        print(f"soak of the daemon: memory {settled(soak)[0][1] / 1024:.1f} to {soak.samples[-1][1] / 1024:.1f} MiB in "
              f"{soak.samples[-1][0] / 60:.1f} minutes (by the line {memory_growth_kib(soak):+.0f} KiB), descriptors "
              f"{soak.samples[0][2]} to {soak.samples[-1][2]}, {getattr(soak, 'bytes_a_run', 0) / 1024:.1f} KiB of the "
              "store a run")
    for breach in soak.breaches:
        print(f"BREACH {breach}")
    for words, answer in asked:
        if not answer:
            print(f"NOT SO: {words}?")
    numbers = {breach.split()[0] for breach in soak.breaches}
    failed = len(CHECKS.keys() & numbers) + len(numbers - CHECKS.keys())
    good = sum(answer for _, answer in asked)
    return len(CHECKS.keys() - numbers) + good, failed + len(asked) - good + (not asked)
