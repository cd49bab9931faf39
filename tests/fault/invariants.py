# SPDX-License-Identifier: Apache-2.0
"""What must hold in a home, whatever was done to it: one list of checks over the database and the files it tells of.

Each check is a query that finds breaches. `check` returns them as sentences; an empty list means that all hold, also
in the middle of a run; `check_rest` adds what holds when nothing runs. The numbers are those of docs/recovery.md: 12 is
looked for among the processes, and 14 by another restart (home.py).
"""
import hashlib
import json
import pathlib
import sqlite3

import ledger

TERMINAL_RUN = "('succeeded', 'failed', 'cancelled')"
TERMINAL_STEP = "('succeeded', 'failed', 'cancelled', 'skipped')"
TERMINAL_ATTEMPT = "('succeeded', 'failed', 'timed_out', 'cancelled', 'lost')"

# (what must hold, the query that finds where it does not)
CHECKS = [
    ("1 a trigger has one outcome, and a run exactly when it started one", """
        SELECT t.id, t.outcome, t.run_id FROM triggers t LEFT JOIN pipeline_runs r USING (run_id)
        WHERE (t.outcome = 'started') <> (r.run_id IS NOT NULL)
           OR (t.outcome = 'pending') <> (t.settled_ms IS NULL)"""),
    ("1 a run that a trigger started is that of one trigger", """
        SELECT r.run_id, r.trigger, count(t.id) FROM pipeline_runs r LEFT JOIN triggers t USING (run_id)
        WHERE r.trigger IN ('schedule', 'backfill') AND r.retry_of IS NULL AND r.parent_run IS NULL
        GROUP BY r.run_id HAVING count(t.id) <> 1"""),
    ("2 an occurrence is run once", """
        SELECT pipeline, trigger_id, scheduled_for_ms, count(*) FROM triggers
        WHERE kind = 'schedule' AND outcome = 'started' GROUP BY 1, 2, 3 HAVING count(*) > 1"""),
    ("2 what a schedule has decided lies before what is next", """
        SELECT pipeline, schedule, decided_ms, next_ms FROM schedules WHERE next_ms <= decided_ms"""),
    ("3 attempt numbers are dense", """
        SELECT run_id, position, item, count(*), max(number) FROM attempts
        GROUP BY run_id, position, item HAVING count(*) <> max(number)"""),
    ("3 at most one attempt of an item is live", """
        SELECT run_id, position, item, count(*) FROM attempts WHERE ended_ms IS NULL
        GROUP BY run_id, position, item HAVING count(*) > 1"""),
    ("3 an attempt is recorded after the one before it", """
        SELECT a.run_id, a.position, a.item, a.number FROM attempts a JOIN attempts b
        ON a.run_id = b.run_id AND a.position = b.position AND a.item = b.item AND a.number = b.number + 1
        WHERE b.ended_ms IS NULL OR a.id < b.id"""),
    ("5 what has succeeded is not tried again", """
        SELECT a.run_id, a.position, a.item, a.number FROM attempts a JOIN attempts b
        ON a.run_id = b.run_id AND a.position = b.position AND a.item = b.item AND a.number > b.number
        WHERE b.state = 'succeeded'"""),
    ("6 what is held is held by an attempt that has a process", """
        SELECT l.attempt, l.resource, a.state FROM leases l LEFT JOIN attempts a ON a.id = l.attempt
        WHERE a.state IS NULL OR a.state NOT IN ('starting', 'running')"""),
    ("6 an attempt that has a process holds one slot", """
        SELECT a.id, a.state FROM attempts a LEFT JOIN leases l ON l.attempt = a.id AND l.resource = 'slot'
        WHERE a.state IN ('starting', 'running') AND l.amount IS NOT 1"""),
    ("7 a run that is open has a step that is open", f"""
        SELECT run_id FROM pipeline_runs r WHERE state NOT IN {TERMINAL_RUN} AND state <> 'queued' AND NOT EXISTS
        (SELECT 1 FROM steps s WHERE s.run_id = r.run_id AND s.state NOT IN {TERMINAL_STEP})"""),
    ("7 a run that has ended has no step that is open", f"""
        SELECT r.run_id, s.step, s.state FROM pipeline_runs r JOIN steps s USING (run_id)
        WHERE r.state IN {TERMINAL_RUN} AND s.state NOT IN {TERMINAL_STEP}"""),
    ("7 an attempt that is open is one of a step that is open", f"""
        SELECT a.run_id, a.position, a.item FROM attempts a JOIN steps s USING (run_id, position, item)
        WHERE a.ended_ms IS NULL AND s.state IN {TERMINAL_STEP}"""),
    ("7 an attempt has ended exactly when its state is terminal", f"""
        SELECT id, state, ended_ms FROM attempts
        WHERE (state IN {TERMINAL_ATTEMPT}) <> (ended_ms IS NOT NULL)"""),
    ("7 an open wait is one of an attempt that waits", """
        SELECT w.id FROM waits w JOIN attempts a ON a.id = w.attempt
        WHERE w.status = 'open' AND a.state <> 'waiting'"""),
    ("8 an MLflow run says what the attempt says", """
        SELECT a.id, a.state, r.status FROM attempts a JOIN runs r ON r.run_id = a.step_run_id
        WHERE r.status <> CASE a.state WHEN 'succeeded' THEN 'FINISHED' WHEN 'cancelled' THEN 'KILLED'
        WHEN 'failed' THEN 'FAILED' WHEN 'timed_out' THEN 'FAILED' WHEN 'lost' THEN 'FAILED' ELSE 'RUNNING' END"""),
    ("8 an MLflow run of a pipeline run says what that says", """
        SELECT p.run_id, p.state, r.status FROM pipeline_runs p JOIN runs r USING (run_id)
        WHERE r.status <> CASE p.state WHEN 'succeeded' THEN 'FINISHED' WHEN 'cancelled' THEN 'KILLED'
        WHEN 'failed' THEN 'FAILED' WHEN 'queued' THEN 'SCHEDULED' ELSE 'RUNNING' END"""),
    ("9 a model that is READY is one of a step that succeeded", """
        SELECT m.model_id, a.state FROM logged_models m JOIN attempts a ON a.step_run_id = m.source_run_id
        WHERE m.status = 2 AND a.state <> 'succeeded'"""),
    ("9 no model is PENDING after its attempt", """
        SELECT m.model_id FROM logged_models m JOIN attempts a ON a.step_run_id = m.source_run_id
        WHERE m.status = 1 AND a.ended_ms IS NOT NULL"""),
    ("9 outputs and artifacts are those of a step that succeeded, or that failed in its own words", """
        SELECT run_id, step, item, s.state FROM steps s JOIN attempts a USING (run_id, position, item)
        WHERE s.state IN ('failed', 'cancelled', 'skipped') AND a.number = s.attempts
        AND (a.state <> 'failed' OR a.result IS NULL OR json_extract(a.result, '$.reason') IS NULL)
        AND (coalesce(outputs, '{}') NOT IN ('{}', 'null') OR coalesce(artifacts, '{}') NOT IN ('{}', 'null'))"""),
    ("9 a step's model is that of one that succeeded", """
        SELECT run_id, step, item, state FROM steps WHERE state <> 'succeeded' AND model_id IS NOT NULL"""),
    ("10 a model is registered at most once under a name", """
        SELECT name, model_id, count(*) FROM model_versions WHERE model_id IS NOT NULL
        GROUP BY name, model_id HAVING count(*) > 1"""),
    ("11 who goes on after an approval was approved", """
        SELECT a.id, a.state, w.status FROM waits w JOIN attempts a ON a.id = w.attempt
        WHERE w.kind = 'approval' AND a.state = 'succeeded' AND w.status <> 'met'"""),
    ("11 an approval that was given has a vote", """
        SELECT w.id FROM waits w WHERE w.kind = 'approval' AND w.status = 'met' AND NOT EXISTS
        (SELECT 1 FROM votes v WHERE v.wait = w.id AND v.decision = 'approve')"""),
    ("11 each vote is in the activity log, once", """
        SELECT v.wait, v.actor, v.decision, count(a.sequence) FROM votes v JOIN waits w ON w.id = v.wait
        LEFT JOIN activity a ON a.object_id = w.run_id AND a.actor IN (v.actor, v.actor || ' (login)') AND a.action =
        CASE v.decision WHEN 'approve' THEN 'approval.approved' ELSE 'approval.rejected' END
        GROUP BY v.wait, v.actor HAVING count(a.sequence) = 0"""),
    ("13 the activity log has no gap", """
        SELECT count(*), max(sequence), min(sequence) FROM activity
        HAVING count(*) > 0 AND count(*) <> max(sequence) - min(sequence) + 1"""),
]


# Of times that the wall clock gave: not when it was set meanwhile.
CHECKS_OF_TIME = [
    ("3 an attempt begins after the one before it has ended", """
        SELECT a.run_id, a.position, a.item, a.number FROM attempts a JOIN attempts b
        ON a.run_id = b.run_id AND a.position = b.position AND a.item = b.item AND a.number = b.number + 1
        WHERE a.started_ms < b.ended_ms"""),
    ("3 an attempt ends after it has begun, and so does its MLflow run", """
        SELECT a.id, a.started_ms, a.ended_ms, r.start_ms, r.end_ms FROM attempts a
        JOIN runs r ON r.run_id = a.step_run_id WHERE a.started_ms > a.ended_ms OR r.start_ms > r.end_ms"""),
    ("11 a vote comes before what waited for it goes on", """
        SELECT w.id FROM waits w JOIN votes v ON v.wait = w.id WHERE w.status = 'met' AND v.at_ms > w.ended_ms"""),
]

CHECKS_AT_REST = [
    ("6 nothing is held", "SELECT * FROM leases"),
    ("7 no attempt is open", "SELECT id, state, reason FROM attempts WHERE ended_ms IS NULL"),
    ("7 no run is open", f"SELECT run_id, state FROM pipeline_runs WHERE state NOT IN {TERMINAL_RUN}"),
    ("7 no wait is open", "SELECT id, kind FROM waits WHERE status = 'open'"),
]


def _open(home):
    return sqlite3.connect(f"file:{home}/sluice.db?mode=ro", uri=True)


def _breaches(store, checks):
    return [f"{name}: {row}" for name, query in checks for row in store.execute(query).fetchmany(5)]


def check(home, clock_moved=False):
    with _open(home) as store:
        verdict, = store.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            return [f"the database: {verdict}"]
        breaches = _breaches(store, CHECKS) + order(store) + files(store)
        if not clock_moved:
            breaches += _breaches(store, CHECKS_OF_TIME) + order_in_time(store)
    return breaches


def check_rest(home):
    with _open(home) as store:
        return _breaches(store, CHECKS_AT_REST)


def _needs(store):
    """(run, step, a step that it needs): the definition is asked, not what sluice thinks it is."""
    for run, source in store.execute("SELECT run_id, source FROM pipeline_runs r JOIN definitions d ON "
                                     "d.digest = r.definition WHERE retry_of IS NULL"):
        for step, body in ledger.steps_of(source).items():
            for need in body.get("needs", []):
                yield run, step, need.rstrip("?")


def order(store):
    """4: who has an attempt has all that it needs behind it."""
    begun = set(store.execute("SELECT run_id, step FROM attempts JOIN steps USING (run_id, position, item) "
                              "WHERE NOT early OR spawning"))
    live = set(store.execute(f"SELECT run_id, step FROM steps WHERE item >= 0 AND state NOT IN {TERMINAL_STEP}"))
    return [f"4 a step begins after what it needs: run {run}, {step} while {need} is open"
            for run, step, need in _needs(store) if (run, step) in begun and (run, need) in live]


def order_in_time(store):
    breaches = []
    ends, begins = {}, {}
    for run, step, started, ended in store.execute("SELECT run_id, step, started_ms, ended_ms FROM steps "
                                                  "WHERE item >= 0"):
        ends[run, step] = max(ends.get((run, step), 0), ended or 1 << 62)
        if started:
            begins[run, step] = min(begins.get((run, step), 1 << 62), started)
    for run, step, need in _needs(store):
        if begins.get((run, step), 1 << 62) < ends.get((run, need), 0):
            breaches.append(f"4 a step begins after what it needs: run {run}, {step} before {need}")
    return breaches


def _digest(path):
    """That of digest/digest.h: of a file its bytes, of a folder its lines "path NUL digest LF"."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    lines = hashlib.sha256()
    for name in sorted((str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()), key=str.encode):
        lines.update(name.encode() + b"\0" + _digest(path / name).encode() + b"\n")
    return lines.hexdigest()


def files(store):
    """9: what a step that succeeded has published is there, and is what it was."""
    breaches = []
    for path, sha256 in store.execute("""
            SELECT path, sha256 FROM published p WHERE EXISTS (SELECT 1 FROM attempts a
            WHERE a.step_run_id = p.owner AND a.state = 'succeeded') UNION
            SELECT artifact_uri, sha256 FROM logged_models WHERE status = 2 AND deleted_ms IS NULL"""):
        place = pathlib.Path(path)
        if not place.exists():
            breaches.append(f"9 what was published is there: not {path}")
        elif _digest(place) != sha256:
            breaches.append(f"9 what was published is what it was: not {path}")
    # After `sluice gc` rows of steps name artifacts, too, that were removed for good; published has the others.
    collected = store.execute("SELECT 1 FROM activity WHERE action = 'gc.removed'").fetchone()
    named = {path for path, in store.execute("SELECT path FROM published")}
    for run, step, artifacts in store.execute("SELECT run_id, step, artifacts FROM steps WHERE state = 'succeeded' "
                                              "AND artifacts IS NOT NULL"):
        for name, path in (json.loads(artifacts) or {}).items():
            if isinstance(path, str) and not pathlib.Path(path).exists() and (not collected or path in named):
                breaches.append(f"9 an artifact is there: not {name} of {step}, run {run}")
    return breaches


class Seen:
    """8: what was seen to have ended stays as it ended; and 1: what was seen does not vanish. `look` at any moments."""

    QUESTIONS = {
        "run": f"SELECT run_id, state, verdict, ended_ms FROM pipeline_runs WHERE state IN {TERMINAL_RUN}",
        "step": f"SELECT run_id || ' ' || step || ' ' || item, state, reason, outputs FROM steps "
                f"WHERE state IN {TERMINAL_STEP}",
        "attempt": "SELECT id, state, mark, ended_ms FROM attempts WHERE ended_ms IS NOT NULL",
        "wait": "SELECT id, status, outcome FROM waits WHERE status <> 'open'",
        "activity": "SELECT sequence, at_ms, actor, action, object_id FROM activity",
        "version": "SELECT name || ' ' || version, model_id FROM model_versions",
    }

    def __init__(self):
        self.known = {}

    def look(self, home):
        breaches = []
        with _open(home) as store:
            made, = store.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            for what, question in self.QUESTIONS.items() if made or self.known else ():
                now = {row[0]: row[1:] for row in store.execute(question)}
                for key, then in self.known.get(what, {}).items():
                    if now.get(key) != then:
                        breaches.append(f"8 what has ended does not change: {what} {key} was {then}, is {now.get(key)}")
                self.known[what] = now
        return breaches
