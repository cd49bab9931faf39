-- What was decided and done: the activity log, and the records of gates.

-- Append-only. Each row is chained to the one before it by an HMAC under the home's key.
CREATE TABLE activity (
    sequence        INTEGER PRIMARY KEY,        -- 1, 2, 3, ... without gaps
    at_ms           INTEGER NOT NULL,
    actor           TEXT NOT NULL,              -- a person, "step RUN/STEP", or "sluice"
    action          TEXT NOT NULL,              -- "run.started", "alias.moved", ...
    object          TEXT NOT NULL,              -- in words
    object_id       TEXT NOT NULL,              -- run id, NAME/VERSION, ...
    from_state      TEXT NOT NULL,              -- "" when there is none
    to_state        TEXT NOT NULL,
    reason          TEXT NOT NULL,
    evidence_sha256 TEXT NOT NULL,              -- "" when there is none
    chain           TEXT NOT NULL               -- 64 hex digits: HMAC-SHA-256 of the chain before and this row's fields
) STRICT;
CREATE INDEX activity_of_object ON activity(object_id, sequence);
CREATE TRIGGER activity_is_not_changed BEFORE UPDATE ON activity BEGIN
    SELECT RAISE(ABORT, 'the activity log is append-only');
END;
CREATE TRIGGER activity_is_not_removed BEFORE DELETE ON activity BEGIN
    SELECT RAISE(ABORT, 'the activity log is append-only');
END;

CREATE TABLE gates (
    id              INTEGER PRIMARY KEY,
    run_id          TEXT NOT NULL,              -- the pipeline run
    step            TEXT NOT NULL,
    step_run_id     TEXT NOT NULL,              -- the run of the attempt that judged
    model_id        TEXT,                       -- what was judged; NULL: not known
    champion        TEXT,                       -- NAME/VERSION it was compared with; NULL: none
    passed          INTEGER NOT NULL,           -- 0 or 1
    refused_by      TEXT NOT NULL,              -- "" when passed, else the rule in one line
    record          TEXT NOT NULL,              -- JSON: rules, values, dataset
    evidence_sha256 TEXT NOT NULL,              -- digest of what the verdict rests on
    at_ms           INTEGER NOT NULL
) STRICT;
CREATE INDEX gates_of_run ON gates(run_id, id);
