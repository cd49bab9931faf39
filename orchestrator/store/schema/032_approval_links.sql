-- Links by which somebody may decide once about an approval, without a login. Of what the link says only digests are
-- kept.
CREATE TABLE approval_links (
    id              INTEGER PRIMARY KEY,
    wait            INTEGER NOT NULL REFERENCES waits(id) ON DELETE CASCADE,
    person          TEXT NOT NULL,              -- whose word it is
    user_id         INTEGER,                    -- of the login of that name when it was made; NULL: there were no users
    evidence_sha256 TEXT NOT NULL,              -- of what was to be reviewed
    token_sha256    TEXT NOT NULL UNIQUE,       -- of the link's secret part
    made_by         TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    expires_ms      INTEGER NOT NULL,
    ended_ms        INTEGER,                    -- when it was used, or replaced by a newer one; NULL: it may be used
    decision        TEXT,                       -- approve, reject; NULL: it was not used
    address         TEXT                        -- from where it was used
) STRICT;
CREATE INDEX approval_links_of_wait ON approval_links(wait, person);
