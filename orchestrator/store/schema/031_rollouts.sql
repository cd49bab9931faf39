-- A deployment in stages: each stage that begins is a row of its own, of the state 'stage'.
ALTER TABLE deployments ADD COLUMN stage INTEGER;   -- 1 for the first; NULL: it was not in stages
ALTER TABLE deployments ADD COLUMN stages INTEGER;  -- how many there are
ALTER TABLE deployments ADD COLUMN weight REAL;     -- percent of the traffic that is the new model's; NULL: not said
