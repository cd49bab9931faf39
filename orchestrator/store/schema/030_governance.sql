-- Who put what where, when, why and by what right. Rows are only added.

-- What aliases and stages of registered models pointed to, move by move.
CREATE TABLE alias_moves (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL,              -- the registered model, as it was called then
    kind            TEXT NOT NULL,              -- alias, stage
    alias           TEXT NOT NULL,              -- or stage
    from_version    INTEGER,                    -- NULL: it pointed to none; of a stage: not said
    to_version      INTEGER,                    -- NULL: it was removed
    model_id        TEXT,                       -- the logged model of the version it is about; NULL: it has none
    at_ms           INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    door            TEXT NOT NULL,              -- step, cli, mlflow, import, rollback, before
    reason          TEXT NOT NULL,
    run_id          TEXT,                       -- the pipeline run whose step did it; NULL: none
    standing        TEXT NOT NULL,              -- open: no guard was there; guarded: it lacked nothing; free: a rollback
    approvals       TEXT NOT NULL,              -- JSON: [{actor, login, on_behalf_of, run, sha256, at_ms}]
    evidence_sha256 TEXT NOT NULL               -- of the newest of these approvals; ''
) STRICT;
CREATE INDEX alias_moves_of_alias ON alias_moves(name, kind, alias, id);
INSERT INTO alias_moves (name, kind, alias, from_version, to_version, model_id, at_ms, actor, door, reason, run_id,
                         standing, approvals, evidence_sha256)
    SELECT a.name, 'alias', a.alias, NULL, a.version, v.model_id, a.moved_ms, '', 'before',
           'it was there when this history began', NULL, 'open', '[]', ''
    FROM model_aliases a LEFT JOIN model_versions v ON v.name = a.name AND v.version = a.version
    ORDER BY a.moved_ms;

-- What was deployed where.
CREATE TABLE deployments (
    id         INTEGER PRIMARY KEY,
    target     TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- deployed, rolled_back, rollback_failed
    name       TEXT,                            -- the registered model; NULL: it was deployed by its id
    version    INTEGER,
    model_id   TEXT NOT NULL,                   -- '' when it has none
    from_model TEXT NOT NULL,                   -- what served before; ''
    to_model   TEXT NOT NULL,                   -- what serves since
    sha256     TEXT NOT NULL,                   -- of the model's files
    at_ms      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    run_id     TEXT NOT NULL,
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX deployments_of_target ON deployments(target, id);
CREATE INDEX deployments_of_model ON deployments(name, id) WHERE name IS NOT NULL;

-- What people say of a version.
CREATE TABLE comments (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    model_id TEXT,                              -- of the version: it may be deleted and its model made again
    actor    TEXT NOT NULL,
    text     TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_of_version ON comments(name, version, id);

-- Who may decide in whose place, until when.
CREATE TABLE delegations (
    id         INTEGER PRIMARY KEY,
    giver      TEXT NOT NULL,
    giver_groups TEXT NOT NULL,                 -- JSON: those of the giver when he gave it
    taker      TEXT NOT NULL,
    model      TEXT NOT NULL,                   -- glob of registered models; '*': whatever is asked
    reason     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    ended_ms   INTEGER                          -- when the giver took it back; NULL: he has not
) STRICT;
CREATE INDEX delegations_of_taker ON delegations(taker, until_ms);

-- The config.yaml that was taken last: what is loaded next is told apart from it.
CREATE TABLE config_loaded (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    sha256   TEXT NOT NULL,
    document TEXT NOT NULL,                     -- JSON, canonical
    at_ms    INTEGER NOT NULL
) STRICT;

-- How a voice was raised: system: an account of the operating system; server: a login of `sluice serve`; tag: the
-- version tag of Databricks' convention, set by such a login.
ALTER TABLE votes ADD COLUMN login TEXT NOT NULL DEFAULT 'system';
ALTER TABLE votes ADD COLUMN on_behalf_of TEXT; -- whose delegation was used; NULL: nobody's

-- The logged model that an approval is about, so that guards find it.
ALTER TABLE waits ADD COLUMN model_id TEXT;
CREATE INDEX waits_of_model ON waits(model_id) WHERE model_id IS NOT NULL;
CREATE INDEX gates_of_model ON gates(model_id, id) WHERE model_id IS NOT NULL;
