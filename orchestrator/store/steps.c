/* SPDX-License-Identifier: Apache-2.0 */
#include "store/steps.h"

#include "store/stmt.h"

#include <math.h>

/* steps.flags. Of a step's row: expanded to wanted; of an item's: gate_passed, resumed, reused, and from
 * FLAG_OWES on what is owed, as a number. */
enum {
    FLAG_EXPANDED = 1,
    FLAG_AFTER_FAILURE = 2,
    FLAG_REFUSED = 4,
    FLAG_UNWANTED = 8,
    FLAG_GATE_PASSED = 16,
    FLAG_RESUMED = 32,
    FLAG_REUSED = 64,
    FLAG_OWES = 128,
};

enum { WHOLE_STEP = -1 };

static const char put_sql[] =
    "INSERT INTO steps (run_id, position, item, step, item_key, state, reason, flags, attempts, due_ms, started_ms, "
    "ended_ms, "
    "matrix, outputs, artifacts, metrics, model_id, model_uri, step_run_id, child_run_id, carried_from, refused_by) "
    "VALUES (:run_id, :position, :item, :step, :key, :state, :reason, :flags, :attempts, :due, :started, :ended, "
    ":matrix, "
    ":outputs, :artifacts, :metrics, :model_id, :model_uri, :step_run_id, :child, :carried, :refused_by) "
    "ON CONFLICT (run_id, position, item) DO UPDATE SET state = excluded.state, reason = excluded.reason, "
    "flags = excluded.flags, attempts = excluded.attempts, due_ms = excluded.due_ms, started_ms = excluded.started_ms, "
    "ended_ms = excluded.ended_ms, matrix = excluded.matrix, outputs = excluded.outputs, artifacts = "
    "excluded.artifacts, "
    "metrics = excluded.metrics, model_id = excluded.model_id, model_uri = excluded.model_uri, "
    "step_run_id = excluded.step_run_id, child_run_id = excluded.child_run_id, carried_from = excluded.carried_from, "
    "refused_by = excluded.refused_by";

static void bind_time(struct stmt *s, const char *name, int64_t ms)
{
    if (ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, ms);
    }
}

/* JSON text, NULL for null and for an empty map. */
static void bind_json(struct stmt *s, const char *name, const struct json *value)
{
    bool empty = value->type == JSON_NULL || (value->type == JSON_OBJECT && value->u.object.count == 0);
    if (empty) {
        stmt_null(s, name);
        return;
    }
    struct strbuf text;
    strbuf_init(&text, 64 << 20);
    json_write(&text, value);
    stmt_str_copied(s, name, strbuf_str(&text));
    strbuf_clear(&text);
}

static void bind_row(struct stmt *s, const struct run *run, size_t step, int64_t item, enum step_state state,
                     const char *reason, int64_t flags)
{
    stmt_text(s, ":run_id", run->run_id);
    stmt_int(s, ":position", (int64_t)step);
    stmt_int(s, ":item", item);
    stmt_str(s, ":step", run->pipeline->steps[step].id);
    stmt_text(s, ":state", step_state_name(state));
    stmt_text(s, ":reason", reason);
    stmt_int(s, ":flags", flags);
}

int store_item_put(struct store *store, const struct run *run, struct run_place place, struct err *err)
{
    const struct run_item *item = run_item_at(run, place);
    struct stmt *s = stmt_get(store, put_sql);
    int64_t flags = (item->gate_passed ? FLAG_GATE_PASSED : 0) | (item->resumed ? FLAG_RESUMED : 0) |
                    (item->reused ? FLAG_REUSED : 0) | (int64_t)item->owes * FLAG_OWES;
    bind_row(s, run, place.step, (int64_t)place.item, item->state, item->reason, flags);
    stmt_text(s, ":key", item->key);
    stmt_int(s, ":attempts", item->attempts);
    bind_time(s, ":due", item->due_ms);
    bind_time(s, ":started", item->started_ms);
    bind_time(s, ":ended", item->ended_ms);
    bind_json(s, ":matrix", &item->matrix);
    bind_json(s, ":outputs", &item->outputs);
    bind_json(s, ":artifacts", &item->artifacts);
    bind_json(s, ":metrics", &item->metrics);
    stmt_text(s, ":model_id", item->model_id);
    stmt_text(s, ":model_uri", item->model_uri);
    stmt_text(s, ":step_run_id", item->step_run_id);
    stmt_text(s, ":child", item->child_run_id);
    stmt_text(s, ":carried", item->carried_from);
    stmt_text(s, ":refused_by", item->refused_by);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_step_put(struct store *store, const struct run *run, size_t step, struct err *err)
{
    const struct run_step *state = &run->steps[step];
    struct stmt *s = stmt_get(store, put_sql);
    int64_t flags = (state->expanded ? FLAG_EXPANDED : 0) | (state->after_failure ? FLAG_AFTER_FAILURE : 0) |
                    (state->refused ? FLAG_REFUSED : 0) | (state->wanted ? 0 : FLAG_UNWANTED);
    bind_row(s, run, step, WHOLE_STEP, state->state, state->reason, flags);
    stmt_text(s, ":key", "");
    stmt_int(s, ":attempts", 0);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_steps_cancel(struct store *store, const char *run_id, const char *reason, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "UPDATE steps SET state = 'cancelled', reason = :reason, due_ms = NULL, "
               "ended_ms = CASE WHEN item >= 0 THEN :now END WHERE run_id = :run_id "
               "AND state IN ('pending', 'ready', 'active', 'delayed', 'waiting')");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":reason", reason);
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_steps_insert(struct store *store, const struct run *run, struct err *err)
{
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        if (store_step_put(store, run, i, err) < 0) {
            return -1;
        }
        for (size_t k = 0; k < run->steps[i].item_count; k++) {
            if (store_item_put(store, run, (struct run_place){i, k}, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* A JSON column, `otherwise` for NULL. Stored text is ours: unreadable text is corruption. */
static int read_json(struct stmt *s, int column, struct arena *arena, struct json otherwise, struct json *ret,
                     struct err *err)
{
    *ret = otherwise;
    if (stmt_column_is_null(s, column)) {
        return 0;
    }
    if (json_read(stmt_column_view(s, column), (struct json_limits){0}, arena, ret, err) < 0) {
        err_add(err, "a step's row");
        return -1;
    }
    return 0;
}

/* JSON has no NaN and no infinities: they are written as text, and are numbers again. */
static void make_numbers(struct arena *arena, struct json *metrics)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};
    for (size_t i = 0; i < metrics->u.object.count; i++) {
        const struct json_member *metric = &metrics->u.object.members[i];
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            if (metric->value.type == JSON_STRING && str_is(metric->value.u.string, words[w].text)) {
                json_set(arena, metrics, metric->key.p, json_number(words[w].value));
            }
        }
    }
}

#define ITEM_COLUMNS                                                                                                   \
    "position, item, item_key, state, reason, flags, attempts, due_ms, started_ms, ended_ms, matrix, outputs, "        \
    "artifacts, metrics, model_id, model_uri, step_run_id, child_run_id, carried_from, refused_by"

static int read_item(struct stmt *s, struct arena *arena, struct run_item *ret_item, struct err *err)
{
    int64_t flags = stmt_column_int(s, 5);
    struct run_item item = {
        .state = (enum step_state)step_state_parse(stmt_column_view(s, 3).p),
        .reason = stmt_column_text_or_null(s, 4, arena),
        .gate_passed = (flags & FLAG_GATE_PASSED) != 0,
        .resumed = (flags & FLAG_RESUMED) != 0,
        .reused = (flags & FLAG_REUSED) != 0,
        .owes = (int)(flags / FLAG_OWES),
        .attempts = (int)stmt_column_int(s, 6),
        .due_ms = stmt_column_int(s, 7),
        .started_ms = stmt_column_int(s, 8),
        .ended_ms = stmt_column_int(s, 9),
        .model_id = stmt_column_text_or_null(s, 14, arena),
        .model_uri = stmt_column_text_or_null(s, 15, arena),
        .step_run_id = stmt_column_text_or_null(s, 16, arena),
        .child_run_id = stmt_column_text_or_null(s, 17, arena),
        .carried_from = stmt_column_text_or_null(s, 18, arena),
        .refused_by = stmt_column_text_or_null(s, 19, arena),
    };
    struct str key = stmt_column_view(s, 2);
    memcpy(item.key, key.p, key.n < sizeof item.key ? key.n : sizeof item.key - 1);
    if (read_json(s, 10, arena, json_null(), &item.matrix, err) < 0 ||
        read_json(s, 11, arena, json_object(), &item.outputs, err) < 0 ||
        read_json(s, 12, arena, json_object(), &item.artifacts, err) < 0 ||
        read_json(s, 13, arena, json_object(), &item.metrics, err) < 0) {
        return -1;
    }
    make_numbers(arena, &item.metrics);
    *ret_item = item;
    return 0;
}

int store_item_get(struct store *store, const char *run_id, struct run_place place, struct arena *arena,
                   struct run_item *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ITEM_COLUMNS " FROM steps WHERE run_id = :run_id "
                                     "AND position = :position AND item = :item");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":position", (int64_t)place.step);
    stmt_int(s, ":item", (int64_t)place.item);
    int row = stmt_step(s, err);
    if (row == 1 && read_item(s, arena, ret, err) < 0) {
        row = -1;
    }
    stmt_done(s);
    return row;
}

int store_steps_load(struct store *store, struct run *run, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT " ITEM_COLUMNS " FROM steps WHERE run_id = :run_id ORDER BY position, item");
    stmt_text(s, ":run_id", run->run_id);
    int row = 0;
    size_t found = 0;
    while ((row = stmt_step(s, err)) == 1) {
        size_t position = (size_t)stmt_column_int(s, 0);
        int64_t item = stmt_column_int(s, 1);
        if (position >= run->pipeline->step_count) {
            row =
                err_set(err, ERR_CORRUPT, "a step's row has position %zu of %zu", position, run->pipeline->step_count);
            break;
        }
        if (item == WHOLE_STEP) {
            found++;
            int64_t flags = stmt_column_int(s, 5);
            run_load_step(run, position, (enum step_state)step_state_parse(stmt_column_view(s, 3).p),
                          stmt_column_is_null(s, 4) ? NULL : stmt_column_view(s, 4).p, (flags & FLAG_EXPANDED) != 0,
                          (flags & FLAG_AFTER_FAILURE) != 0, (flags & FLAG_REFUSED) != 0, (flags & FLAG_UNWANTED) == 0);
            continue;
        }
        struct run_item loaded;
        if (read_item(s, run->arena, &loaded, err) < 0) {
            row = -1;
            break;
        }
        run_load_item(run, (struct run_place){position, (size_t)item}, &loaded);
    }
    stmt_done(s);
    return row == 0 && found < run->pipeline->step_count
               ? err_set(err, ERR_STATE, "the store has rows of %zu of its %zu steps: somebody has removed the others",
                         found, run->pipeline->step_count)
               : row;
}

int store_step_artifacts(struct store *store, const char *run_id, const char *step, struct arena *arena,
                         struct json *ret, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT artifacts FROM steps WHERE run_id = :run_id AND step = :step AND item = 0");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":step", step);
    *ret = json_object();
    int row = stmt_step(s, err);
    if (row == 1 && read_json(s, 0, arena, json_object(), ret, err) < 0) {
        row = -1;
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}
