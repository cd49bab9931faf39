-- What MLflow's clients record beside what steps do: tags of the data that a run used, outputs at steps, and where the
-- files of a version lie. Deleted versions keep their rows, so that their numbers are not given again.

-- All but mlflow.data.context, which is run_datasets.context.
CREATE TABLE run_dataset_tags (
    run_id  TEXT NOT NULL,
    dataset INTEGER NOT NULL,
    key     TEXT NOT NULL,                      -- 1 to 255 characters
    value   TEXT NOT NULL,                      -- at most 500 characters
    PRIMARY KEY (run_id, dataset, key),
    FOREIGN KEY (run_id, dataset) REFERENCES run_datasets(run_id, dataset)
) STRICT, WITHOUT ROWID;

-- The contexts that a dataset was used in are found one by one, however many runs used it.
DROP INDEX IF EXISTS run_datasets_users;
CREATE INDEX run_datasets_uses ON run_datasets(dataset, context);

-- As before, with the step that a client says a model was made at.
DROP INDEX run_models_users;
ALTER TABLE run_models RENAME TO run_models_before;
CREATE TABLE run_models (
    run_id    TEXT NOT NULL REFERENCES runs(run_id),
    model_id  TEXT NOT NULL,                    -- m-...
    is_output INTEGER NOT NULL,                 -- 1: the run made it, 0: the run used it
    step      INTEGER NOT NULL,                 -- of an output; 0: not said
    PRIMARY KEY (run_id, model_id, is_output, step)
) STRICT, WITHOUT ROWID;
INSERT INTO run_models SELECT run_id, model_id, is_output, 0 FROM run_models_before;
DROP TABLE run_models_before;
CREATE INDEX run_models_users ON run_models(model_id);

-- Stages are None Staging Production Archived, and Deleted_Internal of a version that was deleted.
ALTER TABLE model_versions ADD COLUMN status_message TEXT NOT NULL DEFAULT '';
ALTER TABLE model_versions ADD COLUMN run_link TEXT NOT NULL DEFAULT ''; -- of a run of another tracking server
ALTER TABLE model_versions ADD COLUMN storage_location TEXT NOT NULL DEFAULT ''; -- where its files are; '' of a prompt
UPDATE model_versions SET storage_location = COALESCE(
    (SELECT m.artifact_uri FROM logged_models AS m WHERE m.model_id = model_versions.model_id), source);

-- MLflow's clients may make one logged model several versions of a name.
DROP INDEX model_versions_of_model;
CREATE INDEX model_versions_of_model ON model_versions(model_id, name) WHERE model_id IS NOT NULL;
CREATE INDEX model_versions_of_stage ON model_versions(name, stage, version);
CREATE INDEX model_aliases_of_version ON model_aliases(name, version);
