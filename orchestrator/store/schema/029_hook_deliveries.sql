-- What came in at POST /hooks/PIPELINE, genuine or not: bounded, so that nobody can fill the disk with it.

CREATE TABLE hook_deliveries (
    id          INTEGER PRIMARY KEY,            -- in the order in which they came
    pipeline    TEXT NOT NULL,                  -- that the path names, whether there is one or not
    provider    TEXT NOT NULL,                  -- `verify` of its hook; '': it has none
    delivery_id TEXT NOT NULL,                  -- as the sender has it, else ours; '' of one that is not genuine
    event_type  TEXT NOT NULL,                  -- as the sender has it; ''
    peer        TEXT NOT NULL,                  -- the address it came from
    received_ms INTEGER NOT NULL,
    status      INTEGER NOT NULL,               -- of the answer; 0 of a replay
    outcome     TEXT NOT NULL,                  -- accepted ignored duplicate refused
    reason      TEXT NOT NULL,                  -- of the last three, in words
    trigger_row INTEGER,                        -- in triggers; NULL: it is none of a trigger
    replay_of   INTEGER,                        -- the row that was read again; NULL: it came in
    actor       TEXT NOT NULL,                  -- who asked for that; '' of one that came in
    headers     TEXT NOT NULL,                  -- JSON {name: value}, without those that carry secrets
    body_bytes  INTEGER NOT NULL,
    body_sha256 TEXT NOT NULL,
    body        BLOB,                           -- sealed (crypto/seal.h); NULL: it is not kept
    key_id      TEXT NOT NULL,                  -- of the key that sealed it; ''
    is_genuine  INTEGER NOT NULL,               -- 0 of refused: those and the others are bounded apart
    place       INTEGER NOT NULL,               -- among those of its kind, without gaps
    kept_bytes  INTEGER NOT NULL                -- of all bodies of its kind that came before it
) STRICT;
CREATE UNIQUE INDEX hook_deliveries_place ON hook_deliveries(is_genuine, place);
CREATE INDEX hook_deliveries_bodies ON hook_deliveries(is_genuine, kept_bytes) WHERE body IS NOT NULL;
CREATE INDEX hook_deliveries_pipeline ON hook_deliveries(pipeline, id);
