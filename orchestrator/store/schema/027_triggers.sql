-- What starts pipelines: the definitions that are in force, their schedules, and what came of each trigger.

-- A run keeps the definition that it began with; what comes next begins with the one in force.
CREATE TABLE pipelines_in_force (
    name       TEXT NOT NULL PRIMARY KEY,
    source     TEXT NOT NULL,                   -- where it comes from: 'folder', or the name of another source
    path       TEXT NOT NULL,                   -- of its file, within the source
    file       TEXT NOT NULL,                   -- of its file, as people are told
    folder     TEXT NOT NULL,                   -- absolute folder of the file
    workspace  TEXT NOT NULL,                   -- working directory of the steps
    definition TEXT NOT NULL,                   -- digest: its text is in definitions
    git        TEXT NOT NULL,                   -- JSON {commit, branch, repo}; '{}' when it is from no repository
    stamp      TEXT NOT NULL,                   -- of the file as it was read: unchanged, it is not read again
    since_ms   INTEGER NOT NULL,                -- in force with this definition
    UNIQUE (source, path)
) STRICT, WITHOUT ROWID;

-- Files of sources that are not in force as they are. What was in force of the same file before stays so.
CREATE TABLE refused_files (
    source   TEXT NOT NULL,
    path     TEXT NOT NULL,
    name     TEXT NOT NULL,                     -- of the pipeline, '' when that cannot be told
    problems TEXT NOT NULL,                     -- JSON [{line, column, code, message, hint}]
    stamp    TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;

-- What the definitions in force listen to, apart from times: who is to be told of an event is found here.
CREATE TABLE subscriptions (
    pipeline   TEXT NOT NULL,
    kind       TEXT NOT NULL,                   -- webhook push model pipeline
    trigger_id TEXT NOT NULL,                   -- its key below `on`: webhook push model_version model_alias pipeline
    about      TEXT NOT NULL,                   -- the other pipeline's name, a glob of models; '' of the others
    settings   TEXT NOT NULL,                   -- JSON: what the file says there
    PRIMARY KEY (kind, about, pipeline, trigger_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    pipeline     TEXT NOT NULL,
    schedule     TEXT NOT NULL,                 -- its id
    cron         TEXT NOT NULL,
    timezone     TEXT NOT NULL,
    catchup      TEXT NOT NULL,                 -- none one all
    window_ms    INTEGER NOT NULL,              -- how old what was missed may be to be caught up; 0: any age
    most         INTEGER NOT NULL,              -- how much of what was missed is caught up, with 'all'
    jitter_ms    INTEGER NOT NULL,
    overlap      TEXT NOT NULL,                 -- allow skip queue queue_one cancel_running
    in_force     INTEGER NOT NULL,              -- 0: no definition in force has it; whether it is paused is kept
    decided_ms   INTEGER NOT NULL,              -- what was due up to here has its outcome
    next_ms      INTEGER,                       -- what is due next; NULL: nothing
    missed       INTEGER NOT NULL DEFAULT 0,    -- how many in all were not run because they came too late
    paused_ms    INTEGER,                       -- since when; NULL: it is not
    paused_by    TEXT NOT NULL DEFAULT '',
    pause_reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (pipeline, schedule)
) STRICT, WITHOUT ROWID;

-- A row for each trigger that was acknowledged, and its outcome: one, for ever.
CREATE TABLE triggers (
    id               INTEGER PRIMARY KEY,       -- in the order in which they came
    pipeline         TEXT NOT NULL,
    kind             TEXT NOT NULL,             -- schedule backfill webhook push model pipeline manual
    trigger_id       TEXT NOT NULL,             -- of a schedule its id; else its key below `on`
    key              TEXT NOT NULL,             -- what tells it from others: a time, a delivery's id, a run's
    scheduled_for_ms INTEGER,                   -- of schedule and backfill: the occurrence
    until_ms         INTEGER,                   -- the last of several occurrences that share the row; NULL: one
    occurrences      INTEGER NOT NULL DEFAULT 1,
    received_ms      INTEGER NOT NULL,
    due_ms           INTEGER,                   -- of a pending one: when to decide; NULL: when another run has ended
    event            TEXT NOT NULL,             -- JSON, of a pending one that is still to be looked into; ''
    event_sha256     TEXT NOT NULL,             -- of what came; '': nothing did
    params           TEXT NOT NULL,             -- JSON {NAME: value} that it gives to the run
    chain            TEXT NOT NULL,             -- JSON: the pipelines by whose ends it came about, first to last
    actor            TEXT NOT NULL,             -- who asked for it, or sluice
    outcome          TEXT NOT NULL,             -- pending started skipped filtered duplicate expired
    run_id           TEXT,                      -- of started
    reason           TEXT NOT NULL,
    settled_ms       INTEGER                    -- NULL: pending
) STRICT;
CREATE UNIQUE INDEX triggers_key ON triggers(pipeline, kind, trigger_id, key) WHERE outcome <> 'duplicate';
CREATE INDEX triggers_pending ON triggers(due_ms) WHERE outcome = 'pending';
CREATE INDEX triggers_run ON triggers(run_id) WHERE run_id IS NOT NULL;
CREATE INDEX triggers_scheduled ON triggers(pipeline, trigger_id, scheduled_for_ms) WHERE scheduled_for_ms IS NOT NULL;

-- Ranges of a schedule's occurrences that somebody wants to be run.
CREATE TABLE backfills (
    id         INTEGER PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    schedule   TEXT NOT NULL,
    from_ms    INTEGER NOT NULL,                -- occurrences from here on
    to_ms      INTEGER NOT NULL,                -- and before here
    reprocess  TEXT NOT NULL,                   -- none failed completed: what is run though it was run before
    most       INTEGER NOT NULL,                -- runs of it at once
    reverse    INTEGER NOT NULL,                -- 1: the newest first
    actor      TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- open done cancelled
    at_ms      INTEGER,                         -- the last occurrence that has its outcome; NULL: none has
    started    INTEGER NOT NULL DEFAULT 0,      -- runs
    skipped    INTEGER NOT NULL DEFAULT 0,      -- occurrences that need none
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
CREATE INDEX backfills_open ON backfills(id) WHERE state = 'open';
