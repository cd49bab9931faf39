-- What came from outside counts once, for ever, also when the row of its trigger has gone by the rules of `gc`.
CREATE TABLE trigger_marks (
    mark INTEGER PRIMARY KEY                    -- of pipeline, kind, trigger and key: store/old_triggers.h
) STRICT;
