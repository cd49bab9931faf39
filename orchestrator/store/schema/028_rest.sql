-- What a client that sent an Idempotency-Key asked, and what it was told: asked again, it is told the same.
CREATE TABLE idempotency_keys (
    actor          TEXT NOT NULL,               -- who asked: the same key of another is another key
    key            TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,               -- of the method, the path, and what the request said
    status         INTEGER NOT NULL,            -- of the answer
    answer         TEXT NOT NULL,               -- JSON
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys(created_ms);

-- Where what was done was asked from: '' when it was at this machine's terminal, or by sluice itself. The chain covers
-- it where it is not ''.
ALTER TABLE activity ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- Pages of runs, newest first.
CREATE INDEX pipeline_runs_by_age ON pipeline_runs(created_ms, run_id);
