-- What happens in the registry starts pipelines, and a registered model says which of them is its deployment job.

-- The pipeline that is started for new versions of the model; '': none is; NULL: whichever asks for them in its file.
ALTER TABLE registered_models ADD COLUMN deployment_job TEXT;
-- The pipeline run whose step made the version; NULL: none did. What the version starts is in the chain of that run.
ALTER TABLE model_versions ADD COLUMN maker TEXT;

-- Of a trigger that is about a version of a registered model; NULL: of another.
ALTER TABLE triggers ADD COLUMN model TEXT;
ALTER TABLE triggers ADD COLUMN version INTEGER;
CREATE INDEX triggers_model ON triggers(model, version, id) WHERE model IS NOT NULL;
CREATE INDEX triggers_model_pending ON triggers(model, pipeline, trigger_id)
    WHERE outcome = 'pending' AND model IS NOT NULL;
