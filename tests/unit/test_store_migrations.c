/* SPDX-License-Identifier: Apache-2.0
 * A store that another version of sluice has written: older ones are brought up to date, newer ones are left alone.
 */
#include "store/run_marks.h"
#include "store/schema.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store_file.h"

#include <sys/stat.h>

TEST(an_older_file_is_migrated_and_keeps_its_rows)
{
    struct place place = make_place();
    exec_raw(&place, store_schema[0]);
    exec_raw(&place, "INSERT INTO experiments (name, created_ms, updated_ms) VALUES ('old', 1, 1); PRAGMA user_version "
                     "= 1");
    store_close(open_store(&place, STORE_READ_WRITE));
    assert_int_equal(ask_raw(&place, "PRAGMA user_version"), store_schema_version());
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM experiments WHERE name = 'old'"), 1);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM runs"), 0);
    remove_place(&place);
}

/* Every version there ever was, with a row in what it had. */
/* What each version of the schema is filled with, and what is still there in the newest. */
static const char *const fillings[] = {
    "",
    "INSERT INTO experiment_tags VALUES (0, 'team', 'cellar')",
    ("INSERT INTO runs VALUES ('r1', 0, 'train', 'alice', 'FINISHED', 1, 2, NULL, '/a', NULL); "
     "INSERT INTO run_models VALUES ('r1', 'm-1', 1)"),
    ("INSERT INTO metric_series (id, run_id, key, count, latest_value, latest_ms) VALUES (5, 'r1', 'loss', 1, 0.5, "
     "9); INSERT INTO metric_points VALUES (5, 9, 0, 0.5, 0)"),
    "INSERT INTO logged_models VALUES ('m-1', 0, 'wine', '/m', 'r1', '', 2, '', 'd', 7, 1, 1, NULL)",
    ("INSERT INTO registered_models VALUES ('wine', '', 3, 1, 1); "
     "INSERT INTO model_versions VALUES ('wine', 1, 'm-1', 'models:/m-1', NULL, 'a', '', 'None', 'READY', 1, 1)"),
    ("INSERT INTO attempts (run_id, position, item, number, state, mark, step_run_id, runner, boot_id, started_ms) "
     "VALUES ('p1', 0, 0, 1, 'running', 'x', 's1', 'runner', 'boot', 1)"),
    "INSERT INTO activity VALUES (1, 1, 'a', 'b', 'c', 'd', '', '', '', '', 'chain')",
    ("INSERT INTO attempts (run_id, position, item, number, state, mark, step_run_id, runner, boot_id, started_ms, "
     "stopping) VALUES ('p1', 0, 0, 2, 'running', 'y', 's2', 'runner', 'boot', 2, 'cancel')"),
    "INSERT INTO published VALUES ('s1', '/a/b', 'b', 'train', 'digest', '')",
    "INSERT INTO secrets VALUES ('TOKEN', x'00', 'k', 'null', 'ada', 1)",
    "INSERT INTO supply VALUES ('warehouse', 3)",
    "INSERT INTO cache_entries VALUES ('k', 'p', 's', 'r1', 0, 0, 'null', 1)",
    /* What metrics_convert does behind the SQL of its migration. */
    ("DROP TABLE metric_points_before; DROP TABLE metric_series_before; INSERT INTO metric_runs VALUES (1, 'r1'); "
     "INSERT INTO metric_keys VALUES (1, 'loss'); INSERT INTO metric_targets VALUES (4, 'm-4', '', ''); "
     "INSERT INTO metric_summaries VALUES (1, 1, 0, 1, 0.5, 0, 0, 9, NULL, NULL, 1, NULL)"),
    "INSERT INTO removals VALUES ('/a/b', 'run wine/12', 1)",
    "UPDATE attempt_ids SET given = 70; UPDATE attempts SET early = 1 WHERE mark = 'y'",
    ("INSERT INTO waits (attempt, run_id, position, item, kind, spec, state, status, check_ms, created_ms) VALUES "
     "(1, 'p1', 0, 0, 'delay', '{}', 'null', 'open', 8, 1), "
     "(2, 'p1', 0, 0, 'approval', '{}', 'null', 'open', NULL, 1)"),
    "UPDATE attempts SET session = 77 WHERE mark = 'y'",
    "INSERT INTO registered_model_tags VALUES ('wine', 'mlflow.prompt.is_prompt', 'true')",
    ("INSERT INTO datasets VALUES (5, 0, 'wine', 'd1', NULL, 'local', 'x', NULL, NULL); "
     "INSERT INTO run_datasets VALUES ('r1', 5, 'training'); INSERT INTO run_dataset_tags VALUES ('r1', 5, 'k', 'v')"),
    ("INSERT INTO traces VALUES ('t1', 0, 5, NULL, 'IN_PROGRESS', '/t'); "
     "INSERT INTO trace_tags VALUES ('t1', 'k', 'v'); INSERT INTO trace_metadata VALUES ('t1', 'k', 'v')"),
    "INSERT INTO run_marks VALUES (7, 1)",
    ("INSERT INTO webhooks VALUES ('w', 'hook', '', 'https://h.example', 'ACTIVE', NULL, '', 1, 1); "
     "INSERT INTO webhook_events VALUES ('prompt.created', 'w', 0); INSERT INTO deliveries VALUES (1, 'd', 'w', "
     "'prompt.created', 'p', '{}', 0, 'waiting', 0, 5, 1, 1, 0, 0, 0, '')"),
    "INSERT INTO imports VALUES ('/old/mlflow.db', 'run', 'r', 'r', 'digest', 5)",
    ("INSERT INTO evaluation_datasets VALUES ('d-1', 'asked', NULL, NULL, 'd1', 5, 5, NULL, NULL); "
     "INSERT INTO evaluation_dataset_tags VALUES ('d-1', 'k', NULL); "
     "INSERT INTO evaluation_dataset_experiments VALUES (1, 'd-1', '0'); INSERT INTO evaluation_records VALUES "
     "(1, 'dr-1', 'd-1', 'h', '{}', NULL, NULL, '{}', NULL, NULL, NULL, 5, 5, NULL, NULL)"),
    "INSERT INTO run_writes VALUES ('r1', 9)",
    ("INSERT INTO users VALUES (3, 'alice', 'hash', 1, 5, 5); "
     "INSERT INTO tokens VALUES ('00000001', 3, 'ci', 'digest', 'write', 5, NULL, NULL, NULL)"),
    ("INSERT INTO schedules (pipeline, schedule, cron, timezone, catchup, window_ms, most, jitter_ms, overlap, "
     "in_force, decided_ms) VALUES ('p', 'nightly', '0 2 * * *', 'UTC', 'one', 0, 100, 0, 'allow', 1, 5); "
     "INSERT INTO triggers (pipeline, kind, trigger_id, key, received_ms, event, event_sha256, params, chain, actor, "
     "outcome, reason) VALUES ('p', 'schedule', 'nightly', 'k', 5, '', '', '{}', '[]', 'sluice', 'pending', '')"),
    "INSERT INTO idempotency_keys VALUES ('alice', 'k', 'digest', 201, '{}', 5)",
    ("INSERT INTO hook_deliveries VALUES (1, 'wine', 'github', 'd', 'push', '192.0.2.1', 5, 202, 'accepted', '', 1, "
     "NULL, '', '{}', 2, 'digest', x'00', 'key', 1, 1, 0)"),
    "INSERT INTO delegations VALUES (1, 'ann', '[]', 'bob', '*', '', 5, 6, NULL)",
    ("INSERT INTO deployments VALUES (1, '/srv', 'stage', 'wine', 1, 'm-1', '', 'm-1', 'd', 5, 'ann', 'r', '', 1, 3, "
     "10.5)"),
    ("INSERT INTO approval_links VALUES (1, 2, 'lena', NULL, 'e', 't', 'ann', 5, 6, NULL, NULL, NULL)"),
    ("UPDATE registered_models SET deployment_job = 'deploy' WHERE name = 'wine'; "
     "UPDATE model_versions SET maker = 'p1' WHERE version = 1; "
     "UPDATE triggers SET model = 'wine', version = 1"),
    ("INSERT INTO users (user_id, name, password_hash, role, created_ms, password_ms) "
     "VALUES (9, 'of roles', 'hash', 'approver', 5, 5)"),
    ("INSERT INTO sources VALUES ('wine', 'u', '', '', '', 60000, 'main', 'c', '{}', 'c', 5, '[]', '', 0, 0, 5, 5); "
     "INSERT INTO jobs VALUES (1, 'wine', 'poll', 'sluice', 'done', '', 'c', 5, 5, 6); "
     "INSERT INTO source_runs VALUES ('r1', 'wine', 'c', 0)"),
    "INSERT INTO trigger_marks VALUES (-7)",
    "INSERT INTO counters VALUES ('webhook_requests', 'github accepted', 0, 4)",
    ("INSERT INTO deliveries VALUES (9, 'd9', 'channel/team', 'a@b.c', 'run.failed', 'run 1', '{}', 0, 'waiting', 1, "
     "6, 1, 1, 1, 0, 0, ''); INSERT INTO channels VALUES ('team', 'email', 'digest', 0, ''); "
     "INSERT INTO told_events VALUES (1, 'e', 'run.ended', 2, 'run wine 1', 'r', '{}'); "
     "INSERT INTO telling VALUES (1, 2); INSERT INTO model_subscriptions VALUES (1, 'wine', 0, 'ann', 'team', '', 3)"),
    "INSERT INTO target_holds VALUES ('http://a/b', 'r1', 0, 0, 8)",
    "INSERT INTO free_heirs VALUES ('r1', 'boot', '[]')",
    ("INSERT INTO triggers (pipeline, kind, trigger_id, key, received_ms, event, event_sha256, params, chain, actor, "
     "outcome, reason) VALUES ('q', 'schedule', 's', 'k', 5, '', '', '{}', '[]', 'sluice', 'pending', '')"),
    "INSERT INTO leaving_runs VALUES ('l', NULL, 'wine', 12, 1, 5, 6, 7)",
    ("INSERT INTO gates (run_id, step, step_run_id, passed, refused_by, record, evidence_sha256, at_ms, replay_of, "
     "version, other_data) VALUES ('r1', 'judge', 's1', 1, '', '{}', 'e', 9, 7, 'wine/1', 1)"),
    "INSERT INTO mail_addresses VALUES (1, 'ann', 'ann@example.org', 3, 9, 4, '192.0.2.1')",
    "UPDATE runs SET deleted_ms = 5 WHERE run_id = 'r1'",
    ("INSERT INTO gates (run_id, step, step_run_id, model_id, passed, refused_by, record, evidence_sha256, at_ms, "
     "files_sha256) VALUES ('r1', 'judge', 's1', 'm-1', 1, '', '{}', 'e', 5, 'f')"),
    ("INSERT INTO coming_commits VALUES ('wine', 1, 8, 'source wine', '{}'); INSERT INTO coming_pipelines VALUES "
     "('wine', 'c', 'other', '', 'c.yaml', 'c.yaml', '/c', '/c', 'digest', '{}', 's', 0); INSERT INTO "
     "coming_schedules VALUES ('wine', 'c', 's', '* * * * *', 'UTC', 'one', 0, 1, 0, 'allow', 9); INSERT INTO "
     "coming_subscriptions VALUES ('wine', 'c', 'push', 'push', '', '{}')"),
    ("INSERT INTO mlflow_roles VALUES (1, 'default', 'tasters', NULL); "
     "INSERT INTO mlflow_role_permissions VALUES (1, 1, 'registered_model', '*', -1); "
     "INSERT INTO mlflow_role_users VALUES (1, 3, 1); INSERT INTO wildcard_permissions VALUES (3, 'experiment', 3)"),
    ("INSERT INTO definitions VALUES ('in order', 'wine', 'name: wine', 1); INSERT INTO pipeline_runs (run_id, "
     "pipeline, number, definition, file, folder, workspace, experiment_id, state, params, contexts, trigger, actor, "
     "seed, created_ms) VALUES ('in order', 'wine', 12, 'in order', 'f', '/', '/', 1, 'queued', '{}', '{}', 'cli', "
     "'ann', 7, 77)"),
};

static const char *const questions[] = {
    "SELECT 1",
    "SELECT COUNT(*) FROM experiment_tags WHERE value = 'cellar'",
    "SELECT COUNT(*) FROM runs JOIN run_models USING (run_id) WHERE name = 'train' AND is_output = 1 AND step = 0",
    "SELECT COUNT(*) FROM metric_series WHERE count = 1 AND latest_value = 0.5 AND latest_ms = 9",
    "SELECT COUNT(*) FROM logged_models WHERE size_bytes = 7 AND maker = 'r1'",
    ("SELECT COUNT(*) FROM registered_models JOIN model_versions USING (name) WHERE last_version = 3 AND "
     "storage_location = '/m' AND run_link = ''"),
    "SELECT COUNT(*) FROM attempts WHERE mark = 'x'",
    "SELECT COUNT(*) FROM activity WHERE chain = 'chain'",
    "SELECT COUNT(*) FROM leases JOIN attempts ON id = attempt WHERE stopping = 'cancel' AND resource = 'slot'",
    "SELECT COUNT(*) FROM published WHERE sha256 = 'digest'",
    "SELECT COUNT(*) FROM secrets WHERE name = 'TOKEN'",
    "SELECT COUNT(*) FROM supply WHERE amount = 3",
    "SELECT COUNT(*) FROM cache_entries WHERE key = 'k'",
    "SELECT COUNT(*) FROM metric_targets WHERE model_id = 'm-4'",
    "SELECT COUNT(*) FROM removals WHERE path = '/a/b'",
    "SELECT COUNT(*) FROM attempt_ids, attempts WHERE given = 70 AND early",
    ("SELECT COUNT(*) FROM waits INDEXED BY waits_timed WHERE status = 'open' AND (check_ms IS NOT NULL OR "
     "expires_ms IS NOT NULL)"),
    "SELECT COUNT(*) FROM attempts WHERE session = 77",
    ("SELECT COUNT(*) FROM registered_model_tags INDEXED BY registered_prompts WHERE key = 'mlflow.prompt.is_prompt' "
     "AND value = 'true' AND name = 'wine'"),
    "SELECT COUNT(*) FROM run_dataset_tags WHERE key = 'k'",
    ("SELECT COUNT(*) FROM traces JOIN trace_tags USING (request_id) JOIN trace_metadata USING (request_id, key) WHERE "
     "start_ms = 5 AND duration_ms IS NULL"),
    "SELECT COUNT(*) FROM run_marks WHERE mark = 7",
    ("SELECT COUNT(*) FROM webhooks JOIN webhook_events USING (webhook_id) JOIN deliveries ON receiver = webhook_id "
     "WHERE next_ms = 5"),
    "SELECT COUNT(*) FROM imports WHERE source = '/old/mlflow.db' AND here = 'r'",
    ("SELECT COUNT(*) FROM evaluation_datasets JOIN evaluation_dataset_tags USING (dataset_id) JOIN "
     "evaluation_dataset_experiments USING (dataset_id) JOIN evaluation_records USING (dataset_id)"),
    "SELECT COUNT(*) FROM run_writes WHERE at_ms = 9",
    "SELECT COUNT(*) FROM tokens JOIN users USING (user_id) WHERE sha256 = 'digest' AND users.role = 'admin' AND "
    "tokens.role <> 'write'",
    ("SELECT COUNT(*) FROM schedules JOIN triggers USING (pipeline) WHERE trigger_id = schedule AND missed = 0 AND "
     "occurrences = 1"),
    "SELECT COUNT(*) FROM idempotency_keys, activity WHERE key = 'k' AND address = ''",
    "SELECT COUNT(*) FROM hook_deliveries WHERE is_genuine = 1 AND place = 1 AND length(body) = 1",
    "SELECT COUNT(*) FROM delegations WHERE taker = 'bob' AND until_ms = 6",
    "SELECT COUNT(*) FROM deployments WHERE stage = 1 AND stages = 3 AND weight = 10.5",
    "SELECT COUNT(*) FROM approval_links JOIN waits ON waits.id = wait WHERE person = 'lena' AND kind = 'approval'",
    ("SELECT COUNT(*) FROM registered_models JOIN model_versions USING (name) JOIN triggers AS t ON t.model = name "
     "WHERE deployment_job = 'deploy' AND maker = 'p1' AND t.version = 1"),
    "SELECT COUNT(*) FROM users WHERE name = 'of roles' AND role = 'approver'",
    "SELECT COUNT(*) FROM sources JOIN jobs ON source = name JOIN source_runs USING (source) WHERE in_force = 'c'",
    "SELECT COUNT(*) FROM trigger_marks WHERE mark = -7",
    "SELECT COUNT(*) FROM counters WHERE label = 'github accepted' AND value = 4",
    ("SELECT COUNT(*) FROM deliveries AS d JOIN channels AS c ON d.receiver = 'channel/' || c.name JOIN "
     "model_subscriptions AS s ON s.channel = c.name, told_events, telling WHERE d.next_ms = 6"),
    "SELECT COUNT(*) FROM target_holds WHERE run_id = 'r1' AND since_ms = 8",
    "SELECT COUNT(*) FROM free_heirs WHERE run_id = 'r1' AND orders = '[]'",
    ("SELECT COUNT(*) FROM triggers INDEXED BY triggers_held WHERE outcome = 'pending' AND due_ms IS NULL AND "
     "pipeline = 'q' AND trigger_id = 's'"),
    "SELECT COUNT(*) FROM leaving_runs WHERE run_id = 'l' AND begun_ms = 7",
    "SELECT COUNT(*) FROM gates WHERE replay_of = 7 AND version = 'wine/1' AND other_data = 1",
    "SELECT COUNT(*) FROM mail_addresses WHERE actor = 'ann' AND confirmed_ms = 4",
    "SELECT COUNT(*) FROM runs INDEXED BY runs_deleted WHERE deleted_ms IS NOT NULL AND run_id = 'r1'",
    ("SELECT COUNT(*) FROM gates LEFT JOIN alias_moves USING (model_id, files_sha256) WHERE files_sha256 = 'f' "
     "AND name IS NULL"),
    ("SELECT COUNT(*) FROM pipelines_in_force JOIN schedules AS c ON c.pipeline = name JOIN subscriptions USING "
     "(pipeline) WHERE since_ms = 8 AND decided_ms = 8 AND next_ms = 9 AND c.in_force"),
    ("SELECT COUNT(*) FROM mlflow_roles AS r JOIN mlflow_role_users AS u ON u.role_id = r.id JOIN "
     "mlflow_role_permissions AS p ON p.role_id = r.id JOIN wildcard_permissions USING (user_id) "
     "WHERE user_id = 3 AND p.permission = -1"),
    ("SELECT COUNT(*) FROM pipeline_runs INDEXED BY pipeline_runs_newest WHERE pipeline = 'wine' AND "
     "(created_ms, number, revision) = (77, 12, 1)"),
};

TEST(a_file_of_each_older_version_goes_up_with_its_rows)
{
    assert_int_equal(store_schema_count + 1, sizeof fillings / sizeof fillings[0]);
    for (int version = 0; version <= store_schema_count; version++) {
        struct place place = make_place();
        char pragma[64];
        for (int i = 0; i < version; i++) {
            exec_raw(&place, store_schema[i]);
            exec_raw(&place, fillings[i + 1]);
        }
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version);
        exec_raw(&place, pragma);
        struct store *store = open_store(&place, STORE_READ_WRITE);
        assert_int_equal(store_check(store, NULL), 0);
        store_close(store);
        assert_int_equal(ask_raw(&place, "PRAGMA user_version"), store_schema_version());
        for (int i = 0; i <= version; i++) {
            assert_int_equal(ask_raw(&place, questions[i]), 1);
        }
        remove_place(&place);
    }
}

static int add_row(void *ctx, int count, char **values, char **names)
{
    struct strbuf *out = ctx;
    (void)names;
    for (int i = 0; i < count; i++) {
        strbuf_add_text(out, values[i] == NULL ? "NULL" : values[i]);
        strbuf_add_byte(out, i + 1 == count ? '\n' : '|');
    }
    return 0;
}

/* What is defined in a file, and the rows that all have from the beginning; but for times and a number of chance. */
static char *contents_of(const struct place *place)
{
    static const char query[] =
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name; "
        "SELECT id, name, created_ms > 0, updated_ms = created_ms, deleted_ms FROM experiments; SELECT * FROM "
        "sqlite_sequence; SELECT length(id), only FROM home; SELECT * FROM metric_targets; SELECT * FROM attempt_ids; "
        "SELECT * FROM leases; PRAGMA user_version; PRAGMA foreign_key_check";
    sqlite3 *db = NULL;
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, query, add_row, &out, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return strbuf_take(&out);
}

TEST(what_others_keep_in_a_database_is_left_alone)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    exec_raw(&place, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (7)");
    assert_int_equal(store_open(place.path, STORE_READ_WRITE, &store, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(err.message, "it is no store of sluice, but a database with a table 'theirs'"));
    assert_int_equal(ask_raw(&place, "SELECT x FROM theirs"), 7);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM sqlite_schema"), 1);
    remove_place(&place);
}

/* A file that only the migrations have made, from the first on: version 1 is not new any more. */
TEST(a_new_file_is_as_the_migrations_make_it)
{
    struct place migrated = make_place();
    struct place made = make_place();
    exec_raw(&migrated, store_schema[0]);
    exec_raw(&migrated, "PRAGMA user_version = 1");
    store_close(open_store(&migrated, STORE_READ_WRITE));
    store_close(open_store(&made, STORE_READ_WRITE));
    char *expected = contents_of(&migrated);
    char *found = contents_of(&made);
    assert_true(strlen(expected) > 20000);
    assert_string_equal(found, expected); /* else: make new-store */
    free(expected);
    free(found);
    remove_place(&migrated);
    remove_place(&made);
}

TEST(aliases_of_an_older_file_begin_their_history)
{
    enum { BEFORE = 29 };
    struct place place = make_place();
    for (int i = 0; i < BEFORE; i++) {
        exec_raw(&place, store_schema[i]);
    }
    char pragma[64];
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", BEFORE);
    exec_raw(&place, "INSERT INTO registered_models VALUES ('wine', '', 1, 1, 1);"
                     "INSERT INTO model_versions (name, version, model_id, source, user, description, stage, status, "
                     "created_ms, updated_ms, status_message, run_link, storage_location) VALUES "
                     "('wine', 1, 'm-1', 'models:/m-1', '', '', 'None', 'READY', 1, 1, '', '', '');"
                     "INSERT INTO model_aliases VALUES ('wine', 'champion', 1, 7)");
    exec_raw(&place, pragma);
    store_close(open_store(&place, STORE_READ_WRITE));
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM alias_moves WHERE name = 'wine' AND alias = 'champion' AND "
                                     "from_version IS NULL AND to_version = 1 AND model_id = 'm-1' AND at_ms = 7 AND "
                                     "standing = 'open'"),
                     1);
    remove_place(&place);
}

TEST(users_and_tokens_of_an_older_file_may_do_what_they_could)
{
    static const struct {
        const char *question;
        int64_t expected;
    } rows[] = {
        {"SELECT COUNT(*) FROM users WHERE name = 'ann' AND role = 'admin'", 1},
        {"SELECT COUNT(*) FROM users WHERE name = 'bob' AND role = 'editor'", 1},
        {"SELECT COUNT(*) FROM tokens WHERE token_id = 'r' AND role = 'viewer'", 1},
        {"SELECT COUNT(*) FROM tokens WHERE token_id = 'w' AND role = 'editor'", 1},
        {"SELECT COUNT(*) FROM tokens WHERE token_id = 'a' AND role = 'admin'", 1},
        {"SELECT COUNT(*) FROM activity WHERE means = '' AND actor = 'bob (login)'", 1},
    };
    struct place place = make_place();
    for (int i = 0; i < 30; i++) {
        exec_raw(&place, store_schema[i]);
    }
    exec_raw(&place, "INSERT INTO users VALUES (1, 'ann', 'h', 1, 5, 5), (2, 'bob', 'h', 0, 5, 5);"
                     "INSERT INTO tokens VALUES ('r', 1, '', 'd1', 'read', 5, NULL, NULL, NULL), "
                     "('w', 1, '', 'd2', 'write', 5, NULL, NULL, NULL), "
                     "('a', 2, '', 'd3', 'admin', 5, NULL, NULL, NULL);"
                     "INSERT INTO activity VALUES (1, 5, 'bob (login)', 'approval.approved', 'o', 'i', '', '', '', '', "
                     "'chain', '192.0.2.7'); PRAGMA user_version = 30");
    store_close(open_store(&place, STORE_READ_WRITE));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(ask_raw(&place, rows[i].question), rows[i].expected);
    }
    remove_place(&place);
}

TEST(what_runs_of_an_older_file_have_is_marked)
{
    struct place place = make_place();
    for (int i = 0; i < 20; i++) {
        exec_raw(&place, store_schema[i]);
    }
    exec_raw(&place, "INSERT INTO experiments (id, name, created_ms, updated_ms) VALUES (1, 'old', 1, 1);"
                     "INSERT INTO runs VALUES ('r1', 1, 'n', 'u', 'FINISHED', 1, 2, NULL, '/a', NULL);"
                     "INSERT INTO runs VALUES ('r2', 1, 'n', 'u', 'FINISHED', 1, 2, NULL, '/a', NULL);"
                     "INSERT INTO runs VALUES ('r3', 1, 'n', 'u', 'FINISHED', 1, 2, NULL, '/a', NULL);"
                     "INSERT INTO metric_runs VALUES (5, 'r1');"
                     "INSERT INTO run_params VALUES ('r1', 'opt', 'adam'), ('r2', 'opt', 'adam'), ('r2', 'lr', '1');"
                     "INSERT INTO run_tags VALUES ('r2', 'opt', 'adam'), ('r3', 'mlflow.user', 'u');"
                     "PRAGMA user_version = 20");
    struct store *store = open_store(&place, STORE_READ_WRITE);
    int64_t mark = 0;
    assert_true(run_mark_of(MARK_PARAM, STR("opt"), STR("adam"), &mark));
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM run_marks JOIN metric_runs ON id = run WHERE mark = :mark");
    stmt_int(s, ":mark", mark);
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_int_equal(stmt_column_int(s, 0), 2);
    stmt_done(s);
    store_close(store);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM run_marks"), 4);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM metric_runs"), 2);
    remove_place(&place);
}

TEST(a_newer_file_is_refused_in_words_and_left_alone)
{
    struct place place = make_place();
    char sql[64];
    char expected[64];
    int newer = store_schema_version() + 1;
    (void)snprintf(sql, sizeof sql, "CREATE TABLE future (x); PRAGMA user_version = %d", newer);
    (void)snprintf(expected, sizeof expected, "newer sluice (schema %d; this one knows up to %d)", newer, newer - 1);
    exec_raw(&place, sql);
    for (int mode = STORE_READ_WRITE; mode <= STORE_READ_ONLY; mode++) {
        struct store *store = NULL;
        struct err err = {0};
        assert_int_equal(store_open(place.path, (enum store_mode)mode, &store, &err), -1);
        assert_null(store);
        assert_int_equal(err.code, ERR_NEWER);
        assert_non_null(strstr(err.message, expected));
        assert_non_null(strstr(err.message, place.path));
    }
    assert_int_equal(ask_raw(&place, "PRAGMA user_version"), newer);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM sqlite_schema"), 1);
    remove_place(&place);
}

/* An old version follows a run in its terminal, and a newer one takes the home. */
TEST(a_reader_whose_store_becomes_newer_says_so)
{
    struct place place = make_place();
    char sql[128];
    struct err err = {0};
    store_close(open_store(&place, STORE_READ_WRITE));
    struct store *store = open_store(&place, STORE_READ_ONLY);
    assert_int_equal(count_tags(store), 0);
    assert_int_equal(store_check_version(store, &err), 0);
    (void)snprintf(sql, sizeof sql, "ALTER TABLE experiment_tags RENAME TO tags; PRAGMA user_version = %d",
                   store_schema_version() + 1);
    exec_raw(&place, sql);
    assert_int_equal(store_check_version(store, &err), -1);
    assert_int_equal(err.code, ERR_NEWER);
    err_clear(&err);
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM experiment_tags");
    assert_int_equal(stmt_step(s, &err), -1);
    stmt_done(s);
    assert_int_equal(err.code, ERR_NEWER);
    assert_non_null(strstr(err.message, "written by a newer sluice"));
    store_close(store);
    remove_place(&place);
}

/* What a newer sluice left in the write-ahead log stays there: its own version copies it into the database. */
TEST(a_newer_file_is_not_even_tidied)
{
    struct place place = make_place();
    char log[128];
    char sql[64];
    struct stat before;
    struct stat after;
    (void)snprintf(log, sizeof log, "%s-wal", place.path);
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", store_schema_version() + 1);
    store_close(open_store(&place, STORE_READ_WRITE));
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(stat(log, &before), 0);
    assert_true(before.st_size > 0);
    for (int mode = STORE_READ_WRITE; mode <= STORE_READ_ONLY; mode++) {
        struct store *store = NULL;
        assert_int_equal(store_open(place.path, (enum store_mode)mode, &store, NULL), -1);
        assert_int_equal(stat(log, &after), 0);
        assert_int_equal(after.st_size, before.st_size);
    }
    remove_place(&place);
}

TEST(a_migration_that_fails_leaves_no_trace)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    exec_raw(&place, store_schema[0]);
    exec_raw(&place, "CREATE TABLE run_tags (x); PRAGMA user_version = 1");
    int64_t before = ask_raw(&place, "SELECT COUNT(*) FROM sqlite_schema");
    assert_int_equal(store_open(place.path, STORE_READ_WRITE, &store, &err), -1);
    assert_non_null(strstr(err.message, "migration 2"));
    assert_int_equal(ask_raw(&place, "PRAGMA user_version"), 1);
    assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM sqlite_schema"), before);
    remove_place(&place);
}

TEST(a_reader_does_not_migrate_and_says_what_does)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    exec_raw(&place, "CREATE TABLE t (x); PRAGMA user_version = 1");
    assert_int_equal(store_open(place.path, STORE_READ_ONLY, &store, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_non_null(strstr(err.message, "any command that writes upgrades it"));
    assert_int_equal(ask_raw(&place, "PRAGMA user_version"), 1);
    exec_raw(&place, "PRAGMA user_version = 0");
    err_clear(&err);
    assert_int_equal(store_open(place.path, STORE_READ_ONLY, &store, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    remove_place(&place);
}

TESTS(RUN(an_older_file_is_migrated_and_keeps_its_rows), RUN(a_file_of_each_older_version_goes_up_with_its_rows),
      RUN(what_others_keep_in_a_database_is_left_alone),
      RUN(a_new_file_is_as_the_migrations_make_it),
      RUN(aliases_of_an_older_file_begin_their_history),
      RUN(users_and_tokens_of_an_older_file_may_do_what_they_could), RUN(what_runs_of_an_older_file_have_is_marked),
      RUN(a_newer_file_is_refused_in_words_and_left_alone), RUN(a_reader_whose_store_becomes_newer_says_so),
      RUN(a_newer_file_is_not_even_tidied), RUN(a_migration_that_fails_leaves_no_trace),
      RUN(a_reader_does_not_migrate_and_says_what_does))
