-- Results that later runs may use again (docs/caching.md).

-- What a step with `cache` was given, part by part, and what that came to. A row for each of its items, written when it
-- was about to start.
CREATE TABLE step_keys (
    run_id   TEXT NOT NULL,
    position INTEGER NOT NULL,
    item     INTEGER NOT NULL,
    key      TEXT NOT NULL,                     -- sha256 of pipeline, step and parts
    parts    TEXT NOT NULL,                     -- JSON {part: value or digest}, nothing secret in it
    files    TEXT NOT NULL,                     -- JSON {absolute path: sha256}: what must still be so when it has ended
    decision TEXT NOT NULL,                     -- JSON: reused or run, and why
    PRIMARY KEY (run_id, position, item)
) WITHOUT ROWID;

-- The newest result for each key. It is that of another row of `steps`, and its files are that attempt's.
CREATE TABLE cache_entries (
    key        TEXT NOT NULL PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    step       TEXT NOT NULL,
    run_id     TEXT NOT NULL,                   -- of the step whose result it is
    position   INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    matrix     TEXT NOT NULL,                   -- canonical JSON of the item's values; "null" without a matrix
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cache_entries_newest ON cache_entries(pipeline, step, matrix, created_ms);

-- Digests of files, so that what has not changed is not read again.
CREATE TABLE file_digests (
    path   TEXT NOT NULL PRIMARY KEY,           -- absolute
    stamp  TEXT NOT NULL,                       -- device, inode, size, times of last write and change, in nanoseconds
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
