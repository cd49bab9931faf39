-- A commit of a thousand pipelines comes in force whole, and no turn is long: what it changes is written beforehand, a
-- few pipelines in each turn (coming_*). Then one row says that all of that counts (coming_commits.counts), and what
-- counts is moved to its place, again a few in each turn (settled_*). Whoever asks what is in force asks the views, which
-- say the same before, while and after it is moved.

ALTER TABLE pipelines_in_force RENAME TO settled_pipelines;
ALTER TABLE subscriptions RENAME TO settled_subscriptions;
ALTER TABLE schedules RENAME TO settled_schedules;
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

-- Of pipelines with another definition: their columns are those of settled_schedules and settled_subscriptions.
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

-- A schedule that is the same at the same times goes on where it was; one that is new, or is at other times, begins when
-- its commit is in force. Whether it is paused is kept, also of what no definition has any more.
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
