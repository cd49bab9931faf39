-- A verdict of a gate, and the right by which an alias or a stage was moved, are about the files that the model had
-- then: whoever may write to a logged model puts others in their place.
ALTER TABLE gates ADD COLUMN files_sha256 TEXT;       -- of the model's recorded files (artifacts_sha256); NULL: of
                                                      -- before this column, or it judged no model
ALTER TABLE alias_moves ADD COLUMN files_sha256 TEXT; -- the same, where a guard stood; NULL: none did, or before
-- A client may name any run that it may read as that of its model, and write to any that it may edit: what a step has
-- made, and nobody else has written to, is known by this alone.
ALTER TABLE logged_models ADD COLUMN maker TEXT;      -- the run of the step; NULL: a client, or others have written to it
UPDATE logged_models SET maker = source_run_id;
