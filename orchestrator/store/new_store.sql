-- version 49
-- Made by tests/new_store.py of schema/*.sql, which explain it.
CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY AUTOINCREMENT, -- "7" to MLflow's clients; never used twice
    name              TEXT NOT NULL UNIQUE,     -- 1 to 500 characters; a deleted one keeps its name
    artifact_location TEXT NOT NULL DEFAULT '', -- '' is the home's own folder for it
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL,         -- MLflow's last_update_time: made, renamed, deleted, restored
    deleted_ms        INTEGER                   -- NULL: active. Its runs are read as deleted through it, never cascaded
) STRICT;
CREATE TABLE experiment_tags (
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    key           TEXT NOT NULL,                -- at most 250 characters
    value         TEXT NOT NULL,                -- at most 20000 characters
    PRIMARY KEY (experiment_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
    run_id        TEXT NOT NULL PRIMARY KEY,    -- 32 lower-case hex digits
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    name          TEXT NOT NULL,                -- equal to the tag mlflow.runName
    user          TEXT NOT NULL,                -- who started it
    status        TEXT NOT NULL,                -- SCHEDULED RUNNING FINISHED FAILED KILLED
    start_ms      INTEGER NOT NULL,
    end_ms        INTEGER,                      -- NULL: not ended
    deleted_ms    INTEGER,                      -- NULL: active, if its experiment is
    artifact_uri  TEXT NOT NULL,                -- absolute folder
    parent_run_id TEXT                          -- the tag mlflow.parentRunId, of a run known or not; NULL: none
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_newest ON runs(experiment_id, start_ms);
CREATE INDEX runs_children ON runs(parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE TABLE run_params (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    key    TEXT NOT NULL,                       -- at most 250 characters
    value  TEXT NOT NULL,                       -- at most 6000 characters
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_tags (
    run_id TEXT NOT NULL REFERENCES runs(run_id),
    key    TEXT NOT NULL,                       -- at most 250 characters
    value  TEXT NOT NULL,                       -- at most 8000 characters
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE artifacts (
    owner      TEXT NOT NULL,                   -- run id, or id of a logged model (m-...)
    path       TEXT NOT NULL,                   -- below the owner's artifact folder
    sha256     TEXT NOT NULL,                   -- 64 hex digits
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE datasets (
    id            INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    name          TEXT NOT NULL,                -- at most 500 characters
    digest        TEXT NOT NULL,                -- at most 36 characters: what MLflow compares
    sha256        TEXT,                         -- the whole digest; NULL: unknown
    source_type   TEXT NOT NULL,                -- "local", "http", ...
    source        TEXT NOT NULL,                -- JSON or a path
    schema        TEXT,                         -- JSON; NULL: not given
    profile       TEXT,                         -- JSON; NULL: not given
    UNIQUE (experiment_id, name, digest)
) STRICT;
CREATE TABLE run_datasets (
    run_id  TEXT NOT NULL REFERENCES runs(run_id),
    dataset INTEGER NOT NULL REFERENCES datasets(id),
    context TEXT,                               -- "training": the tag mlflow.data.context; NULL: not given
    PRIMARY KEY (run_id, dataset)
) STRICT, WITHOUT ROWID;
CREATE TABLE logged_models (
    model_id       TEXT NOT NULL PRIMARY KEY,   -- "m-" and 32 hex digits
    experiment_id  INTEGER NOT NULL REFERENCES experiments(id),
    name           TEXT NOT NULL,
    artifact_uri   TEXT NOT NULL,               -- absolute folder of its files
    source_run_id  TEXT,                        -- the run that made it, known or not (MLflow takes any text); NULL: none
    model_type     TEXT NOT NULL,               -- "" or what its maker called it
    status         INTEGER NOT NULL,            -- 1 PENDING, 2 READY, 3 UPLOAD_FAILED
    status_message TEXT NOT NULL,               -- "" or why the upload failed
    sha256         TEXT NOT NULL,               -- digest of all its files; "" until all are published
    size_bytes     INTEGER NOT NULL,            -- of all its files
    created_ms     INTEGER NOT NULL,
    updated_ms     INTEGER NOT NULL,
    deleted_ms     INTEGER                      -- NULL: not deleted
, maker TEXT) STRICT, WITHOUT ROWID;
CREATE INDEX logged_models_newest ON logged_models(experiment_id, created_ms);
CREATE INDEX logged_models_of_run ON logged_models(source_run_id) WHERE source_run_id IS NOT NULL;
CREATE TABLE logged_model_params (
    model_id TEXT NOT NULL REFERENCES logged_models(model_id),
    key      TEXT NOT NULL,                     -- at most 250 characters
    value    TEXT NOT NULL,                     -- at most 6000 characters
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE logged_model_tags (
    model_id TEXT NOT NULL REFERENCES logged_models(model_id),
    key      TEXT NOT NULL,                     -- at most 250 characters
    value    TEXT NOT NULL,                     -- at most 8000 characters
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE registered_models (
    name         TEXT NOT NULL PRIMARY KEY,
    description  TEXT NOT NULL,
    last_version INTEGER NOT NULL,              -- the highest number ever given: numbers are not given twice
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
, deployment_job TEXT) STRICT, WITHOUT ROWID;
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
    updated_ms  INTEGER NOT NULL, status_message TEXT NOT NULL DEFAULT '', run_link TEXT NOT NULL DEFAULT '', storage_location TEXT NOT NULL DEFAULT '', maker TEXT,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE pipelines (
    name        TEXT NOT NULL PRIMARY KEY,
    last_number INTEGER NOT NULL DEFAULT 0      -- of its newest run: "run 12"
);
CREATE TABLE definitions (
    digest     TEXT NOT NULL PRIMARY KEY,       -- sha256 of the canonical document
    name       TEXT NOT NULL,
    source     TEXT NOT NULL,                   -- the file's text
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pipeline_runs (
    run_id          TEXT NOT NULL PRIMARY KEY,  -- the MLflow run of the whole
    pipeline        TEXT NOT NULL,
    number          INTEGER NOT NULL,           -- 12 of "run 12", 12.2 for its first retry
    revision        INTEGER NOT NULL DEFAULT 1, -- 2 of "12.2"
    definition      TEXT NOT NULL REFERENCES definitions(digest),
    file            TEXT NOT NULL,              -- as the user named it
    folder          TEXT NOT NULL,              -- absolute folder of the file: relative Lua and child files start there
    workspace       TEXT NOT NULL,              -- working directory of its steps
    experiment_id   INTEGER NOT NULL,
    state           TEXT NOT NULL,              -- queued running waiting succeeded failed cancelled
    reason          TEXT,
    verdict         TEXT NOT NULL DEFAULT 'none',
    cancelling      TEXT,                       -- who cancelled it and why, from the moment of the request
    timed_out       INTEGER NOT NULL DEFAULT 0,
    params          TEXT NOT NULL,              -- JSON map
    contexts        TEXT NOT NULL,              -- JSON {git, vars, environment, pins}
    trigger         TEXT NOT NULL,              -- "cli", "retry", "pipeline", later "schedule"...
    actor           TEXT NOT NULL,              -- who started it
    until           TEXT,                       -- step of --until
    seed            INTEGER NOT NULL,           -- of retry jitter
    retry_of        TEXT,                       -- run_id
    parent_run      TEXT,                       -- run_id of the pipeline run whose step this is
    parent_step     INTEGER,
    parent_item     INTEGER,
    journal_offset  INTEGER NOT NULL DEFAULT 0, -- what has taken effect
    journal_sequence INTEGER NOT NULL DEFAULT 0,
    running_ms      INTEGER NOT NULL DEFAULT 0, -- time spent running, up to running_since
    running_since_ms INTEGER,                   -- NULL while queued, waiting or ended
    created_ms      INTEGER NOT NULL,
    started_ms      INTEGER,
    ended_ms        INTEGER
, concurrency_group TEXT, priority INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX pipeline_runs_number ON pipeline_runs(pipeline, number, revision) WHERE parent_run IS NULL;
CREATE INDEX pipeline_runs_parent ON pipeline_runs(parent_run) WHERE parent_run IS NOT NULL;
CREATE TABLE steps (
    run_id       TEXT NOT NULL,
    position     INTEGER NOT NULL,              -- in the file, from 0
    item         INTEGER NOT NULL,
    step         TEXT NOT NULL,                 -- its id
    item_key     TEXT NOT NULL DEFAULT '',      -- "3-9f2c01ab"
    state        TEXT NOT NULL,                 -- pending ready active delayed waiting succeeded failed cancelled skipped
    reason       TEXT,
    flags        INTEGER NOT NULL DEFAULT 0,    -- bits, see store/steps.h
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER,                       -- of delayed
    started_ms   INTEGER,
    ended_ms     INTEGER,
    matrix       TEXT,                          -- JSON of the item
    outputs      TEXT,                          -- JSON map
    artifacts    TEXT,                          -- JSON map name: path
    metrics      TEXT,                          -- JSON map
    model_id     TEXT,
    model_uri    TEXT,
    step_run_id  TEXT,                          -- MLflow run of the last attempt
    child_run_id TEXT,
    carried_from TEXT,                          -- "12": the result is that of another run
    refused_by   TEXT,                          -- the rule of the gate that said no
    PRIMARY KEY (run_id, position, item)
) WITHOUT ROWID;
CREATE TABLE attempts (
    id            INTEGER PRIMARY KEY,
    run_id        TEXT NOT NULL,
    position      INTEGER NOT NULL,
    item          INTEGER NOT NULL,
    number        INTEGER NOT NULL,             -- 1, 2, ... without gaps
    state         TEXT NOT NULL,                -- starting running waiting succeeded failed timed_out cancelled lost
    reason        TEXT,
    mark          TEXT NOT NULL,                -- $SLUICE_ATTEMPT: what its processes carry
    step_run_id   TEXT NOT NULL,
    runner        TEXT NOT NULL,                -- id of the runner that has it
    boot_id       TEXT NOT NULL,                -- of the machine when it was started
    pid           INTEGER,
    start_ticks   INTEGER,                      -- of pid: tells a recycled pid
    spawning      INTEGER NOT NULL DEFAULT 0,   -- the journal says that the runner was about to fork
    exit          TEXT,                         -- JSON of the exit record: how, code, signal, usage
    result        TEXT,                         -- JSON of a plugin's or script's own result
    wait          TEXT,                         -- JSON {wait, state} it asked for
    started_ms    INTEGER NOT NULL,
    ended_ms      INTEGER, stopping TEXT, early INTEGER NOT NULL DEFAULT 0, session INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run_id, position, item, number)
);
CREATE INDEX attempts_open ON attempts(id) WHERE ended_ms IS NULL;
CREATE TABLE attempt_calls (
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    reply   TEXT NOT NULL,                      -- JSON {"result"} or {"error"}
    PRIMARY KEY (attempt, seq)
) WITHOUT ROWID;
CREATE TABLE waits (
    id         INTEGER PRIMARY KEY,
    attempt    INTEGER NOT NULL,
    run_id     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    kind       TEXT NOT NULL,                   -- approval until file url event
    spec       TEXT NOT NULL,                   -- JSON, by kind
    state      TEXT NOT NULL,                   -- JSON the step gets back
    status     TEXT NOT NULL,                   -- open met rejected expired withdrawn void
    outcome    TEXT,                            -- JSON the step is told
    check_ms   INTEGER,                         -- when to look again
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER
, model_id TEXT);
CREATE INDEX waits_open ON waits(run_id) WHERE status = 'open';
CREATE TABLE votes (
    wait     INTEGER NOT NULL REFERENCES waits(id),
    actor    TEXT NOT NULL,
    decision TEXT NOT NULL,                     -- approve reject
    reason   TEXT NOT NULL DEFAULT '',
    groups   TEXT NOT NULL DEFAULT '[]',        -- JSON: the actor's groups at that time
    at_ms    INTEGER NOT NULL, login TEXT NOT NULL DEFAULT 'system', on_behalf_of TEXT,
    PRIMARY KEY (wait, actor)                   -- one voice each; the last word counts while it is open
) WITHOUT ROWID;
CREATE TABLE activity (
    sequence        INTEGER PRIMARY KEY,        -- 1, 2, 3, ... without gaps
    at_ms           INTEGER NOT NULL,
    actor           TEXT NOT NULL,              -- a person, "step RUN/STEP", or "sluice"
    action          TEXT NOT NULL,              -- "run.started", "alias.moved", ...
    object          TEXT NOT NULL,              -- in words
    object_id       TEXT NOT NULL,              -- run id, NAME/VERSION, ...
    from_state      TEXT NOT NULL,              -- "" when there is none
    to_state        TEXT NOT NULL,
    reason          TEXT NOT NULL,
    evidence_sha256 TEXT NOT NULL,              -- "" when there is none
    chain           TEXT NOT NULL               -- 64 hex digits: HMAC-SHA-256 of the chain before and this row's fields
, address TEXT NOT NULL DEFAULT '', means TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX activity_of_object ON activity(object_id, sequence);
CREATE TRIGGER activity_is_not_changed BEFORE UPDATE ON activity BEGIN
    SELECT RAISE(ABORT, 'the activity log is append-only');
END;
CREATE TRIGGER activity_is_not_removed BEFORE DELETE ON activity BEGIN
    SELECT RAISE(ABORT, 'the activity log is append-only');
END;
CREATE TABLE gates (
    id              INTEGER PRIMARY KEY,
    run_id          TEXT NOT NULL,              -- the pipeline run
    step            TEXT NOT NULL,
    step_run_id     TEXT NOT NULL,              -- the run of the attempt that judged
    model_id        TEXT,                       -- what was judged; NULL: not known
    champion        TEXT,                       -- NAME/VERSION it was compared with; NULL: none
    passed          INTEGER NOT NULL,           -- 0 or 1
    refused_by      TEXT NOT NULL,              -- "" when passed, else the rule in one line
    record          TEXT NOT NULL,              -- JSON: rules, values, dataset
    evidence_sha256 TEXT NOT NULL,              -- digest of what the verdict rests on
    at_ms           INTEGER NOT NULL
, replay_of INTEGER, version TEXT, other_data INTEGER NOT NULL DEFAULT 0, files_sha256 TEXT) STRICT;
CREATE INDEX gates_of_run ON gates(run_id, id);
CREATE TABLE published (
    owner  TEXT NOT NULL,                       -- the MLflow run of the attempt, or the model ("m-...")
    path   TEXT NOT NULL,                       -- absolute, of the file or folder
    name   TEXT NOT NULL,                       -- of the artifact; "" for one without a name, and for a model
    step   TEXT NOT NULL,                       -- the id of the step that published it
    sha256 TEXT NOT NULL,                       -- of the file, or of the folder (digest/digest.h)
    stamp  TEXT NOT NULL,                       -- what the file system said of it then (runner/stamp.h); "" not known
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE home (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id   TEXT NOT NULL                          -- 32 random hex digits; a copy of the home keeps it
) STRICT;
CREATE TABLE secrets (
    name      TEXT NOT NULL PRIMARY KEY,        -- as in secrets.NAME
    sealed    BLOB NOT NULL,                    -- the value, sealed (crypto/seal.h), bound to home, name and pipelines
    key_id    TEXT NOT NULL,                    -- which key sealed it
    pipelines TEXT NOT NULL,                    -- JSON list of the pipelines that may read it; 'null': all
    set_by    TEXT NOT NULL,                    -- who set it last
    set_ms    INTEGER NOT NULL                  -- when
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    attempt  INTEGER NOT NULL REFERENCES attempts(id),
    resource TEXT NOT NULL,                     -- slot cpu memory gpu, or a pool of config.yaml
    amount   INTEGER NOT NULL,                  -- cpu: thousandths of cores; memory: bytes
    devices  TEXT NOT NULL DEFAULT '',          -- of gpu: "0,2"
    PRIMARY KEY (attempt, resource)
) WITHOUT ROWID;
CREATE TABLE supply (
    resource TEXT NOT NULL PRIMARY KEY,
    amount   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE step_keys (
    run_id   TEXT NOT NULL,
    position INTEGER NOT NULL,
    item     INTEGER NOT NULL,
    key      TEXT NOT NULL,                     -- sha256 of pipeline, step and parts
    parts    TEXT NOT NULL,                     -- JSON {part: value or digest}, nothing secret in it
    files    TEXT NOT NULL,                     -- JSON {absolute path: sha256}: what must still be so when it has ended
    decision TEXT NOT NULL,                     -- JSON: reused or run, and why
    PRIMARY KEY (run_id, position, item)
) WITHOUT ROWID;
CREATE TABLE cache_entries (
    key        TEXT NOT NULL PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    step       TEXT NOT NULL,
    run_id     TEXT NOT NULL,                   -- of the step whose result it is
    position   INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    matrix     TEXT NOT NULL,                   -- canonical JSON of the item's values; "null" without a matrix
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cache_entries_newest ON cache_entries(pipeline, step, matrix, created_ms);
CREATE TABLE file_digests (
    path   TEXT NOT NULL PRIMARY KEY,           -- absolute
    stamp  TEXT NOT NULL,                       -- device, inode, size, times of last write and change, in nanoseconds
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE metric_runs (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE REFERENCES runs(run_id)
) STRICT;
CREATE TABLE metric_keys (
    id  INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE                    -- at most 250 characters
) STRICT;
CREATE TABLE metric_targets (
    id             INTEGER PRIMARY KEY,         -- 0: nothing is said of either
    model_id       TEXT NOT NULL,               -- the logged model; '': none
    dataset_name   TEXT NOT NULL,               -- the data; '': not said
    dataset_digest TEXT NOT NULL,
    UNIQUE (model_id, dataset_name, dataset_digest)
) STRICT;
CREATE TABLE metric_summaries (
    run           INTEGER NOT NULL REFERENCES metric_runs(id),
    key           INTEGER NOT NULL REFERENCES metric_keys(id),
    target        INTEGER NOT NULL REFERENCES metric_targets(id),
    count         INTEGER NOT NULL,             -- of points
    latest_value  REAL NOT NULL,                -- the greatest point by (step, time, value), NaN as 0
    latest_is_nan INTEGER NOT NULL,             -- 1: that point is NaN and latest_value 0
    latest_step   INTEGER NOT NULL,
    latest_ms     INTEGER NOT NULL,
    min_value     REAL,                         -- NULL: every point is NaN, or there is but the one
    max_value     REAL,                         -- NULL: as min_value
    tail_count    INTEGER NOT NULL,             -- of points behind the last block; all others are in blocks
    tail          BLOB, settled INTEGER NOT NULL DEFAULT 0,                         -- those points; NULL: none, or but the one of the series
    PRIMARY KEY (run, key, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_summaries_targets ON metric_summaries(target, key) WHERE target <> 0;
CREATE TABLE metric_blocks (
    id           INTEGER PRIMARY KEY,
    run          INTEGER NOT NULL,              -- the series
    key          INTEGER NOT NULL,
    target       INTEGER NOT NULL,
    first_ms     INTEGER NOT NULL,              -- the first of its points
    first_step   INTEGER NOT NULL,
    first_value  REAL NOT NULL,
    first_is_nan INTEGER NOT NULL,
    count        INTEGER NOT NULL,              -- of its points
    points       BLOB NOT NULL,                 -- at most METRIC_BLOCK_BYTES
    FOREIGN KEY (run, key, target) REFERENCES metric_summaries(run, key, target)
) STRICT;
CREATE UNIQUE INDEX metric_blocks_order ON metric_blocks(run, key, target, first_ms, first_step, first_value,
                                                         first_is_nan);
CREATE VIEW metric_series AS
SELECT r.run_id, k.key, s.target, t.model_id, t.dataset_name, t.dataset_digest, s.count, s.latest_value, s.latest_is_nan,
       s.latest_step, s.latest_ms,
       CASE WHEN s.count = 1 AND s.latest_is_nan = 0 THEN s.latest_value ELSE s.min_value END AS min_value,
       CASE WHEN s.count = 1 AND s.latest_is_nan = 0 THEN s.latest_value ELSE s.max_value END AS max_value
FROM metric_summaries AS s
JOIN metric_runs AS r ON r.id = s.run
JOIN metric_keys AS k ON k.id = s.key
JOIN metric_targets AS t ON t.id = s.target;
CREATE TABLE removals (
    path     TEXT NOT NULL PRIMARY KEY,         -- absolute, of a file or folder in the home
    of       TEXT NOT NULL,                     -- what it belonged to, in words: "run wine/12"
    begun_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_of_run ON waits(run_id);
CREATE INDEX cache_entries_of_run ON cache_entries(run_id);
CREATE TABLE attempt_ids (given INTEGER NOT NULL);
CREATE INDEX waits_timed ON waits(id, check_ms, expires_ms)
    WHERE status = 'open' AND (check_ms IS NOT NULL OR expires_ms IS NOT NULL);
CREATE INDEX metric_summaries_sorted ON metric_summaries(key, settled, latest_is_nan, latest_value) WHERE settled = 1;
CREATE INDEX metric_summaries_open ON metric_summaries(key) WHERE settled = 0;
CREATE TRIGGER runs_settle AFTER UPDATE OF status ON runs BEGIN
    UPDATE metric_summaries SET settled = NEW.status IN ('FINISHED', 'FAILED', 'KILLED')
    WHERE run = (SELECT n.id FROM metric_runs AS n WHERE n.run_id = NEW.run_id)
      AND settled <> (NEW.status IN ('FINISHED', 'FAILED', 'KILLED'));
END;
CREATE INDEX runs_started ON runs(start_ms, experiment_id) WHERE deleted_ms IS NULL;
CREATE INDEX model_versions_updated ON model_versions(updated_ms);
CREATE INDEX registered_prompts ON registered_model_tags(name)
    WHERE key = 'mlflow.prompt.is_prompt' AND value = 'true';
CREATE INDEX version_prompts ON model_version_tags(name) WHERE key = 'mlflow.prompt.is_prompt' AND value = 'true';
CREATE TABLE run_dataset_tags (
    run_id  TEXT NOT NULL,
    dataset INTEGER NOT NULL,
    key     TEXT NOT NULL,                      -- 1 to 255 characters
    value   TEXT NOT NULL,                      -- at most 500 characters
    PRIMARY KEY (run_id, dataset, key),
    FOREIGN KEY (run_id, dataset) REFERENCES run_datasets(run_id, dataset)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_datasets_uses ON run_datasets(dataset, context);
CREATE TABLE run_models (
    run_id    TEXT NOT NULL REFERENCES runs(run_id),
    model_id  TEXT NOT NULL,                    -- m-...
    is_output INTEGER NOT NULL,                 -- 1: the run made it, 0: the run used it
    step      INTEGER NOT NULL,                 -- of an output; 0: not said
    PRIMARY KEY (run_id, model_id, is_output, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_models_users ON run_models(model_id);
CREATE INDEX model_versions_of_model ON model_versions(model_id, name) WHERE model_id IS NOT NULL;
CREATE INDEX model_versions_of_stage ON model_versions(name, stage, version);
CREATE INDEX model_aliases_of_version ON model_aliases(name, version);
CREATE TABLE traces (
    request_id    TEXT NOT NULL PRIMARY KEY,    -- 32 hex digits
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    start_ms      INTEGER NOT NULL,             -- as its client says
    duration_ms   INTEGER,                      -- NULL: not ended
    status        TEXT NOT NULL,                -- IN_PROGRESS OK ERROR TRACE_STATUS_UNSPECIFIED
    artifact_uri  TEXT NOT NULL                 -- absolute folder of its files, or a URI at another store
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_newest ON traces(experiment_id, start_ms);
CREATE TABLE trace_tags (
    request_id TEXT NOT NULL REFERENCES traces(request_id),
    key        TEXT NOT NULL,                   -- at most 250 characters
    value      TEXT NOT NULL,                   -- at most 8000 characters
    PRIMARY KEY (request_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE trace_metadata (
    request_id TEXT NOT NULL REFERENCES traces(request_id),
    key        TEXT NOT NULL,                   -- at most 250 characters
    value      TEXT NOT NULL,                   -- at most 8000 characters
    PRIMARY KEY (request_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_marks (
    mark INTEGER NOT NULL,
    run  INTEGER NOT NULL REFERENCES metric_runs(id),
    PRIMARY KEY (mark, run)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE imports (
    source    TEXT NOT NULL,                    -- the other store: an absolute path, or a URL without credentials
    kind      TEXT NOT NULL,                    -- experiment run model registered_model trace
    id        TEXT NOT NULL,                    -- there
    here      TEXT NOT NULL,                    -- here: the same, unless another record had it
    digest    TEXT NOT NULL,                    -- of what it said (docs/moving.md); '': on its way
    moved_ms  INTEGER NOT NULL,
    PRIMARY KEY (source, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_here ON imports(kind, here);
CREATE TABLE evaluation_datasets (
    dataset_id TEXT NOT NULL PRIMARY KEY,       -- "d-" and 32 hex digits
    name       TEXT NOT NULL,                   -- at most 255 characters; several may have the same
    schema     TEXT,                            -- JSON: what records had, and of which types; NULL: there were none
    profile    TEXT,                            -- JSON: how many records there are; NULL: there were none
    digest     TEXT NOT NULL,                   -- 8 hex digits, of the name and of when records last came
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,                -- records or experiments came or went
    created_by TEXT,                            -- the tag mlflow.user when it was made; NULL: not said
    updated_by TEXT                             -- the tag mlflow.user of what came last; NULL: not said
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_datasets_newest ON evaluation_datasets(created_ms, dataset_id);
CREATE TABLE evaluation_dataset_tags (
    dataset_id TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    key        TEXT NOT NULL,                   -- at most 255 characters
    value      TEXT,                            -- at most 5000 characters; NULL: null was said when it was made
    PRIMARY KEY (dataset_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE evaluation_dataset_experiments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- their order
    dataset_id    TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    experiment_id TEXT NOT NULL,                -- as it was said: of an experiment known or not
    UNIQUE (dataset_id, experiment_id)
) STRICT;
CREATE INDEX evaluation_datasets_of_experiment ON evaluation_dataset_experiments(experiment_id);
CREATE TABLE evaluation_records (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- their order
    record_id    TEXT NOT NULL UNIQUE,          -- "dr-" and 32 hex digits
    dataset_id   TEXT NOT NULL REFERENCES evaluation_datasets(dataset_id),
    input_hash   TEXT NOT NULL,                 -- SHA-256 of the inputs, their keys sorted
    inputs       TEXT NOT NULL,                 -- a JSON object
    outputs      TEXT,                          -- JSON; NULL: null
    expectations TEXT,                          -- a JSON object; NULL: none
    tags         TEXT NOT NULL,                 -- a JSON object
    source       TEXT,                          -- JSON, {"source_type", "source_data"}; NULL: not said
    source_id    TEXT,                          -- of a trace its id, else source_data.source_id; NULL: none
    source_type  TEXT,                          -- UNSPECIFIED TRACE HUMAN DOCUMENT CODE; NULL: not said
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    created_by   TEXT,                          -- its tag mlflow.user then; NULL: not said
    updated_by   TEXT,                          -- its tag mlflow.user, the last that was said
    UNIQUE (dataset_id, input_hash)
) STRICT;
CREATE INDEX evaluation_records_in_order ON evaluation_records(dataset_id, id);
CREATE TABLE run_writes (
    run_id TEXT NOT NULL PRIMARY KEY,           -- of a run, or one that is gone meanwhile
    at_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_open ON runs(run_id) WHERE status = 'RUNNING';
CREATE TABLE users (
    user_id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again
    name          TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,                -- argon2id, as libsodium writes it (crypto/password.h)
    created_ms    INTEGER NOT NULL,
    password_ms   INTEGER NOT NULL              -- when the password was last set
, role TEXT NOT NULL DEFAULT 'editor') STRICT;
CREATE TABLE tokens (
    token_id   TEXT NOT NULL PRIMARY KEY,       -- names it in lists: 8 hex digits, which are no part of it
    user_id    INTEGER NOT NULL REFERENCES users(user_id),
    name       TEXT NOT NULL,                   -- what it is for; '' when that was not said
    sha256     TEXT NOT NULL UNIQUE,            -- of the token
    role      TEXT NOT NULL,                   -- read write admin
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,                         -- NULL: never
    used_ms    INTEGER,                         -- to the minute; NULL: not yet
    revoked_ms INTEGER                          -- NULL: it is not revoked
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_user ON tokens(user_id);
CREATE TABLE token_experiments (
    token_id      TEXT NOT NULL REFERENCES tokens(token_id),
    experiment_id INTEGER NOT NULL REFERENCES experiments(id),
    PRIMARY KEY (token_id, experiment_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE experiment_permissions (
    user_id       INTEGER NOT NULL REFERENCES users(user_id),
    experiment_id INTEGER NOT NULL,
    permission    INTEGER NOT NULL,
    PRIMARY KEY (user_id, experiment_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE registered_model_permissions (
    user_id    INTEGER NOT NULL REFERENCES users(user_id),
    name       TEXT NOT NULL,
    permission INTEGER NOT NULL,
    PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX registered_model_permissions_of_model ON registered_model_permissions(name);
CREATE TABLE "settled_pipelines" (
    name       TEXT NOT NULL PRIMARY KEY,
    source     TEXT NOT NULL,                   -- where it comes from: 'folder', or the name of another source
    path       TEXT NOT NULL,                   -- of its file, within the source
    file       TEXT NOT NULL,                   -- of its file, as people are told
    folder     TEXT NOT NULL,                   -- absolute folder of the file
    workspace  TEXT NOT NULL,                   -- working directory of the steps
    definition TEXT NOT NULL,                   -- digest: its text is in definitions
    git        TEXT NOT NULL,                   -- JSON {commit, branch, repo}; '{}' when it is from no repository
    stamp      TEXT NOT NULL,                   -- of the file as it was read: unchanged, it is not read again
    since_ms   INTEGER NOT NULL,                -- in force with this definition
    UNIQUE (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused_files (
    source   TEXT NOT NULL,
    path     TEXT NOT NULL,
    name     TEXT NOT NULL,                     -- of the pipeline, '' when that cannot be told
    problems TEXT NOT NULL,                     -- JSON [{line, column, code, message, hint}]
    stamp    TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE "settled_subscriptions" (
    pipeline   TEXT NOT NULL,
    kind       TEXT NOT NULL,                   -- webhook push model pipeline
    trigger_id TEXT NOT NULL,                   -- its key below `on`: webhook push model_version model_alias pipeline
    about      TEXT NOT NULL,                   -- the other pipeline's name, a glob of models; '' of the others
    settings   TEXT NOT NULL,                   -- JSON: what the file says there
    PRIMARY KEY (kind, about, pipeline, trigger_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE "settled_schedules" (
    pipeline     TEXT NOT NULL,
    schedule     TEXT NOT NULL,                 -- its id
    cron         TEXT NOT NULL,
    timezone     TEXT NOT NULL,
    catchup      TEXT NOT NULL,                 -- none one all
    window_ms    INTEGER NOT NULL,              -- how old what was missed may be to be caught up; 0: any age
    most         INTEGER NOT NULL,              -- how much of what was missed is caught up, with 'all'
    jitter_ms    INTEGER NOT NULL,
    overlap      TEXT NOT NULL,                 -- allow skip queue queue_one cancel_running
    in_force     INTEGER NOT NULL,              -- 0: no definition in force has it; whether it is paused is kept
    decided_ms   INTEGER NOT NULL,              -- what was due up to here has its outcome
    next_ms      INTEGER,                       -- what is due next; NULL: nothing
    missed       INTEGER NOT NULL DEFAULT 0,    -- how many in all were not run because they came too late
    paused_ms    INTEGER,                       -- since when; NULL: it is not
    paused_by    TEXT NOT NULL DEFAULT '',
    pause_reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (pipeline, schedule)
) STRICT, WITHOUT ROWID;
CREATE TABLE triggers (
    id               INTEGER PRIMARY KEY,       -- in the order in which they came
    pipeline         TEXT NOT NULL,
    kind             TEXT NOT NULL,             -- schedule backfill webhook push model pipeline manual
    trigger_id       TEXT NOT NULL,             -- of a schedule its id; else its key below `on`
    key              TEXT NOT NULL,             -- what tells it from others: a time, a delivery's id, a run's
    scheduled_for_ms INTEGER,                   -- of schedule and backfill: the occurrence
    until_ms         INTEGER,                   -- the last of several occurrences that share the row; NULL: one
    occurrences      INTEGER NOT NULL DEFAULT 1,
    received_ms      INTEGER NOT NULL,
    due_ms           INTEGER,                   -- of a pending one: when to decide; NULL: when another run has ended
    event            TEXT NOT NULL,             -- JSON, of a pending one that is still to be looked into; ''
    event_sha256     TEXT NOT NULL,             -- of what came; '': nothing did
    params           TEXT NOT NULL,             -- JSON {NAME: value} that it gives to the run
    chain            TEXT NOT NULL,             -- JSON: the pipelines by whose ends it came about, first to last
    actor            TEXT NOT NULL,             -- who asked for it, or sluice
    outcome          TEXT NOT NULL,             -- pending started skipped filtered duplicate expired
    run_id           TEXT,                      -- of started
    reason           TEXT NOT NULL,
    settled_ms       INTEGER                    -- NULL: pending
, model TEXT, version INTEGER) STRICT;
CREATE UNIQUE INDEX triggers_key ON triggers(pipeline, kind, trigger_id, key) WHERE outcome <> 'duplicate';
CREATE INDEX triggers_pending ON triggers(due_ms) WHERE outcome = 'pending';
CREATE INDEX triggers_run ON triggers(run_id) WHERE run_id IS NOT NULL;
CREATE INDEX triggers_scheduled ON triggers(pipeline, trigger_id, scheduled_for_ms) WHERE scheduled_for_ms IS NOT NULL;
CREATE TABLE backfills (
    id         INTEGER PRIMARY KEY,
    pipeline   TEXT NOT NULL,
    schedule   TEXT NOT NULL,
    from_ms    INTEGER NOT NULL,                -- occurrences from here on
    to_ms      INTEGER NOT NULL,                -- and before here
    reprocess  TEXT NOT NULL,                   -- none failed completed: what is run though it was run before
    most       INTEGER NOT NULL,                -- runs of it at once
    reverse    INTEGER NOT NULL,                -- 1: the newest first
    actor      TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- open done cancelled
    at_ms      INTEGER,                         -- the last occurrence that has its outcome; NULL: none has
    started    INTEGER NOT NULL DEFAULT 0,      -- runs
    skipped    INTEGER NOT NULL DEFAULT 0,      -- occurrences that need none
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER
) STRICT;
CREATE INDEX backfills_open ON backfills(id) WHERE state = 'open';
CREATE TABLE idempotency_keys (
    actor          TEXT NOT NULL,               -- who asked: the same key of another is another key
    key            TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,               -- of the method, the path, and what the request said
    status         INTEGER NOT NULL,            -- of the answer
    answer         TEXT NOT NULL,               -- JSON
    created_ms     INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys(created_ms);
CREATE INDEX pipeline_runs_by_age ON pipeline_runs(created_ms, run_id);
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
, files_sha256 TEXT) STRICT;
CREATE INDEX alias_moves_of_alias ON alias_moves(name, kind, alias, id);
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
, stage INTEGER, stages INTEGER, weight REAL) STRICT;
CREATE INDEX deployments_of_target ON deployments(target, id);
CREATE INDEX deployments_of_model ON deployments(name, id) WHERE name IS NOT NULL;
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
CREATE TABLE config_loaded (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    sha256   TEXT NOT NULL,
    document TEXT NOT NULL,                     -- JSON, canonical
    at_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX waits_of_model ON waits(model_id) WHERE model_id IS NOT NULL;
CREATE INDEX gates_of_model ON gates(model_id, id) WHERE model_id IS NOT NULL;
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
CREATE INDEX triggers_model ON triggers(model, version, id) WHERE model IS NOT NULL;
CREATE INDEX triggers_model_pending ON triggers(model, pipeline, trigger_id)
    WHERE outcome = 'pending' AND model IS NOT NULL;
CREATE TABLE sources (
    name       TEXT NOT NULL PRIMARY KEY,       -- as config.yaml calls it
    url        TEXT NOT NULL,                   -- as config.yaml has it, without credentials
    branch     TEXT NOT NULL,                   -- as config.yaml has it; '': the remote's default
    path       TEXT NOT NULL,                   -- of its pipelines, as config.yaml has it; '': the usual
    page       TEXT NOT NULL,                   -- URL of a commit's page with {commit} in it; '': not said
    every_ms   INTEGER NOT NULL,                -- how often it is looked for new commits
    at_branch  TEXT NOT NULL,                   -- the branch that is followed; '': not known yet
    seen       TEXT NOT NULL,                   -- the commit that was looked at last; '': none
    about      TEXT NOT NULL,                   -- JSON {author, message, at_ms} of it
    in_force   TEXT NOT NULL,                   -- the commit whose pipelines are in force; '': none
    since_ms   INTEGER NOT NULL,                -- in force since; 0
    problems   TEXT NOT NULL,                   -- JSON [{file, line, column, code, message, hint}] of `seen`
    error      TEXT NOT NULL,                   -- why the last fetch failed; ''
    failures   INTEGER NOT NULL,                -- fetches that failed since the last that did not
    failing_ms INTEGER NOT NULL,                -- since when; 0
    fetched_ms INTEGER NOT NULL,                -- the last fetch that did not fail; 0
    tried_ms   INTEGER NOT NULL                 -- the last; 0
) STRICT, WITHOUT ROWID;
CREATE TABLE jobs (
    id         INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    why        TEXT NOT NULL,                   -- start poll sync webhook
    actor      TEXT NOT NULL,
    state      TEXT NOT NULL,                   -- waiting running done failed lost
    words      TEXT NOT NULL,                   -- what it came to
    commit_id  TEXT NOT NULL,                   -- that was found; ''
    created_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,                -- 0: it waits
    ended_ms   INTEGER NOT NULL                 -- 0: it has not
) STRICT;
CREATE INDEX jobs_of_source ON jobs(source, id);
CREATE INDEX jobs_open ON jobs(state) WHERE state IN ('waiting', 'running');
CREATE TABLE source_runs (
    run_id    TEXT NOT NULL PRIMARY KEY,        -- of a pipeline
    source    TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    pinned    INTEGER NOT NULL                  -- 0: the commit is not yet kept for it in the clone
) STRICT, WITHOUT ROWID;
CREATE INDEX source_runs_unpinned ON source_runs(source) WHERE pinned = 0;
CREATE TABLE trigger_marks (
    mark INTEGER PRIMARY KEY                    -- of pipeline, kind, trigger and key: store/old_triggers.h
) STRICT;
CREATE TABLE counters (
    name  TEXT NOT NULL,                        -- store/counters.h
    label TEXT NOT NULL,                        -- what it is counted by; ''
    part  INTEGER NOT NULL,                     -- of a histogram the number of the bound; -1: the sum, in microseconds
    value INTEGER NOT NULL,
    PRIMARY KEY (name, label, part)
) STRICT, WITHOUT ROWID;
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
CREATE INDEX deliveries_due ON deliveries(receiver, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_next ON deliveries(next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_line ON deliveries(receiver, object, id) WHERE state = 'waiting';
CREATE INDEX deliveries_ended ON deliveries(receiver, id) WHERE state <> 'waiting';
CREATE TABLE channels (
    name        TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,                  -- webhook slack email
    sha256      TEXT NOT NULL,                  -- of what config.yaml says of it
    disabled_ms INTEGER NOT NULL,               -- since when it gets nothing; 0: it does
    reason      TEXT NOT NULL                   -- why; ''
) STRICT, WITHOUT ROWID;
CREATE TABLE told_events (
    id        INTEGER PRIMARY KEY,
    event_id  TEXT NOT NULL,                    -- a UUID, the same for all who are told
    type      TEXT NOT NULL,                    -- an action of the activity log, or an event that is not in it
    at_ms     INTEGER NOT NULL,
    object    TEXT NOT NULL,
    object_id TEXT NOT NULL,
    data      TEXT NOT NULL                     -- JSON
) STRICT;
CREATE TABLE telling (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    since_ms INTEGER NOT NULL
) STRICT;
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
CREATE TABLE target_holds (
    target   TEXT PRIMARY KEY,                  -- what records call it, its folder or its URL
    run_id   TEXT NOT NULL REFERENCES pipeline_runs(run_id),
    position INTEGER NOT NULL,                  -- of the step
    item     INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX target_holds_of ON target_holds(run_id, position, item);
CREATE TABLE free_heirs (
    run_id  TEXT PRIMARY KEY REFERENCES pipeline_runs(run_id) ON DELETE CASCADE,
    boot_id TEXT NOT NULL,                      -- of the machine when they were given out
    orders  TEXT NOT NULL                       -- JSON: a list of orders (engine/heir_order.c)
) STRICT, WITHOUT ROWID;
CREATE INDEX pipeline_runs_open ON pipeline_runs(pipeline, created_ms) WHERE ended_ms IS NULL;
CREATE INDEX triggers_held ON triggers(pipeline, trigger_id) WHERE outcome = 'pending' AND due_ms IS NULL;
CREATE TABLE leaving_runs (
    run_id     TEXT NOT NULL PRIMARY KEY,       -- of pipeline_runs, as is all but the last
    parent_run TEXT,
    pipeline   TEXT NOT NULL,
    number     INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL,
    begun_ms   INTEGER NOT NULL                 -- when its row went
) STRICT, WITHOUT ROWID;
CREATE TABLE mail_addresses (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    actor        TEXT NOT NULL,                 -- whose subscriptions may use it
    address      TEXT NOT NULL,
    asked_ms     INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,              -- of the link
    confirmed_ms INTEGER,                       -- NULL: nobody has opened it
    means        TEXT                           -- by what it is good: from where the link was used, or 'config.yaml'
) STRICT;
CREATE INDEX mail_addresses_of_actor ON mail_addresses(actor, address);
CREATE INDEX mail_addresses_asked ON mail_addresses(asked_ms) WHERE confirmed_ms IS NULL;
CREATE INDEX runs_deleted ON runs(experiment_id) WHERE deleted_ms IS NOT NULL;
CREATE INDEX settled_subscriptions_pipeline ON settled_subscriptions(pipeline);
CREATE TABLE coming_commits (
    source   TEXT NOT NULL PRIMARY KEY,
    counts   INTEGER NOT NULL,                  -- 1: what is coming is in force; 0: it is still being written
    since_ms INTEGER NOT NULL,                  -- in force since; 0
    actor    TEXT NOT NULL,                     -- who is said to have done it
    push     TEXT NOT NULL                      -- JSON {repo, branch, after, told} that pipelines are told; '{}': nothing
) STRICT, WITHOUT ROWID;
CREATE TABLE coming_pipelines (
    source     TEXT NOT NULL,
    name       TEXT NOT NULL,
    change     TEXT NOT NULL,                   -- other: a definition that was not in force; moved: the same elsewhere;
                                                -- gone: no definition
    was        TEXT NOT NULL,                   -- the definition that is in force before, its digest; ''
    path       TEXT NOT NULL,                   -- the rest as in settled_pipelines; of what is gone its last file
    file       TEXT NOT NULL,
    folder     TEXT NOT NULL,
    workspace  TEXT NOT NULL,
    definition TEXT NOT NULL,
    git        TEXT NOT NULL,
    stamp      TEXT NOT NULL,
    since_ms   INTEGER NOT NULL,                -- of what is moved; else 0: since the commit is
    PRIMARY KEY (name, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE coming_schedules (
    source    TEXT NOT NULL,
    pipeline  TEXT NOT NULL,
    schedule  TEXT NOT NULL,
    cron      TEXT NOT NULL,
    timezone  TEXT NOT NULL,
    catchup   TEXT NOT NULL,
    window_ms INTEGER NOT NULL,
    most      INTEGER NOT NULL,
    jitter_ms INTEGER NOT NULL,
    overlap   TEXT NOT NULL,
    next_ms   INTEGER,                          -- what comes first, as it was written
    PRIMARY KEY (pipeline, schedule, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE coming_subscriptions (
    source     TEXT NOT NULL,
    pipeline   TEXT NOT NULL,
    kind       TEXT NOT NULL,
    trigger_id TEXT NOT NULL,
    about      TEXT NOT NULL,
    settings   TEXT NOT NULL,
    PRIMARY KEY (pipeline, trigger_id, source)
) STRICT, WITHOUT ROWID;
CREATE VIEW pipelines_in_force AS
SELECT p.name, p.source, p.path, p.file, p.folder, p.workspace, p.definition, p.git, p.stamp, p.since_ms
FROM settled_pipelines AS p
WHERE NOT EXISTS (SELECT 1 FROM coming_pipelines AS c JOIN coming_commits AS m USING (source)
                  WHERE m.counts AND c.name = p.name AND c.source = p.source)
UNION ALL
SELECT c.name, c.source, c.path, c.file, c.folder, c.workspace, c.definition, c.git, c.stamp,
       CASE c.since_ms WHEN 0 THEN m.since_ms ELSE c.since_ms END
FROM coming_commits AS m JOIN coming_pipelines AS c USING (source)
WHERE m.counts AND c.change <> 'gone';
CREATE VIEW subscriptions AS
SELECT s.pipeline, s.kind, s.trigger_id, s.about, s.settings
FROM settled_subscriptions AS s
WHERE NOT EXISTS (SELECT 1 FROM coming_pipelines AS c JOIN coming_commits AS m USING (source)
                  WHERE m.counts AND c.name = s.pipeline AND c.change <> 'moved')
UNION ALL
SELECT d.pipeline, d.kind, d.trigger_id, d.about, d.settings
FROM coming_commits AS m JOIN coming_subscriptions AS d USING (source)
WHERE m.counts;
CREATE VIEW schedules AS
SELECT s.pipeline, s.schedule, s.cron, s.timezone, s.catchup, s.window_ms, s.most, s.jitter_ms, s.overlap, s.in_force,
       s.decided_ms, s.next_ms, s.missed, s.paused_ms, s.paused_by, s.pause_reason
FROM settled_schedules AS s
WHERE NOT EXISTS (SELECT 1 FROM coming_pipelines AS c JOIN coming_commits AS m USING (source)
                  WHERE m.counts AND c.name = s.pipeline AND c.change <> 'moved')
UNION ALL
SELECT d.pipeline, d.schedule, d.cron, d.timezone, d.catchup, d.window_ms, d.most, d.jitter_ms, d.overlap, 1,
       CASE WHEN s.in_force AND s.cron = d.cron AND s.timezone = d.timezone THEN s.decided_ms ELSE m.since_ms END,
       CASE WHEN s.in_force AND s.cron = d.cron AND s.timezone = d.timezone THEN s.next_ms ELSE d.next_ms END,
       coalesce(s.missed, 0), s.paused_ms, coalesce(s.paused_by, ''), coalesce(s.pause_reason, '')
FROM coming_commits AS m JOIN coming_schedules AS d USING (source)
LEFT JOIN settled_schedules AS s ON s.pipeline = d.pipeline AND s.schedule = d.schedule
WHERE m.counts
UNION ALL
SELECT s.pipeline, s.schedule, s.cron, s.timezone, s.catchup, s.window_ms, s.most, s.jitter_ms, s.overlap, 0,
       s.decided_ms, NULL, s.missed, s.paused_ms, s.paused_by, s.pause_reason
FROM coming_commits AS m JOIN coming_pipelines AS c USING (source) JOIN settled_schedules AS s ON s.pipeline = c.name
WHERE m.counts AND c.change <> 'moved' AND NOT EXISTS (SELECT 1 FROM coming_schedules AS d WHERE d.source = c.source AND
                                                       d.pipeline = c.name AND d.schedule = s.schedule);
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
CREATE TABLE wildcard_permissions (
    user_id       INTEGER NOT NULL REFERENCES users(user_id),
    resource_type TEXT NOT NULL,    -- 'experiment', 'registered_model', 'prompt'
    permission    INTEGER NOT NULL,
    PRIMARY KEY (user_id, resource_type)
) STRICT, WITHOUT ROWID;
CREATE INDEX pipeline_runs_newest ON pipeline_runs(pipeline, created_ms, number, revision);
INSERT INTO experiments (id, name, created_ms, updated_ms)
VALUES (0, 'Default', CAST(strftime('%s', 'now') AS INTEGER) * 1000, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
INSERT INTO home (only, id) VALUES (1, lower(hex(randomblob(16))));
INSERT INTO metric_targets VALUES (0, '', '', '');
INSERT INTO attempt_ids (given) VALUES (0);
