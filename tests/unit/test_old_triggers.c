/* SPDX-License-Identifier: Apache-2.0
 * What goes of triggers in the long run, and that what came from outside counts once all the same.
 */
#include "store/old_triggers.h"
#include "store/pipeline_runs.h"
#include "store/stmt.h"
#include "store/triggers.h"
#include "store_fixture.h"

static int64_t add(struct fixture *f, const char *kind, const char *key, enum trigger_outcome outcome, int64_t at_ms,
                   const char *run_id)
{
    struct trigger_row row = {
        .pipeline = "wine",
        .kind = kind,
        .trigger_id = "t",
        .key = key,
        .occurrences = 1,
        .received_ms = at_ms,
        .event = "",
        .event_sha256 = "",
        .params = "{}",
        .chain = "[]",
        .actor = "sluice",
        .outcome = outcome,
        .run_id = run_id,
        .reason = "",
        .settled_ms = outcome == TRIGGER_PENDING ? 0 : at_ms,
    };
    return store_trigger_insert(f->store, &row, NULL) == 1 ? row.id : 0;
}

static void run_there(struct fixture *f, const char *run_id)
{
    assert_int_equal(store_definition_put(f->store, "d", "wine", STR(""), 1, NULL), 0);
    struct stmt *s = stmt_get(f->store, "INSERT INTO pipeline_runs (run_id, pipeline, number, revision, definition, "
                                        "file, folder, workspace, experiment_id, state, verdict, params, contexts, "
                                        "trigger, actor, seed, created_ms) VALUES (:run, 'wine', 1, 1, 'd', '', '', "
                                        "'', 0, 'succeeded', 'none', '{}', '{}', 'webhook', 'a', 1, 1)");
    stmt_text(s, ":run", run_id);
    assert_int_equal(stmt_run(s, NULL), 1);
}

static int64_t count(struct fixture *f, int64_t before_ms)
{
    struct old_triggers old;
    assert_int_equal(store_old_triggers_count(f->store, before_ms, &old, NULL), 0);
    return old.triggers;
}

TEST(settled_ones_without_a_run_go_and_others_stay)
{
    struct fixture f = open_empty();
    struct old_triggers gone;
    struct trigger_row row;
    int64_t old = add(&f, "webhook", "old", TRIGGER_STARTED, 5, "gone");
    int64_t filtered = add(&f, "webhook", "filtered", TRIGGER_FILTERED, 6, NULL);
    int64_t pending = add(&f, "webhook", "pending", TRIGGER_PENDING, 5, NULL);
    int64_t new = add(&f, "webhook", "new", TRIGGER_FILTERED, 100, NULL);
    int64_t held = add(&f, "webhook", "held", TRIGGER_STARTED, 5, "kept");
    run_there(&f, "kept");
    assert_int_equal(count(&f, 100), 2);
    assert_int_equal(store_old_triggers_remove(f.store, 100, 1, &gone, NULL), 0);
    assert_int_equal(gone.triggers, 1);
    assert_int_equal(store_old_triggers_remove(f.store, 100, 10, &gone, NULL), 0);
    assert_int_equal(gone.triggers, 1);
    assert_int_equal(count(&f, 100), 0);
    assert_int_equal(store_trigger_get(f.store, old, f.arena, &row, NULL), -1);
    assert_int_equal(store_trigger_get(f.store, filtered, f.arena, &row, NULL), -1);
    assert_int_equal(store_trigger_get(f.store, pending, f.arena, &row, NULL), 0);
    assert_int_equal(store_trigger_get(f.store, new, f.arena, &row, NULL), 0);
    assert_int_equal(store_trigger_get(f.store, held, f.arena, &row, NULL), 0);
    close_fixture(&f);
}

TEST(what_came_from_outside_counts_once_for_ever)
{
    struct fixture f = open_empty();
    struct old_triggers gone;
    struct trigger_row found;
    (void)add(&f, "webhook", "d1", TRIGGER_FILTERED, 5, NULL);
    (void)add(&f, "webhook", "d1", TRIGGER_DUPLICATE, 6, NULL);
    (void)add(&f, "schedule", "2026-01-01T00:00:00Z", TRIGGER_EXPIRED, 5, NULL);
    int64_t newest = add(&f, "schedule", "2026-01-01T00:01:00Z", TRIGGER_EXPIRED, 5, NULL);
    assert_int_equal(store_old_triggers_remove(f.store, 100, 10, &gone, NULL), 0);
    assert_int_equal(gone.triggers, 3);
    assert_int_equal(store_trigger_get(f.store, newest, f.arena, &found, NULL), 0); /* its number is not given again */
    assert_int_equal(add(&f, "webhook", "d1", TRIGGER_PENDING, 200, NULL), 0);
    assert_int_equal(store_trigger_find(f.store, "wine", "webhook", "t", "d1", f.arena, &found, NULL), 1);
    assert_int_equal(found.id, 0);
    assert_string_equal(trigger_same_words(&found, f.arena), "the same was there before, and its record has gone");
    assert_true(add(&f, "webhook", "d1", TRIGGER_DUPLICATE, 200, NULL) > 0);
    assert_true(add(&f, "webhook", "d2", TRIGGER_PENDING, 200, NULL) > 0);
    assert_int_equal(store_trigger_find(f.store, "wine", "push", "t", "d1", f.arena, &found, NULL), 0);
    /* A mark for each of those, and for no others. */
    struct stmt *s = stmt_get(f.store, "SELECT count(*) FROM trigger_marks");
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_int_equal(stmt_column_int(s, 0), 1);
    stmt_done(s);
    close_fixture(&f);
}

TESTS(RUN(settled_ones_without_a_run_go_and_others_stay),
      RUN(what_came_from_outside_counts_once_for_ever))
