-- When an experiment is restored, all its runs are: those that had been deleted one by one are found by this.
CREATE INDEX runs_deleted ON runs(experiment_id) WHERE deleted_ms IS NOT NULL;
