-- Logged models: what steps and clients produce, with what was said of them. Metrics measured on them are metric series.

CREATE TABLE logged_models (
    model_id       TEXT NOT NULL PRIMARY KEY,   -- "m-" and 32 hex digits
    experiment_id  INTEGER NOT NULL REFERENCES experiments(id),
    name           TEXT NOT NULL,
    artifact_uri   TEXT NOT NULL,               -- absolute folder of its files
    source_run_id  TEXT,                        -- the run that made it, known or not (MLflow takes any text); NULL: none
    model_type     TEXT NOT NULL,               -- "" or what its maker called it
    status         INTEGER NOT NULL,            -- 1 PENDING, 2 READY, 3 UPLOAD_FAILED
    status_message TEXT NOT NULL,               -- "" or why the upload failed
    sha256         TEXT NOT NULL,               -- digest of all its files; "" until all are published
    size_bytes     INTEGER NOT NULL,            -- of all its files
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    deleted_ms     INTEGER                      -- NULL: not deleted
) STRICT, WITHOUT ROWID;
CREATE INDEX logged_models_newest ON logged_models(experiment_id, created_ms);
CREATE INDEX logged_models_of_run ON logged_models(source_run_id) WHERE source_run_id IS NOT NULL;

-- Write-once.
CREATE TABLE logged_model_params (
    model_id TEXT NOT NULL REFERENCES logged_models(model_id),
    key      TEXT NOT NULL,                     -- at most 250 characters
    value    TEXT NOT NULL,                     -- at most 6000 characters
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;

-- The last word counts.
CREATE TABLE logged_model_tags (
    model_id TEXT NOT NULL REFERENCES logged_models(model_id),
    key      TEXT NOT NULL,                     -- at most 250 characters
    value    TEXT NOT NULL,                     -- at most 8000 characters
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;
