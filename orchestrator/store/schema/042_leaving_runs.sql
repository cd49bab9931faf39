-- A run of a pipeline that is removed in pieces: its row is gone, so that nobody sees half of it, and this one says of
-- what there are steps, attempts and MLflow runs still to go. It goes with the last of them.
CREATE TABLE leaving_runs (
    run_id     TEXT NOT NULL PRIMARY KEY,       -- of pipeline_runs, as is all but the last
    parent_run TEXT,
    pipeline   TEXT NOT NULL,
    number     INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL,
    begun_ms   INTEGER NOT NULL                 -- when its row went
) STRICT, WITHOUT ROWID;
