/* SPDX-License-Identifier: Apache-2.0
 * Rows of what starts pipelines: one outcome for each trigger, keys that come once, schedules and what is in force.
 */
#include "store/in_force.h"
#include "store/schedules.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store/triggers.h"
#include "store_fixture.h"

static struct trigger_row hook(const char *key, enum trigger_outcome outcome, int64_t due_ms)
{
    return (struct trigger_row){
        .pipeline = "wine",
        .kind = "webhook",
        .trigger_id = "webhook",
        .key = key,
        .occurrences = 1,
        .received_ms = 5,
        .due_ms = due_ms,
        .event = "{}",
        .event_sha256 = "",
        .params = "{}",
        .chain = "[]",
        .actor = "sluice",
        .outcome = outcome,
        .reason = "",
        .settled_ms = outcome == TRIGGER_PENDING ? 0 : 6,
    };
}

TEST(a_key_comes_once_and_duplicates_are_noted)
{
    struct fixture f = open_empty();
    struct trigger_row row = hook("d1", TRIGGER_PENDING, 5);
    struct trigger_row found;
    uint64_t changes = store_triggers_changes(f.store);
    assert_int_equal(store_trigger_insert(f.store, &row, NULL), 1);
    assert_true(store_triggers_changes(f.store) != changes);
    int64_t id = row.id;
    row.id = 0;
    assert_int_equal(store_trigger_insert(f.store, &row, NULL), 0);
    assert_int_equal(row.id, 0);
    for (int i = 0; i < 2; i++) {
        struct trigger_row again = hook("d1", TRIGGER_DUPLICATE, 0);
        assert_int_equal(store_trigger_insert(f.store, &again, NULL), 1);
    }
    assert_int_equal(store_trigger_find(f.store, "wine", "webhook", "webhook", "d1", f.arena, &found, NULL), 1);
    assert_int_equal(found.id, id);
    assert_int_equal(found.outcome, TRIGGER_PENDING);
    assert_int_equal(store_trigger_find(f.store, "wine", "push", "webhook", "d1", f.arena, &found, NULL), 0);
    close_fixture(&f);
}

TEST(an_outcome_is_for_ever)
{
    struct fixture f = open_empty();
    struct trigger_row row = hook("d1", TRIGGER_PENDING, 5);
    struct err err = {0};
    assert_int_equal(store_trigger_insert(f.store, &row, NULL), 1);
    row.outcome = TRIGGER_FILTERED;
    row.reason = "no";
    row.settled_ms = 9;
    assert_int_equal(store_trigger_settle(f.store, &row, NULL), 0);
    row.outcome = TRIGGER_STARTED;
    row.run_id = "r";
    assert_int_equal(store_trigger_settle(f.store, &row, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_int_equal(store_trigger_hold(f.store, &row, NULL), -1);
    assert_int_equal(store_trigger_get(f.store, row.id, f.arena, &row, NULL), 0);
    assert_int_equal(row.outcome, TRIGGER_FILTERED);
    assert_string_equal(row.reason, "no");
    assert_string_equal(row.event, ""); /* it is not kept */
    assert_null(row.run_id);
    close_fixture(&f);
}

TEST(pending_ones_are_decided_in_the_order_in_which_they_are_due)
{
    struct fixture f = open_empty();
    static const struct {
        const char *key;
        int64_t due_ms;
    } rows[] = {{"late", 50}, {"soon", 10}, {"held", 0}, {"soon too", 10}, {"now", 20}};
    struct trigger_row *due = NULL;
    size_t count = 0;
    int64_t next_ms = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct trigger_row row = hook(rows[i].key, TRIGGER_PENDING, rows[i].due_ms);
        assert_int_equal(store_trigger_insert(f.store, &row, NULL), 1);
    }
    assert_int_equal(store_triggers_due(f.store, 20, 10, f.arena, &due, &count, &next_ms, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(due[0].key, "soon");
    assert_string_equal(due[1].key, "soon too");
    assert_string_equal(due[2].key, "now");
    assert_int_equal(next_ms, 50);
    assert_int_equal(store_triggers_due(f.store, 20, 2, f.arena, &due, &count, &next_ms, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(next_ms, 20); /* of one that is due already: at once */
    assert_int_equal(store_triggers_held(f.store, NULL, NULL, f.arena, &due, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(due[0].key, "held");
    assert_int_equal(store_triggers_held(f.store, "other", "webhook", f.arena, &due, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

static struct schedule_row schedule(const char *id)
{
    return (struct schedule_row){
        .pipeline = "wine",
        .schedule = id,
        .cron = "0 2 * * *",
        .timezone = "UTC",
        .catchup = "one",
        .window_ms = 7,
        .most = 3,
        .jitter_ms = 4,
        .overlap = "skip",
        .in_force = true,
        .decided_ms = 10,
        .next_ms = 20,
    };
}

TEST(a_pause_outlives_the_definition)
{
    struct fixture f = open_empty();
    struct schedule_row row = schedule("nightly");
    struct schedule_row *rows = NULL;
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(store_schedule_put(f.store, &row, NULL), 0);
    row.paused_ms = 15;
    row.paused_by = "ada";
    row.pause_reason = "why not";
    assert_int_equal(store_schedule_pause(f.store, &row, NULL), 0);
    assert_int_equal(store_schedule_decided(f.store, &row, 2, NULL), 0);
    assert_int_equal(store_schedules_out_of_force(f.store, "wine", NULL), 0);
    assert_int_equal(store_schedule_list(f.store, NULL, false, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 0);
    row = schedule("nightly");
    row.cron = "0 3 * * *";
    assert_int_equal(store_schedule_put(f.store, &row, NULL), 0);
    assert_int_equal(store_schedule_get(f.store, "wine", "nightly", f.arena, &row, NULL), 0);
    assert_int_equal(row.paused_ms, 15);
    assert_string_equal(row.paused_by, "ada");
    assert_string_equal(row.cron, "0 3 * * *");
    assert_int_equal(row.missed, 2);
    assert_int_equal(store_schedule_get(f.store, "wine", "nighty", f.arena, &row, &err), -1);
    assert_string_equal(err.message, "'wine' has no schedule 'nighty': did you mean 'nightly'?");
    err_clear(&err);
    assert_int_equal(store_schedule_get(f.store, "beer", "nightly", f.arena, &row, &err), -1);
    assert_string_equal(err.message, "no schedule of a pipeline 'beer' is known in this home");
    close_fixture(&f);
}

TEST(a_backfill_that_has_ended_stays_so)
{
    struct fixture f = open_empty();
    struct backfill_row row = {.pipeline = "wine", .schedule = "nightly", .from_ms = 1, .to_ms = 9,
                               .reprocess = "none", .most = 2, .actor = "ada", .created_ms = 3};
    struct backfill_row *rows = NULL;
    size_t count = 0;
    assert_int_equal(store_backfill_insert(f.store, &row, NULL), 0);
    assert_int_equal(store_backfill_open(f.store, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(rows[0].at_ms == INT64_MIN);
    row.state = "done";
    row.at_ms = 8;
    row.ended_ms = 4;
    assert_int_equal(store_backfill_update(f.store, &row, NULL), 0);
    assert_int_equal(store_backfill_update(f.store, &row, NULL), -1);
    assert_int_equal(store_backfill_get(f.store, row.id, f.arena, &row, NULL), 0);
    assert_int_equal(row.at_ms, 8);
    assert_int_equal(store_backfill_open(f.store, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(a_name_and_a_file_are_in_force_once)
{
    struct fixture f = open_empty();
    struct pipeline_in_force row = {.name = "wine", .source = "folder", .path = "a.yaml", .file = "/p/a.yaml",
                                    .folder = "/p", .workspace = "/p", .definition = "d1", .git = "{}",
                                    .stamp = "1", .since_ms = 5};
    struct subscription listens = {"wine", "pipeline", "pipeline", "ingest", "{}"};
    struct subscription *listeners = NULL;
    struct pipeline_in_force found;
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(store_in_force_put(f.store, &row, NULL), 0);
    row.definition = "d2";
    assert_int_equal(store_in_force_put(f.store, &row, NULL), 0);
    assert_int_equal(store_in_force_of_file(f.store, "folder", "a.yaml", f.arena, &found, NULL), 1);
    assert_string_equal(found.definition, "d2");
    row.name = "beer";
    assert_int_equal(store_in_force_put(f.store, &row, &err), -1); /* one file, two pipelines */
    close_fixture(&f);

    f = open_empty();
    row.name = "wine";
    assert_int_equal(store_in_force_put(f.store, &row, NULL), 0);
    assert_int_equal(store_subscription_put(f.store, &listens, NULL), 0);
    assert_int_equal(store_subscription_list(f.store, "pipeline", "ingest", f.arena, &listeners, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(store_subscription_list(f.store, "pipeline", "other", f.arena, &listeners, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_in_force_remove(f.store, "wine", NULL), 0);
    assert_int_equal(store_subscription_list(f.store, "pipeline", NULL, f.arena, &listeners, &count, NULL), 0);
    assert_int_equal(count, 0);
    err_clear(&err);
    assert_int_equal(store_in_force_get(f.store, "wine", f.arena, &found, &err), -1);
    assert_string_equal(err.message, "no pipeline 'wine' is in force in this home");
    close_fixture(&f);
}

/* Of all statements since it was asked last. */
static int64_t machine_steps(const struct store *store)
{
    int64_t steps = 0;
    for (size_t i = 0; i < STORE_STATEMENT_SLOTS; i++) {
        for (const struct stmt *s = store->statements[i]; s != NULL; s = s->next) {
            steps += s->handle == NULL ? 0 : sqlite3_stmt_status(s->handle, SQLITE_STMTSTATUS_VM_STEP, 1);
        }
    }
    return steps;
}

/* Pipelines p1, p2, ... with an open run each, of a schedule of which another time waits. */
static void fill_open(const struct fixture *f, int count)
{
    static const char *const rows[] = {
        "INSERT INTO definitions (digest, name, source, created_ms) VALUES ('d', 'p', '', 1) ON CONFLICT DO NOTHING",
        "INSERT INTO pipeline_runs (run_id, pipeline, number, definition, file, folder, workspace, experiment_id, "
        "state, params, contexts, trigger, actor, seed, created_ms) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
        "i + 1 FROM n WHERE i < :count) SELECT 'r' || i, 'p' || i, 7, 'd', '', '', '', 0, 'running', '{}', '{}', "
        "'schedule', 'sluice', 1, 9 FROM n",
        "INSERT INTO triggers (pipeline, kind, trigger_id, key, received_ms, event, event_sha256, params, chain, "
        "actor, outcome, run_id, reason) SELECT pipeline, 'schedule', 's', 'k1', 5, '', '', '{}', '[]', 'sluice', "
        "'started', run_id, '' FROM pipeline_runs WHERE :count > 0",
        "INSERT INTO triggers (pipeline, kind, trigger_id, key, received_ms, event, event_sha256, params, chain, "
        "actor, outcome, reason) SELECT pipeline, 'schedule', 's', 'k2', 5, '', '', '{}', '[]', 'sluice', 'pending', "
        "'' FROM pipeline_runs WHERE :count > 0",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stmt *s = stmt_get(f->store, rows[i]);
        if (i > 0) {
            stmt_int(s, ":count", count);
        }
        assert_true(stmt_run(s, NULL) > 0);
    }
}

/* How many steps SQLite needs to say what is open, and waits, of p2's schedule. */
static int64_t steps_to_look(const struct fixture *f)
{
    struct trigger_run *open = NULL;
    struct trigger_row *held = NULL;
    size_t open_count = 0;
    size_t held_count = 0;
    (void)machine_steps(f->store);
    assert_int_equal(store_trigger_open_runs(f->store, "p2", "s", 0, f->arena, &open, &open_count, NULL), 0);
    assert_int_equal(store_triggers_held(f->store, "p2", "s", f->arena, &held, &held_count, NULL), 0);
    assert_int_equal(open_count, 1);
    assert_string_equal(open[0].label, "p2/7");
    assert_int_equal(held_count, 1);
    assert_string_equal(held[0].key, "k2");
    return machine_steps(f->store);
}

TEST(open_and_waiting_ones_are_found_as_quickly_among_hundreds)
{
    struct fixture few = open_empty();
    struct fixture many = open_empty();
    fill_open(&few, 3);
    fill_open(&many, 500);
    int64_t steps = steps_to_look(&few);
    assert_true(steps > 10);
    assert_int_equal(steps_to_look(&many), steps);
    close_fixture(&few);
    close_fixture(&many);
}

TESTS(RUN(a_key_comes_once_and_duplicates_are_noted), RUN(an_outcome_is_for_ever),
      RUN(open_and_waiting_ones_are_found_as_quickly_among_hundreds),
      RUN(pending_ones_are_decided_in_the_order_in_which_they_are_due), RUN(a_pause_outlives_the_definition),
      RUN(a_backfill_that_has_ended_stays_so), RUN(a_name_and_a_file_are_in_force_once))
