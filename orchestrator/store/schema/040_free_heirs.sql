-- What a runner may begin by itself, without a record of it that outlives a power cut: of a run in which more is ready
-- than there are slots. Written before the runner hears of it. Whatever stands here when the machine is another may
-- have run.
CREATE TABLE free_heirs (
    run_id  TEXT PRIMARY KEY REFERENCES pipeline_runs(run_id) ON DELETE CASCADE,
    boot_id TEXT NOT NULL,                      -- of the machine when they were given out
    orders  TEXT NOT NULL                       -- JSON: a list of orders (engine/heir_order.c)
) STRICT, WITHOUT ROWID;
