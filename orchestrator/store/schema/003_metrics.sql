-- Metrics: a series for each (run, key, model, dataset) with what lists and gates ask for, and its points.
-- A key's history in a run is the union of its series; nothing of it is stored twice for that.

CREATE TABLE metric_series (
    id             INTEGER PRIMARY KEY,         -- stands for the five columns below in each point
    run_id         TEXT NOT NULL REFERENCES runs(run_id), -- that measured it
    key            TEXT NOT NULL,               -- at most 250 characters
    model_id       TEXT NOT NULL DEFAULT '',    -- the logged model it was measured on; '': none
    dataset_name   TEXT NOT NULL DEFAULT '',    -- the data it was measured on; '': not said
    dataset_digest TEXT NOT NULL DEFAULT '',
    count          INTEGER NOT NULL DEFAULT 0,  -- of points
    latest_value   REAL NOT NULL DEFAULT 0,     -- the greatest point by (step, time, value), NaN as 0
    latest_is_nan  INTEGER NOT NULL DEFAULT 0,  -- 1: that point is NaN and latest_value 0
    latest_step    INTEGER NOT NULL DEFAULT 0,
    latest_ms      INTEGER NOT NULL DEFAULT 0,
    min_value      REAL,                        -- NULL while every point is NaN
    max_value      REAL,                        -- NULL while every point is NaN
    UNIQUE (run_id, key, model_id, dataset_name, dataset_digest)
) STRICT;
CREATE INDEX metric_series_model ON metric_series(model_id, key) WHERE model_id <> '';

-- In the order in which histories are read. The whole row is the key: a point that is sent again changes nothing.
CREATE TABLE metric_points (
    series  INTEGER NOT NULL REFERENCES metric_series(id),
    time_ms INTEGER NOT NULL,
    step    INTEGER NOT NULL,                   -- may be negative
    value   REAL NOT NULL,                      -- never -0 nor infinite; 0 for NaN
    is_nan  INTEGER NOT NULL,                   -- 1: NaN. SQLite has none: it would be NULL
    PRIMARY KEY (series, time_ms, step, value, is_nan)
) STRICT, WITHOUT ROWID;
