/* SPDX-License-Identifier: Apache-2.0
 * What SQL of searches calls: LIKE in linear time, and what only the packed points of a series know.
 */
#include "search/like.h"
#include "store/artifact_uri.h"
#include "store/metrics_internal.h"
#include "store/run_marks.h"
#include "store/store_internal.h"

/* ---- search_like(pattern, text), search_ilike(pattern, text) -------------------------------------------- */

static struct str text_of(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);
    return (struct str){text, text == NULL ? 0 : (size_t)sqlite3_value_bytes(value)};
}

static void like(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    struct str pattern = text_of(values[0]);
    struct str text = text_of(values[1]);
    if (pattern.p == NULL || text.p == NULL) {
        return; /* NULL */
    }
    sqlite3_result_int(context, like_matches(pattern, text, sqlite3_user_data(context) != NULL));
}

/* ---- run_mark(kind, key, value) ----------------------------------------------------------------------------- */

/* NULL: it has none. */
static void run_mark(sqlite3_context *context, int count, sqlite3_value **values)
{
    int64_t mark = 0;
    (void)count;
    enum mark_kind kind = str_is(text_of(values[0]), "param") ? MARK_PARAM : MARK_TAG;
    if (run_mark_of(kind, text_of(values[1]), text_of(values[2]), &mark)) {
        sqlite3_result_int64(context, mark);
    }
}

/* ---- client_uri(stored) ----------------------------------------------------------------------------------- */

/* Where clients are told that the files of a run or model are. */
static void client_uri(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct store *store = sqlite3_user_data(context);
    struct str home = str_from(sqlite3_db_filename(store->db, "main"));
    const char *stored = (const char *)sqlite3_value_text(values[0]);
    (void)count;
    while (home.n > 0 && home.p[home.n - 1] != '/') {
        home.n--;
    }
    home.n -= home.n > 0;
    const char *below = stored == NULL ? NULL : artifact_below_home(home, stored);
    if (below == NULL) {
        sqlite3_result_text(context, stored, -1, SQLITE_TRANSIENT);
        return;
    }
    char *uri = sqlite3_mprintf("mlflow-artifacts:%s", below);
    sqlite3_result_text(context, uri, -1, sqlite3_free);
}

/* ---- points of a series --------------------------------------------------------------------------------- */

static struct metric_series_id series_of(sqlite3_value **values)
{
    return (struct metric_series_id){.run = sqlite3_value_int64(values[0]),
                                     .key = sqlite3_value_int64(values[1]),
                                     .target = sqlite3_value_int64(values[2])};
}

static void fail(sqlite3_context *context, const struct err *err)
{
    sqlite3_result_error(context, err->message, -1);
    sqlite3_result_error_code(context, err->code == ERR_CORRUPT ? SQLITE_CORRUPT : SQLITE_IOERR);
}

/* series_has(run, key, target, value): is one of its points that number? */
static void series_has(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct metric_series_id id = series_of(values);
    double wanted = sqlite3_value_double(values[3]);
    struct metric_cursor *cursor = metric_cursor_new(sqlite3_user_data(context), &id);
    const struct metric_rank *point = NULL;
    struct err err = {0};
    int found = 0;
    int result = 0;
    (void)count;
    while (!found && (result = metric_cursor_peek(cursor, &point, &err)) == 1) {
        found = !point->is_nan && point->value == wanted;
        metric_cursor_move(cursor);
    }
    metric_cursor_free(cursor);
    if (result < 0) {
        fail(context, &err);
    } else {
        sqlite3_result_int(context, found);
    }
}

/* series_newest(run, key, target, count, what): of its point of the latest time: 't' the time, 's' the step, 'v' the
 * value, NULL for NaN. */
static void series_newest(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct metric_series_id id = series_of(values);
    size_t skip = (size_t)sqlite3_value_int64(values[3]) - 1;
    char what = text_of(values[4]).p[0];
    struct metric_cursor *cursor = metric_cursor_new(sqlite3_user_data(context), &id);
    const struct metric_rank *point = NULL;
    struct err err = {0};
    int result = metric_cursor_skip(cursor, &skip, &err);
    (void)count;
    while (result >= 0 && (result = metric_cursor_peek(cursor, &point, &err)) == 1 && skip > 0) {
        metric_cursor_move(cursor);
        skip--;
    }
    if (result < 0) {
        fail(context, &err);
    } else if (result == 1 && what == 'v' && !point->is_nan) {
        sqlite3_result_double(context, point->value);
    } else if (result == 1 && what != 'v') {
        sqlite3_result_int64(context, what == 't' ? point->time_ms : point->step);
    }
    metric_cursor_free(cursor);
}

/* ---- the table ------------------------------------------------------------------------------------------ */

int search_functions_add(struct store *store, struct err *err)
{
    static char folds;
    const struct {
        const char *name;
        int arguments;
        void *data;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
        int flags;
    } functions[] = {
        {"search_like", 2, NULL, like, SQLITE_DETERMINISTIC},
        {"search_ilike", 2, &folds, like, SQLITE_DETERMINISTIC},
        {"run_mark", 3, NULL, run_mark, SQLITE_DETERMINISTIC},
        {"client_uri", 1, store, client_uri, 0},
        {"series_has", 4, store, series_has, 0},
        {"series_newest", 5, store, series_newest, 0},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int code = sqlite3_create_function_v2(store->db, functions[i].name, functions[i].arguments,
                                              SQLITE_UTF8 | functions[i].flags, functions[i].data, functions[i].call,
                                              NULL, NULL, NULL);
        if (code != SQLITE_OK) {
            return store_fail(store, code, "preparing the store", err);
        }
    }
    return 0;
}
