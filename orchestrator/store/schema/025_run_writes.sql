-- When runs that clients have open were written last, as far as that is known: told now and then, not at each write, and
-- only where config.yaml says when to give them up (engine/reaper.h).
CREATE TABLE run_writes (
    run_id TEXT NOT NULL PRIMARY KEY,           -- of a run, or one that is gone meanwhile
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_open ON runs(run_id) WHERE status = 'RUNNING';
