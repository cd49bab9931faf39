-- Metrics in blocks. A row for each series, as before, but with numbers for run, key and target, and with its latest
-- points beside them; older points stand in blocks of at most a page. A series of one point is one short row.
-- The rows of before are taken over by store/metrics_convert.c, in this migration's transaction; it drops the two
-- tables that are renamed here.

DROP INDEX metric_series_model;
ALTER TABLE metric_points RENAME TO metric_points_before;
ALTER TABLE metric_series RENAME TO metric_series_before;

-- Runs that have metrics.
CREATE TABLE metric_runs (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE REFERENCES runs(run_id)
) STRICT;

-- Keys that were ever logged.
CREATE TABLE metric_keys (
    id  INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE                    -- at most 250 characters
) STRICT;

-- What was measured, on which data.
CREATE TABLE metric_targets (
    id             INTEGER PRIMARY KEY,         -- 0: nothing is said of either
    model_id       TEXT NOT NULL,               -- the logged model; '': none
    dataset_name   TEXT NOT NULL,               -- the data; '': not said
    dataset_digest TEXT NOT NULL,
    UNIQUE (model_id, dataset_name, dataset_digest)
) STRICT;
INSERT INTO metric_targets VALUES (0, '', '', '');

CREATE TABLE metric_summaries (
    run           INTEGER NOT NULL REFERENCES metric_runs(id),
    key           INTEGER NOT NULL REFERENCES metric_keys(id),
    target        INTEGER NOT NULL REFERENCES metric_targets(id),
    count         INTEGER NOT NULL,             -- of points
    latest_value  REAL NOT NULL,                -- the greatest point by (step, time, value), NaN as 0
    latest_is_nan INTEGER NOT NULL,             -- 1: that point is NaN and latest_value 0
    latest_step   INTEGER NOT NULL,
    latest_ms     INTEGER NOT NULL,
    min_value     REAL,                         -- NULL: every point is NaN, or there is but the one
    max_value     REAL,                         -- NULL: as min_value
    tail_count    INTEGER NOT NULL,             -- of points behind the last block; all others are in blocks
    tail          BLOB,                         -- those points; NULL: none, or but the one of the series
    PRIMARY KEY (run, key, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_summaries_targets ON metric_summaries(target, key) WHERE target <> 0;

-- Points of a series in ascending order (time, step, value, NaN behind 0), as store/metric_block.h has them. Blocks of
-- a series never overlap in this order.
CREATE TABLE metric_blocks (
    id           INTEGER PRIMARY KEY,
    run          INTEGER NOT NULL,              -- the series
    key          INTEGER NOT NULL,
    target       INTEGER NOT NULL,
    first_ms     INTEGER NOT NULL,              -- the first of its points
    first_step   INTEGER NOT NULL,
    first_value  REAL NOT NULL,
    first_is_nan INTEGER NOT NULL,
    count        INTEGER NOT NULL,              -- of its points
    points       BLOB NOT NULL,                 -- at most METRIC_BLOCK_BYTES
    FOREIGN KEY (run, key, target) REFERENCES metric_summaries(run, key, target)
) STRICT;
CREATE UNIQUE INDEX metric_blocks_order ON metric_blocks(run, key, target, first_ms, first_step, first_value,
                                                         first_is_nan);

-- The series with their names. Who asks for a model says "target <> 0" too: then its index serves.
CREATE VIEW metric_series AS
SELECT r.run_id, k.key, s.target, t.model_id, t.dataset_name, t.dataset_digest, s.count, s.latest_value, s.latest_is_nan,
       s.latest_step, s.latest_ms,
       CASE WHEN s.count = 1 AND s.latest_is_nan = 0 THEN s.latest_value ELSE s.min_value END AS min_value,
       CASE WHEN s.count = 1 AND s.latest_is_nan = 0 THEN s.latest_value ELSE s.max_value END AS max_value
FROM metric_summaries AS s
JOIN metric_runs AS r ON r.id = s.run
JOIN metric_keys AS k ON k.id = s.key
JOIN metric_targets AS t ON t.id = s.target;
