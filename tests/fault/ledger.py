# SPDX-License-Identifier: Apache-2.0
"""What steps write down themselves, into synced files of their own that owe nothing to sluice, and how it is compared
with what the store says.

A step of a test begins with BEGIN and ends with END. Each attempt has a file, named by its mark:

    begin NANOSECONDS PID
    saw STEP=STATE ...          how the steps of its run stood in the store at that moment, for others to read
    end NANOSECONDS
"""
import functools
import json
import sqlite3
import struct

import yaml

# Lines of a shell script. $LEDGER is the folder; $STORE, when it is set, the database that the step looks into.
BEGIN = """\
ledger="$LEDGER/$SLUICE_ATTEMPT"
echo "begin $(date +%s%N) $$" >> "$ledger"; sync "$ledger"
[ -z "$STORE" ] || echo "saw" $(sqlite3 -readonly "$STORE" "SELECT step || '=' || state FROM steps WHERE item >= 0 \
AND run_id = '$SLUICE_RUN_ID'" 2> /dev/null) >> "$ledger"
"""
END = """\
echo "end $(date +%s%N)" >> "$ledger"; sync "$ledger"
"""
TERMINAL = ("succeeded", "failed", "cancelled", "skipped")
JOURNAL_START_BYTES, JOURNAL_HEAD, JOURNAL_EXIT = 16, struct.Struct("<IIQqqHHI"), 9  # wire/journal.h


class Entry:
    """What one attempt wrote down."""

    def __init__(self, text):
        self.begins, self.ends, self.saw = [], [], {}
        for line in text.splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "begin":
                self.begins.append(int(words[1]))
            elif len(words) > 1 and words[0] == "end":
                self.ends.append(int(words[1]))
            elif words and words[0] == "saw":
                for word in words[1:]:
                    step, _, state = word.partition("=")
                    self.saw.setdefault(step, []).append(state)


def read(folder):
    """{mark: Entry}"""
    return {path.name: Entry(path.read_text(encoding="utf-8", errors="replace")) for path in folder.iterdir()}


@functools.lru_cache(maxsize=1000)
def steps_of(source):
    """The steps of a definition, as it stands in the store."""
    return yaml.safe_load(source)["steps"]


def needs_of(store):
    """{run: {step: the steps that it needs}}, as the definitions have them; {run: steps that write a ledger}"""
    needs, writers = {}, {}
    for run, source in store.execute("SELECT run_id, source FROM pipeline_runs r JOIN definitions d ON "
                                     "d.digest = r.definition WHERE retry_of IS NULL"):
        steps = steps_of(source)
        needs[run] = {step: [need.rstrip("?") for need in body.get("needs", [])] for step, body in steps.items()}
        writers[run] = {step for step, body in steps.items() if "$LEDGER" in str(body.get("run", ""))}
    return needs, writers


def _orders_in(journal):
    """(attempt, mark of the heir that its exit record names), as far as there are whole frames."""
    at = JOURNAL_START_BYTES
    while at + JOURNAL_HEAD.size <= len(journal):
        size, _, _, _, attempt, kind, _, _ = JOURNAL_HEAD.unpack_from(journal, at)
        payload = journal[at + JOURNAL_HEAD.size:at + JOURNAL_HEAD.size + size]
        if not attempt or len(payload) < size:
            return
        heir = json.loads(payload).get("heir") if kind == JOURNAL_EXIT else None
        if heir:
            yield attempt, heir["mark"]
        at += JOURNAL_HEAD.size + size


def read_orders(runs):
    """{mark of an heir: the attempt in whose place it began}, by the journals of all runs."""
    return {mark: attempt for path in runs.glob("*/journal*") for attempt, mark in _orders_in(path.read_bytes())}


def _check_one(entry, state, words):
    breaches = []
    if len(entry.begins) > 1:
        breaches.append(f"5 it began {len(entry.begins)} times: {words}")
    if state == "succeeded" and not (entry.begins and entry.ends):
        breaches.append(f"9 it did not do what it says: {words}")
    return breaches


def check(database, folder):
    """The steps' own word against the store: a list of breaches. Times are those of the ledgers, so that it does not
    matter what sluice takes for the time."""
    entries = read(folder)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as store:
        needs, writers = needs_of(store)
        attempts = store.execute(
            "SELECT a.id, a.mark, a.state, a.run_id, s.step, a.item, a.number FROM attempts a JOIN steps s "
            "USING (run_id, position, item) ORDER BY a.run_id, a.position, a.item, a.number").fetchall()
    breaches = [f"1 a step began that no attempt tells of: {mark}"
                for mark in entries.keys() - {attempt[1] for attempt in attempts}]
    orders, of_id = read_orders(database.parent / "runs"), {attempt[0]: attempt for attempt in attempts}

    def steps_before(mark):
        """Of the attempts whose ends an heir need not find in the store, since they are in a synced journal: the one
        in whose place it began, and when that was an heir itself, so on. By their own word they had ended, too."""
        begin = entries[mark].begins[0]
        while mark in orders:
            _, mark, _, _, step, _, _ = of_id[orders[mark]]
            if entries.get(mark, Entry("")).ends and max(entries[mark].ends) < begin:
                yield step

    last = {}  # the latest thing that a step of a run is known to have done
    for _, mark, state, run, step, item, number in attempts:
        if step not in writers.get(run, ()):
            continue
        entry = entries.get(mark, Entry(""))
        words = f"{run} {step}[{item}] attempt {number} ({state})"
        breaches += _check_one(entry, state, words)
        before = last.get((run, step), {}).get(item)
        if before and entry.begins and entry.begins[0] < before:
            breaches.append(f"3 it began before the attempt before it had ended: {words}")
        line = list(steps_before(mark)) if entry.begins else []
        for need in needs[run][step] if entry.begins else []:
            ends = last.get((run, need), {})
            if ends and entry.begins[0] < max(ends.values()):
                breaches.append(f"4 it began before {need} had ended: {words}")
            open_ones = [seen for seen in entry.saw.get(need, []) if seen not in TERMINAL]
            if len(open_ones) > line.count(need):
                breaches.append(f"4 it began while the store said that {need} was {open_ones[0]}: {words}")
        if entry.begins:
            last.setdefault((run, step), {})[item] = max(entry.begins + entry.ends)
    return breaches
