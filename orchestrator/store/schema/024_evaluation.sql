-- Evaluation datasets: what MLflow's GenAI clients keep to try models on. Each is some records, found again by what the
-- model is given.

CREATE TABLE evaluation_datasets (
    dataset_id TEXT NOT NULL PRIMARY KEY,       -- "d-" and 32 hex digits
    name       TEXT NOT NULL,                   -- at most 255 characters; several may have the same
    schema     TEXT,                            -- JSON: what records had, and of which types; NULL: there were none
    profile    TEXT,                            -- JSON: how many records there are; NULL: there were none
    digest     TEXT NOT NULL,                   -- 8 hex digits, of the name and of when records last came
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,                -- records or experiments came or went
    created_by TEXT,                            -- the tag mlflow.user when it was made; NULL: not said
    updated_by TEXT                             -- the tag mlflow.user of what came last; NULL: not said
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_datasets_newest ON evaluation_datasets(created_ms, dataset_id);

CREATE TABLE evaluation_dataset_tags (
    dataset_id TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    key        TEXT NOT NULL,                   -- at most 255 characters
    value      TEXT,                            -- at most 5000 characters; NULL: null was said when it was made
    PRIMARY KEY (dataset_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_dataset_experiments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- their order
    dataset_id    TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    experiment_id TEXT NOT NULL,                -- as it was said: of an experiment known or not
    UNIQUE (dataset_id, experiment_id)
) STRICT;
CREATE INDEX evaluation_datasets_of_experiment ON evaluation_dataset_experiments(experiment_id);

-- Texts of JSON are as Python writes them.
CREATE TABLE evaluation_records (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- their order
    record_id    TEXT NOT NULL UNIQUE,          -- "dr-" and 32 hex digits
    dataset_id   TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    input_hash   TEXT NOT NULL,                 -- SHA-256 of the inputs, their keys sorted
    inputs       TEXT NOT NULL,                 -- a JSON object
    outputs      TEXT,                          -- JSON; NULL: null
    expectations TEXT,                          -- a JSON object; NULL: none
    tags         TEXT NOT NULL,                 -- a JSON object
    source       TEXT,                          -- JSON, {"source_type", "source_data"}; NULL: not said
    source_id    TEXT,                          -- of a trace its id, else source_data.source_id; NULL: none
    source_type  TEXT,                          -- UNSPECIFIED TRACE HUMAN DOCUMENT CODE; NULL: not said
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    created_by   TEXT,                          -- its tag mlflow.user then; NULL: not said
    updated_by   TEXT,                          -- its tag mlflow.user, the last that was said
    UNIQUE (dataset_id, input_hash)
) STRICT;
CREATE INDEX evaluation_records_in_order ON evaluation_records(dataset_id, id);
