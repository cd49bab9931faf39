-- What is due asks, for each of hundreds in the same minute, whether its pipeline has an open run, and whether something
-- of its schedule waits: found by name, not among all that is open or waits.
DROP INDEX pipeline_runs_open;
CREATE INDEX pipeline_runs_open ON pipeline_runs(pipeline, created_ms) WHERE ended_ms IS NULL;
CREATE INDEX triggers_held ON triggers(pipeline, trigger_id) WHERE outcome = 'pending' AND due_ms IS NULL;
