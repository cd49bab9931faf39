-- Runs, as MLflow has them: of a whole pipeline, of an attempt of a step (nested in it), of a client. What they were
-- given (params), what is said of them (tags), what they used (datasets, models) and what they left (artifacts).

CREATE TABLE runs (
    run_id        TEXT NOT NULL PRIMARY KEY,    -- 32 lower-case hex digits
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    name          TEXT NOT NULL,                -- equal to the tag mlflow.runName
    user          TEXT NOT NULL,                -- who started it
    status        TEXT NOT NULL,                -- SCHEDULED RUNNING FINISHED FAILED KILLED
    start_ms      INTEGER NOT NULL,
    end_ms        INTEGER,                      -- NULL: not ended
    deleted_ms    INTEGER,                      -- NULL: active, if its experiment is
    artifact_uri  TEXT NOT NULL,                -- absolute folder
    parent_run_id TEXT                          -- the tag mlflow.parentRunId, of a run known or not; NULL: none
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_newest ON runs(experiment_id, start_ms);
CREATE INDEX runs_children ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL;

-- Write-once.
CREATE TABLE run_params (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    key    TEXT NOT NULL,                       -- at most 250 characters
    value  TEXT NOT NULL,                       -- at most 6000 characters
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- The last word counts.
CREATE TABLE run_tags (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    key    TEXT NOT NULL,                       -- at most 250 characters
    value  TEXT NOT NULL,                       -- at most 8000 characters
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- A row for each file that a run or a logged model has published, written when the file is whole.
CREATE TABLE artifacts (
    owner      TEXT NOT NULL,                   -- run id, or id of a logged model (m-...)
    path       TEXT NOT NULL,                   -- below the owner's artifact folder
    sha256     TEXT NOT NULL,                   -- 64 hex digits
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;

-- Data that runs used, once for each experiment, name and digest.
CREATE TABLE datasets (
    id            INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    name          TEXT NOT NULL,                -- at most 500 characters
    digest        TEXT NOT NULL,                -- at most 36 characters: what MLflow compares
    sha256        TEXT,                         -- the whole digest; NULL: unknown
    source_type   TEXT NOT NULL,                -- "local", "http", ...
    source        TEXT NOT NULL,                -- JSON or a path
    schema        TEXT,                         -- JSON; NULL: not given
    profile       TEXT,                         -- JSON; NULL: not given
    UNIQUE (experiment_id, name, digest)
) STRICT;

CREATE TABLE run_datasets (
    run_id  TEXT NOT NULL REFERENCES runs(run_id),
    dataset INTEGER NOT NULL REFERENCES datasets(id),
    context TEXT,                               -- "training": the tag mlflow.data.context; NULL: not given
    PRIMARY KEY (run_id, dataset)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_datasets_users ON run_datasets(dataset);

CREATE TABLE run_models (
    run_id    TEXT NOT NULL REFERENCES runs(run_id),
    model_id  TEXT NOT NULL,                    -- m-...
    is_output INTEGER NOT NULL,                 -- 1: the run made it, 0: the run used it
    PRIMARY KEY (run_id, model_id, is_output)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_models_users ON run_models(model_id);
