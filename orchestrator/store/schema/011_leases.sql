-- What live attempts hold of what the home has. A lease is written in the transaction that begins (or goes on with) its
-- attempt and removed in the one in which the attempt ends or waits: what is in use is counted from the holders, and at
-- rest there is none.

CREATE TABLE leases (
    attempt  INTEGER NOT NULL REFERENCES attempts(id),
    resource TEXT NOT NULL,                     -- slot cpu memory gpu, or a pool of config.yaml
    amount   INTEGER NOT NULL,                  -- cpu: thousandths of cores; memory: bytes
    devices  TEXT NOT NULL DEFAULT '',          -- of gpu: "0,2"
    PRIMARY KEY (attempt, resource)
) WITHOUT ROWID;

INSERT INTO leases (attempt, resource, amount)
    SELECT id, 'slot', 1 FROM attempts WHERE ended_ms IS NULL AND state IN ('starting', 'running');

-- What the home has, as the engine that was here last knew it: to say why a step waits.
CREATE TABLE supply (
    resource TEXT NOT NULL PRIMARY KEY,
    amount   INTEGER NOT NULL
) WITHOUT ROWID;

ALTER TABLE pipeline_runs ADD COLUMN concurrency_group TEXT; -- NULL: it needs no place. Who is running in it has one
ALTER TABLE pipeline_runs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0; -- its steps come before those of lower ones
