-- Repositories of git whose pipelines are in force, and what was done to follow them.

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

-- What sluice does for itself, in a program of its own: the last hundred of it. No runs of MLflow.
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

-- Runs that began with a commit of a source, as long as there are rows of them.
CREATE TABLE source_runs (
    run_id    TEXT NOT NULL PRIMARY KEY,        -- of a pipeline
    source    TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    pinned    INTEGER NOT NULL                  -- 0: the commit is not yet kept for it in the clone
) STRICT, WITHOUT ROWID;
CREATE INDEX source_runs_unpinned ON source_runs(source) WHERE pinned = 0;
