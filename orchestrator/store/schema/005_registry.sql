-- The registry: models under a name, their versions, aliases that point to versions.

CREATE TABLE registered_models (
    name         TEXT NOT NULL PRIMARY KEY,
    description  TEXT NOT NULL,
    last_version INTEGER NOT NULL,              -- the highest number ever given: numbers are not given twice
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
    name        TEXT NOT NULL REFERENCES registered_models(name),
    version     INTEGER NOT NULL,               -- 1, 2, 3, ... of the name
    model_id    TEXT,                           -- the logged model; NULL: made from a path
    source      TEXT NOT NULL,                  -- "models:/m-..." or a URI
    run_id      TEXT,                           -- the run that made the model; NULL: none
    user        TEXT NOT NULL,                  -- who created the version
    description TEXT NOT NULL,
    stage       TEXT NOT NULL,                  -- None Staging Production Archived
    status      TEXT NOT NULL,                  -- READY PENDING_REGISTRATION FAILED_REGISTRATION
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
-- A logged model is a version of a name once: registering it again finds this row.
CREATE UNIQUE INDEX model_versions_of_model ON model_versions(name, model_id) WHERE model_id IS NOT NULL;

CREATE TABLE registered_model_tags (
    name  TEXT NOT NULL REFERENCES registered_models(name),
    key   TEXT NOT NULL,                        -- at most 250 characters
    value TEXT NOT NULL,                        -- at most 100000 characters
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version_tags (
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    key     TEXT NOT NULL,                      -- at most 250 characters
    value   TEXT NOT NULL,                      -- at most 100000 characters
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES model_versions(name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_aliases (
    name     TEXT NOT NULL,
    alias    TEXT NOT NULL,
    version  INTEGER NOT NULL,                  -- what it points to
    moved_ms INTEGER NOT NULL,                  -- when it began to
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES model_versions(name, version)
) STRICT, WITHOUT ROWID;
