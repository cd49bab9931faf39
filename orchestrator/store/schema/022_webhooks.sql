-- Whom to tell of what happens to models and prompts, and the outbox of what is to be told.

CREATE TABLE webhooks (
    webhook_id  TEXT PRIMARY KEY,               -- a UUID
    name        TEXT NOT NULL,
    description TEXT NOT NULL,                  -- '' when it has none
    url         TEXT NOT NULL,                  -- where to, as it was given
    status      TEXT NOT NULL,                  -- ACTIVE DISABLED
    secret      BLOB,                           -- sealed (crypto/seal.h), bound to the home and the id; NULL: none
    key_id      TEXT NOT NULL,                  -- of the key that sealed it; ''
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_newest ON webhooks(created_ms DESC, webhook_id DESC);

CREATE TABLE webhook_events (
    event      TEXT NOT NULL,                   -- model_version.created
    webhook_id TEXT NOT NULL REFERENCES webhooks(webhook_id),
    position   INTEGER NOT NULL,                -- in the list that was given
    PRIMARY KEY (event, webhook_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_of ON webhook_events(webhook_id, position);

-- A row comes with what it tells of, in one transaction, and goes out after it. Those of one webhook and object are a
-- line: the first that is waiting has a time, those behind it have none until it has ended.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,            -- in the order in which things happened
    delivery_id TEXT NOT NULL UNIQUE,           -- a UUID: what the receiver is told, the same at each try
    webhook_id  TEXT NOT NULL REFERENCES webhooks(webhook_id),
    event       TEXT NOT NULL,
    object      TEXT NOT NULL,                  -- what stays in order: the registered model's name
    body        TEXT NOT NULL,                  -- the JSON that is sent
    is_test     INTEGER NOT NULL,               -- 1: somebody asked for it, also of a webhook that is disabled
    state       TEXT NOT NULL,                  -- waiting delivered failed dropped
    tries       INTEGER NOT NULL,
    next_ms     INTEGER,                        -- when to try; NULL: behind another, or ended
    created_ms  INTEGER NOT NULL,
    since_ms    INTEGER NOT NULL,               -- from when on it is tried: made, or asked for again
    tried_ms    INTEGER NOT NULL,               -- the last try; 0: none
    ended_ms    INTEGER NOT NULL,               -- 0: it waits
    status      INTEGER NOT NULL,               -- of the last answer; 0: none came
    error       TEXT NOT NULL                   -- why the last try was none that counts; ''
) STRICT;
CREATE INDEX deliveries_due ON deliveries(webhook_id, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_next ON deliveries(next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_line ON deliveries(webhook_id, object, id) WHERE state = 'waiting';
CREATE INDEX deliveries_ended ON deliveries(webhook_id, id) WHERE state <> 'waiting';
