-- MLflow's roles: named sets of permissions, which users have by being in them. They are no roles of users, tokens and
-- groups (users.role), which say what somebody may do at most, whatever he is permitted here.
CREATE TABLE mlflow_roles (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- of nobody again: clients keep it
    workspace   TEXT NOT NULL,                     -- all objects are in 'default'; others' roles say nothing of any
    name        TEXT NOT NULL,
    description TEXT,
    UNIQUE (workspace, name)
) STRICT;
CREATE TABLE mlflow_role_permissions (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    role_id          INTEGER NOT NULL REFERENCES mlflow_roles(id),
    resource_type    TEXT NOT NULL,    -- 'experiment', 'registered_model', 'prompt'; 'workspace': of all there is
    resource_pattern TEXT NOT NULL,    -- the id of an experiment, the name of a model; '*': of each
    permission       INTEGER NOT NULL, -- as of experiment_permissions; -1 DENY, in those and here, beats all others
    UNIQUE (role_id, resource_type, resource_pattern)
) STRICT;
CREATE TABLE mlflow_role_users (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users(user_id),
    role_id INTEGER NOT NULL REFERENCES mlflow_roles(id),
    UNIQUE (user_id, role_id)
) STRICT;
CREATE INDEX mlflow_role_users_of_role ON mlflow_role_users(role_id);
-- What one user may do with each object of a type; it joins what his roles say.
CREATE TABLE wildcard_permissions (
    user_id       INTEGER NOT NULL REFERENCES users(user_id),
    resource_type TEXT NOT NULL,    -- 'experiment', 'registered_model', 'prompt'
    permission    INTEGER NOT NULL,
    PRIMARY KEY (user_id, resource_type)
) STRICT, WITHOUT ROWID;
