-- What searches are answered by.

-- The latest values of a metric in their order, those that are NaN behind them: of runs that have ended. While a run goes
-- on, each of its points would move its row in that index; so until then its series stand in another, without an order.
ALTER TABLE metric_summaries ADD COLUMN settled INTEGER NOT NULL DEFAULT 0; -- 1: since it was measured, the run has ended
UPDATE metric_summaries SET settled = 1 WHERE run IN (
    SELECT n.id FROM metric_runs AS n JOIN runs AS r ON r.run_id = n.run_id
    WHERE r.status IN ('FINISHED', 'FAILED', 'KILLED'));
CREATE INDEX metric_summaries_sorted ON metric_summaries(key, settled, latest_is_nan, latest_value) WHERE settled = 1;
CREATE INDEX metric_summaries_open ON metric_summaries(key) WHERE settled = 0;
CREATE TRIGGER runs_settle AFTER UPDATE OF status ON runs BEGIN
    UPDATE metric_summaries SET settled = NEW.status IN ('FINISHED', 'FAILED', 'KILLED')
    WHERE run = (SELECT n.id FROM metric_runs AS n WHERE n.run_id = NEW.run_id)
      AND settled <> (NEW.status IN ('FINISHED', 'FAILED', 'KILLED'));
END;

-- The newest active runs of several experiments.
CREATE INDEX runs_started ON runs(start_ms, experiment_id) WHERE deleted_ms IS NULL;

-- The newest model versions, and which names are prompts.
CREATE INDEX model_versions_updated ON model_versions(updated_ms);
CREATE INDEX registered_prompts ON registered_model_tags(name)
    WHERE key = 'mlflow.prompt.is_prompt' AND value = 'true';
CREATE INDEX version_prompts ON model_version_tags(name) WHERE key = 'mlflow.prompt.is_prompt' AND value = 'true';
