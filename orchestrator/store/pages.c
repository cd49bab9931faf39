/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pages.h"

#include "store/reader_sql.h"

static void where_text(struct sql *sql, const char *condition, const char *value)
{
    if (value != NULL) {
        sql_add(sql, condition);
        sql_text(sql, str_from(value));
    }
}

static void where_int(struct sql *sql, const char *condition, int64_t value)
{
    if (value != 0) {
        sql_add(sql, condition);
        sql_int(sql, value);
    }
}

static void close_page(struct sql *sql, const char *order, size_t limit)
{
    sql_add(sql, order);
    sql_add(sql, " LIMIT ");
    sql_int(sql, (int64_t)limit);
}

/* Runs the statement, which gives one number a row. */
static int take_ids(struct sql *sql, struct arena *arena, int64_t **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = sql_stmt(sql);
    int64_t *ids = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        ids = arena_grow(arena, ids, count, &room, sizeof *ids);
        ids[count++] = stmt_column_int(s, 0);
    }
    stmt_done(s);
    sql_clear(sql);
    *ret = ids;
    *ret_count = count;
    return row;
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

/* A row that is removed in between is left out. */
static int read_runs(struct store *store, char *const *ids, size_t count, struct arena *arena,
                     struct pipeline_run **ret, size_t *ret_count, struct err *err)
{
    struct pipeline_run *runs = arena_array(arena, count, sizeof *runs);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct err wrong = {0};
        if (store_pipeline_run_get(store, ids[i], arena, &runs[found], &wrong) == 0) {
            found++;
        } else if (wrong.code != ERR_NOT_FOUND) {
            *err = wrong;
            return -1;
        }
    }
    *ret = runs;
    *ret_count = found;
    return 0;
}

int store_run_page(struct store *store, const struct run_page *page, struct arena *arena, struct pipeline_run **ret,
                   size_t *ret_count, struct err *err)
{
    struct sql sql;
    char **ids = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    sql_init(&sql, store, arena);
    sql_add(&sql, page->open ? "SELECT r.run_id FROM pipeline_runs r INDEXED BY pipeline_runs_open WHERE r.ended_ms "
                               "IS NULL"
                             : "SELECT r.run_id FROM pipeline_runs r WHERE 1");
    where_text(&sql, " AND r.pipeline = ", page->pipeline);
    where_text(&sql, " AND r.state = ", page->state);
    where_text(&sql, " AND r.actor = ", page->actor);
    where_text(&sql, " AND r.trigger = ", page->trigger);
    where_text(&sql, " AND r.parent_run = ", page->parent);
    sql_add(&sql, page->parent == NULL ? " AND r.parent_run IS NULL" : "");
    where_int(&sql, " AND r.number = ", page->number);
    where_int(&sql, " AND r.created_ms >= ", page->since_ms);
    where_int(&sql, " AND r.created_ms < ", page->until_ms);
    if (page->before_id != NULL) {
        sql_add(&sql, " AND (r.created_ms, r.run_id) < (");
        sql_int(&sql, page->before_ms);
        sql_add(&sql, ", ");
        sql_text(&sql, str_from(page->before_id));
        sql_add(&sql, ")");
    }
    sql_reader_experiments(&sql, page->reader, "r.experiment_id");
    close_page(&sql, " ORDER BY r.created_ms DESC, r.run_id DESC", page->limit);
    struct stmt *s = sql_stmt(&sql);
    while ((row = stmt_step(s, err)) == 1) {
        ids = arena_grow(arena, ids, count, &room, sizeof *ids);
        ids[count++] = stmt_column_text(s, 0, arena);
    }
    stmt_done(s);
    sql_clear(&sql);
    return row < 0 ? -1 : read_runs(store, ids, count, arena, ret, ret_count, err);
}

int store_open_run_count(struct store *store, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM pipeline_runs INDEXED BY pipeline_runs_open WHERE ended_ms "
                                     "IS NULL");
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

int store_pipeline_page(struct store *store, const struct pipeline_page *page, struct arena *arena,
                        struct pipeline_known **ret, size_t *ret_count, struct err *err)
{
    struct sql sql;
    struct pipeline_known *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    sql_init(&sql, store, arena);
    sql_add(&sql, "SELECT p.name, p.last_number, r.run_id FROM pipelines p JOIN pipeline_runs r ON r.run_id = (SELECT "
                  "run_id FROM pipeline_runs WHERE pipeline = p.name AND trigger <> 'replay' ORDER BY created_ms DESC, "
                  "run_id DESC LIMIT 1) "
                  "WHERE 1");
    where_text(&sql, " AND p.name = ", page->name);
    where_text(&sql, " AND p.name > ", page->after);
    sql_reader_experiments(&sql, page->reader, "r.experiment_id");
    close_page(&sql, " ORDER BY p.name", page->limit);
    struct stmt *s = sql_stmt(&sql);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct pipeline_known){
            .name = stmt_column_text(s, 0, arena),
            .last_number = stmt_column_int(s, 1),
            .newest.run_id = stmt_column_text(s, 2, arena),
        };
    }
    stmt_done(s);
    sql_clear(&sql);
    for (size_t i = 0; row == 0 && i < count; i++) {
        row = store_pipeline_run_get(store, items[i].newest.run_id, arena, &items[i].newest, err);
    }
    *ret = items;
    *ret_count = count;
    return row;
}

/* ---- approvals, gates ------------------------------------------------------------------------------------------- */

int store_approval_page(struct store *store, const struct wait_page *page, struct arena *arena, int64_t **ret,
                        size_t *ret_count, struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    sql_printf(&sql, "SELECT w.id FROM waits w %s JOIN pipeline_runs r ON r.run_id = w.run_id WHERE "
                     "w.kind = 'approval'%s",
               page->open ? "INDEXED BY waits_open" : "", page->open ? " AND w.status = 'open'" : "");
    where_text(&sql, " AND w.run_id = ", page->run_id);
    where_int(&sql, " AND w.id > ", page->after);
    sql_reader_experiments(&sql, page->reader, "r.experiment_id");
    close_page(&sql, " ORDER BY w.id", page->limit);
    return take_ids(&sql, arena, ret, ret_count, err);
}

/* What was judged has such a version that is not deleted. */
static void where_versions(struct sql *sql, const char *condition, const char *text)
{
    if (text != NULL) {
        sql_add(sql, " AND EXISTS (SELECT 1 FROM model_versions v WHERE v.model_id = g.model_id AND "
                     "v.stage <> 'Deleted_Internal' AND ");
        sql_add(sql, condition);
        sql_text(sql, str_from(text));
        sql_add(sql, ")");
    }
}

int store_gate_page(struct store *store, const struct gate_page *page, struct arena *arena, int64_t **ret,
                    size_t *ret_count, struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    sql_add(&sql, "SELECT g.id FROM gates g JOIN pipeline_runs r ON r.run_id = g.run_id WHERE 1");
    where_text(&sql, " AND g.run_id = ", page->run_id);
    where_text(&sql, " AND g.model_id = ", page->model_id);
    where_text(&sql, " AND r.pipeline = ", page->pipeline);
    where_int(&sql, " AND g.replay_of = ", page->replay_of);
    where_versions(&sql, "v.name = ", page->model);
    where_versions(&sql, "v.name || '/' || v.version = ", page->version);
    sql_add(&sql, page->passed == NULL ? "" : *page->passed ? " AND g.passed = 1" : " AND g.passed = 0");
    where_int(&sql, " AND g.id < ", page->before);
    sql_reader_experiments(&sql, page->reader, "r.experiment_id");
    close_page(&sql, " ORDER BY g.id DESC", page->limit);
    return take_ids(&sql, arena, ret, ret_count, err);
}

/* ---- of one run ------------------------------------------------------------------------------------------------- */

static void read_artifact_found(struct stmt *s, struct arena *arena, void *item)
{
    *(struct artifact_found *)item = (struct artifact_found){
        .attempt = stmt_column_int(s, 0),
        .position = stmt_column_int(s, 1),
        .item = stmt_column_int(s, 2),
        .number = stmt_column_int(s, 3),
        .path = stmt_column_text(s, 4, arena),
        .sha256 = stmt_column_text(s, 5, arena),
        .size_bytes = stmt_column_int(s, 6),
    };
}

int store_run_artifact_page(struct store *store, const char *run_id, int64_t after_attempt, const char *after_path,
                            size_t limit, struct arena *arena, struct artifact_found **ret, size_t *ret_count,
                            struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT a.id, a.position, a.item, a.number, f.path, f.sha256, f.size_bytes FROM "
                                     "attempts a JOIN artifacts f ON f.owner = a.step_run_id WHERE a.run_id = :run_id "
                                     "AND (a.id, f.path) > (:attempt, :path) ORDER BY a.id, f.path LIMIT :limit");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":attempt", after_attempt);
    stmt_text(s, ":path", after_path);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_artifact_found, sizeof **ret, arena, ret, ret_count, err);
}

int store_attempt_place(struct store *store, int64_t attempt, struct arena *arena, const char **ret_step,
                        int64_t *ret_item, int64_t *ret_number, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT s.step, a.item, a.number FROM attempts a JOIN steps s ON s.run_id = "
                                     "a.run_id AND s.position = a.position AND s.item = a.item WHERE a.id = :id");
    stmt_int(s, ":id", attempt);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_step = stmt_column_text(s, 0, arena);
        *ret_item = stmt_column_int(s, 1);
        *ret_number = stmt_column_int(s, 2);
    }
    stmt_done(s);
    return row;
}

int store_attempt_page(struct store *store, const char *run_id, int64_t after, size_t limit, struct arena *arena,
                       int64_t **ret, size_t *ret_count, struct err *err)
{
    struct sql sql;
    sql_init(&sql, store, arena);
    sql_add(&sql, "SELECT id FROM attempts WHERE run_id = ");
    sql_text(&sql, str_from(run_id));
    where_int(&sql, " AND id > ", after);
    close_page(&sql, " ORDER BY id", limit);
    return take_ids(&sql, arena, ret, ret_count, err);
}
