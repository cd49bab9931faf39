-- Channels of config.yaml are told of what happens, beside webhooks: one outbox for both.

ALTER TABLE deliveries RENAME TO deliveries_before;
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,            -- in the order in which things happened
    delivery_id TEXT NOT NULL UNIQUE,           -- a UUID: what the receiver is told, the same at each try
    receiver    TEXT NOT NULL,                  -- a webhook's id, or channel/NAME
    address     TEXT NOT NULL,                  -- of who subscribed by a channel of e-mail; '': the channel's own
    event       TEXT NOT NULL,
    object      TEXT NOT NULL,                  -- what stays in order: the registered model's name, run ID, ...
    body        TEXT NOT NULL,                  -- the JSON that is sent, or that what is sent is made from
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
INSERT INTO deliveries
    SELECT id, delivery_id, webhook_id, '', event, object, body, is_test, state, tries, next_ms, created_ms, since_ms,
           tried_ms, ended_ms, status, error
    FROM deliveries_before;
DROP TABLE deliveries_before;
CREATE INDEX deliveries_due ON deliveries(receiver, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_next ON deliveries(next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_line ON deliveries(receiver, object, id) WHERE state = 'waiting';
CREATE INDEX deliveries_ended ON deliveries(receiver, id) WHERE state <> 'waiting';

-- The channels of the config.yaml that was taken last, and what has become of them.
CREATE TABLE channels (
    name        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,                  -- webhook slack email
    sha256      TEXT NOT NULL,                  -- of what config.yaml says of it
    disabled_ms INTEGER NOT NULL,               -- since when it gets nothing; 0: it does
    reason      TEXT NOT NULL                   -- why; ''
) STRICT, WITHOUT ROWID;

-- What has happened and has not been looked at for whom to tell. Written in the transaction of what happened while
-- there are channels, and gone in that which makes deliveries of it.
CREATE TABLE told_events (
    id        INTEGER PRIMARY KEY,
    event_id  TEXT NOT NULL,                    -- a UUID, the same for all who are told
    type      TEXT NOT NULL,                    -- an action of the activity log, or an event that is not in it
    at_ms     INTEGER NOT NULL,
    object    TEXT NOT NULL,
    object_id TEXT NOT NULL,
    data      TEXT NOT NULL                     -- JSON
) STRICT;

-- A row while there are channels.
CREATE TABLE telling (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    since_ms INTEGER NOT NULL
) STRICT;

-- Who is told of a registered model, or of one version.
CREATE TABLE model_subscriptions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,                   -- the registered model
    version    INTEGER NOT NULL,                -- 0: all of it
    actor      TEXT NOT NULL,
    channel    TEXT NOT NULL,
    address    TEXT NOT NULL,                   -- of e-mail; '': the channel's own
    created_ms INTEGER NOT NULL,
    UNIQUE (name, version, actor, channel, address)
) STRICT;
