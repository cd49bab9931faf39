-- Experiments, as MLflow has them: the folders that runs, logged models and datasets belong to.

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY AUTOINCREMENT, -- "7" to MLflow's clients; never used twice
    name              TEXT NOT NULL UNIQUE,     -- 1 to 500 characters; a deleted one keeps its name
    artifact_location TEXT NOT NULL DEFAULT '', -- '' is the home's own folder for it
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL,         -- MLflow's last_update_time: made, renamed, deleted, restored
    deleted_ms        INTEGER                   -- NULL: active. Its runs are read as deleted through it, never cascaded
) STRICT;

CREATE TABLE experiment_tags (
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    key           TEXT NOT NULL,                -- at most 250 characters
    value         TEXT NOT NULL,                -- at most 20000 characters
    PRIMARY KEY (experiment_id, key)
) STRICT, WITHOUT ROWID;

-- What MLflow's clients use when they name none.
INSERT INTO experiments (id, name, created_ms, updated_ms)
VALUES (0, 'Default', CAST(strftime('%s', 'now') AS INTEGER) * 1000, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
