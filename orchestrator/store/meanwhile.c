/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meanwhile.h"

#include "store/stmt.h"

/* A model that becomes a version holds the runs of its gates and approvals, too: they are its evidence. */
#define EVIDENCE                                                                                                       \
    " INSERT INTO meanwhile SELECT run_id FROM gates WHERE model_id = new.model_id UNION ALL "                         \
    "SELECT run_id FROM waits WHERE kind = 'approval' AND instr(spec, new.model_id) > 0;"
#define VERSION "coalesce(new.model_id, '') || ' ' || coalesce(new.run_id, '') || ' ' || new.source"

/* One for each way in which a row may come to name another; what they note are the columns of holding_queries
 * (store/holdings.c), and the row itself where it is changed after its end. */
static const struct {
    const char *when; /* after what of which table */
    const char *condition;
    const char *text;
    const char *more;
} notes[] = {
    {"INSERT ON pipeline_runs", "1",
     "new.run_id || ' ' || coalesce(new.retry_of, '') || ' ' || coalesce(new.parent_run, '') || ' ' || new.contexts",
     ""},
    {"UPDATE ON pipeline_runs", "new.contexts IS NOT old.contexts OR old.ended_ms IS NOT NULL",
     "new.run_id || ' ' || new.contexts", ""},
    {"INSERT ON steps", "new.step_run_id IS NOT NULL OR new.model_id IS NOT NULL",
     "coalesce(new.step_run_id, '') || ' ' || coalesce(new.model_id, '')", ""},
    {"UPDATE ON steps", "new.step_run_id IS NOT old.step_run_id OR new.model_id IS NOT old.model_id",
     "coalesce(new.step_run_id, '') || ' ' || coalesce(new.model_id, '')", ""},
    {"INSERT ON run_models", "1", "new.run_id || ' ' || new.model_id", ""},
    {"INSERT ON model_versions", "1", VERSION, EVIDENCE},
    {"UPDATE ON model_versions", "1", VERSION, EVIDENCE},
    {"INSERT ON cache_entries", "1", "new.run_id", ""},
    {"UPDATE ON cache_entries", "1", "new.run_id", ""},
    {"INSERT ON runs", "new.parent_run_id IS NOT NULL", "new.parent_run_id", ""},
    {"UPDATE ON runs", "new.deleted_ms IS NOT old.deleted_ms OR new.parent_run_id IS NOT old.parent_run_id",
     "new.run_id || ' ' || coalesce(new.parent_run_id, '')", ""},
    {"INSERT ON logged_models", "new.source_run_id IS NOT NULL", "new.source_run_id", ""},
    {"UPDATE ON logged_models", "new.deleted_ms IS NOT old.deleted_ms OR new.status IS NOT old.status",
     "new.model_id || ' ' || coalesce(new.source_run_id, '')", ""},
};
enum { NOTE_COUNT = sizeof notes / sizeof notes[0] };

static int run(struct store *store, const char *sql, struct err *err)
{
    return stmt_run(stmt_get_text(store, str_from(sql)), err) < 0 ? err_add(err, "watching what is used") : 0;
}

int store_meanwhile_begin(struct store *store, struct err *err)
{
    struct arena *arena = arena_new();
    store_meanwhile_end(store);
    int result = run(store, "CREATE TEMP TABLE meanwhile (text TEXT NOT NULL)", err);
    for (size_t i = 0; i < NOTE_COUNT && result == 0; i++) {
        result = run(store,
                     arena_printf(arena, "CREATE TEMP TRIGGER meanwhile_%zu AFTER %s WHEN %s BEGIN "
                                  "INSERT INTO meanwhile VALUES (%s);%s END",
                                  i, notes[i].when, notes[i].condition, notes[i].text, notes[i].more),
                     err);
    }
    if (result < 0) {
        store_meanwhile_end(store);
    }
    arena_free(arena);
    return result;
}

int store_meanwhile_take(struct store *store, void (*take)(void *ctx, struct str text), void *ctx, struct err *err)
{
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "SELECT text FROM temp.meanwhile");
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        take(ctx, str_from(stmt_column_text(s, 0, arena)));
        arena_reset(arena);
    }
    stmt_done(s);
    arena_free(arena);
    return row < 0 ? -1 : run(store, "DELETE FROM temp.meanwhile", err);
}

/* Dropping what is not there is fine. */
void store_meanwhile_end(struct store *store)
{
    struct arena *arena = arena_new();
    struct err ignored = {0};
    for (size_t i = 0; i < NOTE_COUNT; i++) {
        (void)run(store, arena_printf(arena, "DROP TRIGGER IF EXISTS temp.meanwhile_%zu", i), &ignored);
    }
    (void)run(store, "DROP TABLE IF EXISTS temp.meanwhile", &ignored);
    arena_free(arena);
}
