-- An attempt that is to be stopped says so from the moment of the decision, so that a stop whose message was lost in a
-- crash is asked for again.

ALTER TABLE attempts ADD COLUMN stopping TEXT; -- "cancel", "timeout"; NULL: it is not to be stopped
