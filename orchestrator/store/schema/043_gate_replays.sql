-- A gate can be replayed: another version is judged by the rules that a record of it stands for.
ALTER TABLE gates ADD COLUMN replay_of INTEGER;  -- the record whose gate this was; NULL: the gate judged in its own run
ALTER TABLE gates ADD COLUMN version TEXT;       -- NAME/VERSION that was judged; NULL: the model had none, or no name was given
ALTER TABLE gates ADD COLUMN other_data INTEGER NOT NULL DEFAULT 0; -- 1: a replay on other data than the gate's, as was allowed
