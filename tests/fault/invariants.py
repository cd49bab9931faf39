# SPDX-License-Identifier: Apache-2.0
"""What must hold in a home at rest, whatever was done to it: one list of checks over the database.

Each check is a query that finds breaches. `check(home)` returns them as sentences; an empty list means that all hold.
The numbers are those of docs/recovery.md.
"""
import sqlite3

TERMINAL_RUN = "('succeeded', 'failed', 'cancelled')"
TERMINAL_STEP = "('succeeded', 'failed', 'cancelled', 'skipped')"
TERMINAL_ATTEMPT = "('succeeded', 'failed', 'timed_out', 'cancelled', 'lost')"

# (what must hold, the query that finds where it does not)
CHECKS = [
    ("3 attempt numbers are dense", """
        SELECT run_id, position, item, count(*), max(number) FROM attempts
        GROUP BY run_id, position, item HAVING count(*) <> max(number)"""),
    ("3 at most one attempt of an item is live", """
        SELECT run_id, position, item, count(*) FROM attempts WHERE ended_ms IS NULL
        GROUP BY run_id, position, item HAVING count(*) > 1"""),
    ("3 an attempt begins after the one before it has ended", """
        SELECT a.run_id, a.position, a.item, a.number FROM attempts a JOIN attempts b
        ON a.run_id = b.run_id AND a.position = b.position AND a.item = b.item AND a.number = b.number + 1
        WHERE b.ended_ms IS NULL OR a.started_ms < b.ended_ms"""),
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
    ("10 a model is registered at most once under a name", """
        SELECT name, model_id, count(*) FROM model_versions WHERE model_id IS NOT NULL
        GROUP BY name, model_id HAVING count(*) > 1"""),
    ("13 the activity log has no gap", """
        SELECT count(*), max(sequence), min(sequence) FROM activity
        HAVING count(*) > 0 AND count(*) <> max(sequence) - min(sequence) + 1"""),
]


def check(home):
    breaches = []
    with sqlite3.connect(f"file:{home}/sluice.db?mode=ro", uri=True) as store:
        verdict, = store.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            breaches.append(f"the database: {verdict}")
        for name, query in CHECKS:
            breaches += [f"{name}: {row}" for row in store.execute(query).fetchmany(5)]
        breaches += order(store)
    return breaches


def order(store):
    """4: no step began before all that it needs had ended. The definition is asked, not what sluice thinks it is."""
    import yaml
    breaches = []
    ends, begins = {}, {}
    for run, step, started, ended in store.execute("SELECT run_id, step, started_ms, ended_ms FROM steps "
                                                  "WHERE item >= 0"):
        ends[run, step] = max(ends.get((run, step), 0), ended or 1 << 62)
        if started:
            begins[run, step] = min(begins.get((run, step), 1 << 62), started)
    for run, source in store.execute("SELECT run_id, source FROM pipeline_runs r JOIN definitions d ON "
                                     "d.digest = r.definition WHERE retry_of IS NULL"):
        for step, body in yaml.safe_load(source)["steps"].items():
            for need in body.get("needs", []):
                if begins.get((run, step), 1 << 62) < ends.get((run, need.rstrip("?")), 0):
                    breaches.append(f"4 a step begins after what it needs: run {run}, {step} before {need}")
    return breaches
