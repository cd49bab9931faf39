-- Numbers of /metrics that only grow, counted in the transaction of what they count: restarts and `gc` change nothing.
CREATE TABLE counters (
    name  TEXT NOT NULL,                        -- store/counters.h
    label TEXT NOT NULL,                        -- what it is counted by; ''
    part  INTEGER NOT NULL,                     -- of a histogram the number of the bound; -1: the sum, in microseconds
    value INTEGER NOT NULL,
    PRIMARY KEY (name, label, part)
) STRICT, WITHOUT ROWID;
