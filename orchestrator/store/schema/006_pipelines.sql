-- What MLflow has no word for: pipelines, their runs, steps, attempts, waits and votes. Everything recorded
-- elsewhere (params, metrics, models) is pointed at, not repeated.

CREATE TABLE pipelines (
    name        TEXT NOT NULL PRIMARY KEY,
    last_number INTEGER NOT NULL DEFAULT 0      -- of its newest run: "run 12"
);

-- A pipeline file as it was when runs started with it.
CREATE TABLE definitions (
    digest     TEXT NOT NULL PRIMARY KEY,       -- sha256 of the canonical document
    name       TEXT NOT NULL,
    source     TEXT NOT NULL,                   -- the file's text
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE pipeline_runs (
    run_id          TEXT NOT NULL PRIMARY KEY,  -- the MLflow run of the whole
    pipeline        TEXT NOT NULL,
    number          INTEGER NOT NULL,           -- 12 of "run 12", 12.2 for its first retry
    revision        INTEGER NOT NULL DEFAULT 1, -- 2 of "12.2"
    definition      TEXT NOT NULL REFERENCES definitions(digest),
    file            TEXT NOT NULL,              -- as the user named it
    folder          TEXT NOT NULL,              -- absolute folder of the file: relative Lua and child files start there
    workspace       TEXT NOT NULL,              -- working directory of its steps
    experiment_id   INTEGER NOT NULL,
    state           TEXT NOT NULL,              -- queued running waiting succeeded failed cancelled
    reason          TEXT,
    verdict         TEXT NOT NULL DEFAULT 'none',
    cancelling      TEXT,                       -- who cancelled it and why, from the moment of the request
    timed_out       INTEGER NOT NULL DEFAULT 0,
    params          TEXT NOT NULL,              -- JSON map
    contexts        TEXT NOT NULL,              -- JSON {git, vars, environment, pins}
    trigger         TEXT NOT NULL,              -- "cli", "retry", "pipeline", later "schedule"...
    actor           TEXT NOT NULL,              -- who started it
    until           TEXT,                       -- step of --until
    seed            INTEGER NOT NULL,           -- of retry jitter
    retry_of        TEXT,                       -- run_id
    parent_run      TEXT,                       -- run_id of the pipeline run whose step this is
    parent_step     INTEGER,
    parent_item     INTEGER,
    journal_offset  INTEGER NOT NULL DEFAULT 0, -- what has taken effect
    journal_sequence INTEGER NOT NULL DEFAULT 0,
    running_ms      INTEGER NOT NULL DEFAULT 0, -- time spent running, up to running_since
    running_since_ms INTEGER,                   -- NULL while queued, waiting or ended
    created_ms      INTEGER NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER
);
CREATE UNIQUE INDEX pipeline_runs_number ON pipeline_runs(pipeline, number, revision) WHERE parent_run IS NULL;
CREATE INDEX pipeline_runs_open ON pipeline_runs(created_ms) WHERE ended_ms IS NULL;
CREATE INDEX pipeline_runs_parent ON pipeline_runs(parent_run) WHERE parent_run IS NOT NULL;
CREATE INDEX pipeline_runs_newest ON pipeline_runs(pipeline, created_ms);

-- A row for each step (item -1) and for each of its matrix items (0, 1, ...; one for a step without a matrix).
CREATE TABLE steps (
    run_id       TEXT NOT NULL,
    position     INTEGER NOT NULL,              -- in the file, from 0
    item         INTEGER NOT NULL,
    step         TEXT NOT NULL,                 -- its id
    item_key     TEXT NOT NULL DEFAULT '',      -- "3-9f2c01ab"
    state        TEXT NOT NULL,                 -- pending ready active delayed waiting succeeded failed cancelled skipped
    reason       TEXT,
    flags        INTEGER NOT NULL DEFAULT 0,    -- bits, see store/steps.h
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER,                       -- of delayed
    started_ms   INTEGER,
    ended_ms     INTEGER,
    matrix       TEXT,                          -- JSON of the item
    outputs      TEXT,                          -- JSON map
    artifacts    TEXT,                          -- JSON map name: path
    metrics      TEXT,                          -- JSON map
    model_id     TEXT,
    model_uri    TEXT,
    step_run_id  TEXT,                          -- MLflow run of the last attempt
    child_run_id TEXT,
    carried_from TEXT,                          -- "12": the result is that of another run
    refused_by   TEXT,                          -- the rule of the gate that said no
    PRIMARY KEY (run_id, position, item)
) WITHOUT ROWID;

CREATE TABLE attempts (
    id            INTEGER PRIMARY KEY,
    run_id        TEXT NOT NULL,
    position      INTEGER NOT NULL,
    item          INTEGER NOT NULL,
    number        INTEGER NOT NULL,             -- 1, 2, ... without gaps
    state         TEXT NOT NULL,                -- starting running waiting succeeded failed timed_out cancelled lost
    reason        TEXT,
    mark          TEXT NOT NULL,                -- $SLUICE_ATTEMPT: what its processes carry
    step_run_id   TEXT NOT NULL,
    runner        TEXT NOT NULL,                -- id of the runner that has it
    boot_id       TEXT NOT NULL,                -- of the machine when it was started
    pid           INTEGER,
    start_ticks   INTEGER,                      -- of pid: tells a recycled pid
    spawning      INTEGER NOT NULL DEFAULT 0,   -- the journal says that the runner was about to fork
    exit          TEXT,                         -- JSON of the exit record: how, code, signal, usage
    result        TEXT,                         -- JSON of a plugin's or script's own result
    wait          TEXT,                         -- JSON {wait, state} it asked for
    started_ms    INTEGER NOT NULL,
    ended_ms      INTEGER,
    UNIQUE (run_id, position, item, number)
);
CREATE INDEX attempts_open ON attempts(id) WHERE ended_ms IS NULL;

-- Questions that steps asked the store, with the answer: a question read again gets the same one.
CREATE TABLE attempt_calls (
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    reply   TEXT NOT NULL,                      -- JSON {"result"} or {"error"}
    PRIMARY KEY (attempt, seq)
) WITHOUT ROWID;

-- What waiting steps wait for. A wait is a row, never a process.
CREATE TABLE waits (
    id         INTEGER PRIMARY KEY,
    attempt    INTEGER NOT NULL,
    run_id     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    kind       TEXT NOT NULL,                   -- approval until file url event
    spec       TEXT NOT NULL,                   -- JSON, by kind
    state      TEXT NOT NULL,                   -- JSON the step gets back
    status     TEXT NOT NULL,                   -- open met rejected expired withdrawn void
    outcome    TEXT,                            -- JSON the step is told
    check_ms   INTEGER,                         -- when to look again
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER
);
CREATE INDEX waits_open ON waits(run_id) WHERE status = 'open';

CREATE TABLE votes (
    wait     INTEGER NOT NULL REFERENCES waits(id),
    actor    TEXT NOT NULL,
    decision TEXT NOT NULL,                     -- approve reject
    reason   TEXT NOT NULL DEFAULT '',
    groups   TEXT NOT NULL DEFAULT '[]',        -- JSON: the actor's groups at that time
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (wait, actor)                   -- one voice each; the last word counts while it is open
) WITHOUT ROWID;
