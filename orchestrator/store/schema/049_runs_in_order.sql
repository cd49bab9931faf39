-- The order of a pipeline's runs: with one time there may be hundreds, which a schedule has made up for at once.
DROP INDEX pipeline_runs_newest;
CREATE INDEX pipeline_runs_newest ON pipeline_runs(pipeline, created_ms, number, revision);
