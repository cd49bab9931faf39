-- What is deployed to is held by one step at a time, from before it is first touched until the step has ended: a
-- deployment in stages may last for days without a process, and another must not move the same traffic meanwhile. A row
-- goes in the transaction that ends its step.
CREATE TABLE target_holds (
    target   TEXT PRIMARY KEY,                  -- what records call it, its folder or its URL
    run_id   TEXT NOT NULL REFERENCES pipeline_runs(run_id),
    position INTEGER NOT NULL,                  -- of the step
    item     INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX target_holds_of ON target_holds(run_id, position, item);
