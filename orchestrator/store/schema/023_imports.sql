-- What `sluice import` has taken over: a row for each record of another store. It is written before the record's first
-- row and completed in the transaction of its last, so that an import that was interrupted goes on where it ended.

CREATE TABLE imports (
    source    TEXT NOT NULL,                    -- the other store: an absolute path, or a URL without credentials
    kind      TEXT NOT NULL,                    -- experiment run model registered_model trace
    id        TEXT NOT NULL,                    -- there
    here      TEXT NOT NULL,                    -- here: the same, unless another record had it
    digest    TEXT NOT NULL,                    -- of what it said (docs/moving.md); '': on its way
    moved_ms  INTEGER NOT NULL,
    PRIMARY KEY (source, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_here ON imports(kind, here);
