-- Traces: what MLflow's clients say of one call of an application. The spans are a file, traces.json, which the client
-- puts into the trace's folder.

CREATE TABLE traces (
    request_id    TEXT NOT NULL PRIMARY KEY,    -- 32 hex digits
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    start_ms      INTEGER NOT NULL,             -- as its client says
    duration_ms   INTEGER,                      -- NULL: not ended
    status        TEXT NOT NULL,                -- IN_PROGRESS OK ERROR TRACE_STATUS_UNSPECIFIED
    artifact_uri  TEXT NOT NULL                 -- absolute folder of its files, or a URI at another store
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_newest ON traces(experiment_id, start_ms);

-- The last word counts. Where the files are is no row here, but traces.artifact_uri.
CREATE TABLE trace_tags (
    request_id TEXT NOT NULL REFERENCES traces(request_id),
    key        TEXT NOT NULL,                   -- at most 250 characters
    value      TEXT NOT NULL,                   -- at most 8000 characters
    PRIMARY KEY (request_id, key)
) STRICT, WITHOUT ROWID;

-- The last word counts; said when it starts and when it ends.
CREATE TABLE trace_metadata (
    request_id TEXT NOT NULL REFERENCES traces(request_id),
    key        TEXT NOT NULL,                   -- at most 250 characters
    value      TEXT NOT NULL,                   -- at most 8000 characters
    PRIMARY KEY (request_id, key)
) STRICT, WITHOUT ROWID;
