-- The session of the runner that was about to start it, which its processes are of until they make one of their own. 0:
-- not known.
ALTER TABLE attempts ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
