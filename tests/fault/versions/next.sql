-- What a next version could do to a store with steps in it: a name that the version before reads is gone, a new column
-- is filled for the rows that there are.

ALTER TABLE attempts RENAME COLUMN start_ticks TO begun_ticks;
ALTER TABLE attempts ADD COLUMN note TEXT; -- what its runner was told; NULL: nothing
UPDATE attempts SET note = 'begun before there were notes';
