-- And the version after it.

CREATE TABLE found_live (
    attempt INTEGER NOT NULL PRIMARY KEY -- that had not ended when the store came to this version
) STRICT;
INSERT INTO found_live SELECT id FROM attempts WHERE ended_ms IS NULL;
