-- What is being removed for good (docs/operations.md, "Removing what is old"). The rows of it are gone already: a row here
-- is all that is left to say that files have to go, too, so that an interrupted removal is completed by the next.

CREATE TABLE removals (
    path     TEXT NOT NULL PRIMARY KEY,         -- absolute, of a file or folder in the home
    of       TEXT NOT NULL,                     -- what it belonged to, in words: "run wine/12"
    begun_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a run has is found by the run when it is removed.
CREATE INDEX waits_of_run ON waits(run_id);
CREATE INDEX cache_entries_of_run ON cache_entries(run_id);
