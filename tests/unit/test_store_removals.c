/* SPDX-License-Identifier: Apache-2.0
 * A run of a pipeline that is removed in pieces: its head first, then no more rows at once than were asked for.
 */
#include "store/removals.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store_fixture.h"

#include <stdio.h>

enum { ITEMS = 10, AT_ONCE = 7 };

static void run_sql(const struct fixture *f, const char *sql)
{
    struct err err = {0};
    (void)stmt_run(stmt_get_text(f->store, str_from(sql)), &err);
    assert_string_equal(err.message, "");
}

static int64_t count_of(const struct fixture *f, const char *table)
{
    struct stmt *s = stmt_get_text(f->store, str_from(arena_printf(f->arena, "SELECT count(*) FROM %s", table)));
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t count = stmt_column_int(s, 0);
    stmt_done(s);
    return count;
}

static const char *const parts[] = {"attempt_calls", "votes", "waits", "gates", "step_keys", "attempts", "steps"};
enum { PARTS = sizeof parts / sizeof parts[0] };

#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) "

/* Runs r and other, with ten of each of what belongs to them. */
static struct fixture open_filled(void)
{
    static const char *const rows[] = {
        "INSERT INTO pipeline_runs (run_id, pipeline, number, definition, file, folder, workspace, experiment_id, "
        "state, params, contexts, trigger, actor, seed, created_ms, ended_ms) VALUES ('%1$s', 'wine', %2$d, 'd', '', "
        "'', '', 0, 'failed', '{}', '{}', 'cli', 'ann', 1, 5, 6)",
        "INSERT INTO attempts (id, run_id, position, item, number, state, mark, step_run_id, runner, boot_id, "
        "started_ms, ended_ms) " NUMBERS "SELECT %2$d * 100 + i, '%1$s', i, 0, 1, 'failed', '', '', '', '', 5, 6 "
        "FROM n",
        "INSERT INTO attempt_calls (attempt, seq, reply) " NUMBERS
        "SELECT %2$d * 100 + i, 1, '%1$s' FROM n",
        "INSERT INTO waits (id, attempt, run_id, position, item, kind, spec, state, status, created_ms) " NUMBERS
        "SELECT %2$d * 100 + i, %2$d * 100 + i, '%1$s', i, 0, 'delay', '{}', 'null', 'met', 5 FROM n",
        "INSERT INTO votes (wait, actor, decision, at_ms) " NUMBERS
        "SELECT %2$d * 100 + i, '%1$s', 'approve', 5 FROM n",
        "INSERT INTO gates (run_id, step, step_run_id, passed, refused_by, record, evidence_sha256, at_ms) " NUMBERS
        "SELECT '%1$s', 'gate', '', 1, '', '{}', '', %2$d FROM n",
        "INSERT INTO step_keys (run_id, position, item, key, parts, files, decision) " NUMBERS
        "SELECT '%1$s', i, 0, 'k%2$d', '', '', '' FROM n",
        "INSERT INTO steps (run_id, position, item, step, item_key, state, flags, attempts) " NUMBERS
        "SELECT '%1$s', i, 0, 's', '', 'failed', 0, %2$d FROM n",
    };
    struct fixture f = open_empty();
    run_sql(&f, "INSERT INTO definitions (digest, name, source, created_ms) VALUES ('d', 'wine', '', 1)");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int run = 1; run <= 2; run++) {
            char sql[1024];
            (void)snprintf(sql, sizeof sql, rows[i], run == 1 ? "r" : "other", run);
            run_sql(&f, sql);
        }
    }
    return f;
}

static int64_t left(const struct fixture *f)
{
    int64_t count = 0;
    for (size_t i = 0; i < PARTS; i++) {
        count += count_of(f, parts[i]);
    }
    return count;
}

TEST(a_run_goes_head_first_and_then_no_more_at_once_than_was_asked_for)
{
    struct fixture f = open_filled();
    bool more = true;
    int pieces = 0;
    assert_int_equal(left(&f), 2 * PARTS * ITEMS);
    assert_int_equal(store_is_leaving(f.store, "r", NULL), 0);
    assert_int_equal(store_remove_pipeline_run_head(f.store, "r", 9, NULL), 0);
    assert_int_equal(count_of(&f, "pipeline_runs WHERE run_id = 'r'"), 0);
    assert_int_equal(count_of(&f, "leaving_runs WHERE number = 1 AND ended_ms = 6 AND begun_ms = 9"), 1);
    assert_int_equal(left(&f), 2 * PARTS * ITEMS);
    for (int64_t before = left(&f); more; pieces++) {
        assert_int_equal(store_is_leaving(f.store, "r", NULL), 1);
        assert_int_equal(store_remove_pipeline_run_rows(f.store, "r", AT_ONCE, &more, NULL), 0);
        int64_t now = left(&f);
        assert_true(before - now <= AT_ONCE && (now < before || !more));
        before = now;
    }
    assert_int_equal(pieces, PARTS * ITEMS / AT_ONCE + 1);
    assert_int_equal(store_is_leaving(f.store, "r", NULL), 0);
    assert_int_equal(left(&f), PARTS * ITEMS); /* the other's */
    assert_int_equal(count_of(&f, "steps WHERE run_id = 'other'"), ITEMS);
    assert_int_equal(count_of(&f, "pipeline_runs"), 1);
    close_fixture(&f);
}

TEST(a_run_that_has_not_ended_does_not_leave)
{
    struct fixture f = open_filled();
    run_sql(&f, "UPDATE pipeline_runs SET ended_ms = NULL, state = 'running' WHERE run_id = 'r'");
    assert_int_equal(store_begin(f.store, NULL), 0);
    assert_int_equal(store_remove_pipeline_run_head(f.store, "r", 9, NULL), -1);
    store_rollback(f.store);
    assert_int_equal(count_of(&f, "pipeline_runs"), 2);
    close_fixture(&f);
}

TESTS(RUN(a_run_goes_head_first_and_then_no_more_at_once_than_was_asked_for),
      RUN(a_run_that_has_not_ended_does_not_leave))
