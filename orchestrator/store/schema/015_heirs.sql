-- A runner is given attempts before their time, which have no row then (engine/heirs.c). Ids up to this one may be in its
-- hands: nobody else gets them.
CREATE TABLE attempt_ids (given INTEGER NOT NULL);
INSERT INTO attempt_ids (given) VALUES (0);

-- Its row was written before it was known whether it has begun: it has when `spawning` says so.
ALTER TABLE attempts ADD COLUMN early INTEGER NOT NULL DEFAULT 0;
