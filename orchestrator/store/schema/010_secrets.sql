-- Secrets, sealed: nothing here can be read without the home's key, or SLUICE_KEY.

-- Which home this is: one row. What is sealed is bound to it, so that it opens in no other home.
CREATE TABLE home (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id   TEXT NOT NULL                          -- 32 random hex digits; a copy of the home keeps it
) STRICT;
INSERT INTO home (only, id) VALUES (1, lower(hex(randomblob(16))));

CREATE TABLE secrets (
    name      TEXT NOT NULL PRIMARY KEY,        -- as in secrets.NAME
    sealed    BLOB NOT NULL,                    -- the value, sealed (crypto/seal.h), bound to home, name and pipelines
    key_id    TEXT NOT NULL,                    -- which key sealed it
    pipelines TEXT NOT NULL,                    -- JSON list of the pipelines that may read it; 'null': all
    set_by    TEXT NOT NULL,                    -- who set it last
    set_ms    INTEGER NOT NULL                  -- when
) STRICT, WITHOUT ROWID;
