-- Who may use the server, and for what. A home without users asks nobody who he is.

CREATE TABLE users (
    user_id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again
    name          TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,                -- argon2id, as libsodium writes it (crypto/password.h)
    is_admin      INTEGER NOT NULL,             -- 1: may do everything
    created_ms    INTEGER NOT NULL,
    password_ms   INTEGER NOT NULL              -- when the password was last set
) STRICT;

-- Of tokens only the digest is here: nobody can read one again. Revoked ones keep their rows.
CREATE TABLE tokens (
    token_id   TEXT NOT NULL PRIMARY KEY,       -- names it in lists: 8 hex digits, which are no part of it
    user_id    INTEGER NOT NULL REFERENCES users(user_id),
    name       TEXT NOT NULL,                   -- what it is for; '' when that was not said
    sha256     TEXT NOT NULL UNIQUE,            -- of the token
    scope      TEXT NOT NULL,                   -- read write admin
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,                         -- NULL: never
    used_ms    INTEGER,                         -- to the minute; NULL: not yet
    revoked_ms INTEGER                          -- NULL: it is not revoked
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_user ON tokens(user_id);

-- The only experiments that a token is for; without a row here it is for all that its user may use.
CREATE TABLE token_experiments (
    token_id      TEXT NOT NULL REFERENCES tokens(token_id),
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    PRIMARY KEY (token_id, experiment_id)
) STRICT, WITHOUT ROWID;

-- What one user may do with one experiment: 0 NO_PERMISSIONS, 1 READ, 2 USE, 3 EDIT, 4 MANAGE. Without a row here it is
-- what `auth.default_permission` of config.yaml says.
CREATE TABLE experiment_permissions (
    user_id       INTEGER NOT NULL REFERENCES users(user_id),
    experiment_id INTEGER NOT NULL,
    permission    INTEGER NOT NULL,
    PRIMARY KEY (user_id, experiment_id)
) STRICT, WITHOUT ROWID;

-- The same of registered models, which are what their names say.
CREATE TABLE registered_model_permissions (
    user_id    INTEGER NOT NULL REFERENCES users(user_id),
    name       TEXT NOT NULL,
    permission INTEGER NOT NULL,
    PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX registered_model_permissions_of_model ON registered_model_permissions(name);
