/* SPDX-License-Identifier: Apache-2.0 */
#include "store/traces.h"

#include "store/experiments.h"
#include "store/key_rules.h"
#include "store/stmt.h"

enum { VALUE_CHARACTERS_MAX = 8000 };

const char *const trace_status_names[] = {"TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS", ""};

enum trace_status trace_status_of(const char *name)
{
    int status = TRACE_IN_PROGRESS;
    while (status > TRACE_UNSPECIFIED && strcmp(name, trace_status_names[status]) != 0) {
        status--;
    }
    return (enum trace_status)status;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

#define PUT_WORD(table)                                                                                                \
    "INSERT INTO " table " (request_id, key, value) VALUES (:id, :key, :value) "                                       \
    "ON CONFLICT (request_id, key) DO UPDATE SET value = excluded.value"

static int put_word(struct store *store, const char *sql, const char *request_id, const struct pair *word,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":id", request_id);
    stmt_text(s, ":key", word->key);
    stmt_str(s, ":value", value_cut(word->value, VALUE_CHARACTERS_MAX));
    return stmt_run_one(s, "recording words of a trace", err);
}

static int put_tag(struct store *store, const char *request_id, const struct pair *tag, struct err *err)
{
    return strcmp(tag->key, TRACE_LOCATION_TAG) == 0 ? 0
                                                     : put_word(store, PUT_WORD("trace_tags"), request_id, tag, err);
}

static int check_lengths(const struct pair *words, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (value_check_length("key", words[i].key, KEY_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_words(const struct trace_words *words, struct err *err)
{
    return check_lengths(words->metadata, words->metadata_count, err) < 0
               ? -1
               : check_lengths(words->tags, words->tag_count, err);
}

static int put_words(struct store *store, const char *request_id, const struct trace_words *words, struct err *err)
{
    for (size_t i = 0; i < words->metadata_count; i++) {
        if (put_word(store, PUT_WORD("trace_metadata"), request_id, &words->metadata[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < words->tag_count; i++) {
        if (put_tag(store, request_id, &words->tags[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

int store_trace_start(struct store *store, const struct trace *trace, const struct trace_words *words, struct err *err)
{
    if (check_words(words, err) < 0 || store_experiment_require_active(store, trace->experiment_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO traces (request_id, experiment_id, start_ms, status, artifact_uri) "
                                     "VALUES (:id, :experiment_id, :start_ms, :status, :artifact_uri)");
    stmt_text(s, ":id", trace->request_id);
    stmt_int(s, ":experiment_id", trace->experiment_id);
    stmt_int(s, ":start_ms", trace->start_ms);
    stmt_text(s, ":status", trace_status_names[TRACE_IN_PROGRESS]);
    stmt_text(s, ":artifact_uri", trace->artifact_uri);
    return stmt_run_one(s, "starting a trace", err) < 0 ? -1 : put_words(store, trace->request_id, words, err);
}

#define COLUMNS "SELECT request_id, experiment_id, start_ms, duration_ms, status, artifact_uri FROM traces "

static struct trace read_row(struct stmt *s, struct arena *arena)
{
    return (struct trace){
        .request_id = stmt_column_text(s, 0, arena),
        .experiment_id = stmt_column_int(s, 1),
        .start_ms = stmt_column_int(s, 2),
        .duration_ms = stmt_column_int(s, 3),
        .status = trace_status_of(stmt_column_view(s, 4).p),
        .artifact_uri = stmt_column_text(s, 5, arena),
    };
}

int store_trace_get(struct store *store, const char *request_id, struct arena *arena, struct trace *ret,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, COLUMNS "WHERE request_id = :id");
    stmt_text(s, ":id", request_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_row(s, arena);
    }
    stmt_done(s);
    return row != 0 ? (row < 0 ? -1 : 0)
                    : err_set(err, ERR_NOT_FOUND, "Trace with ID '%s' not found.", request_id);
}

static int read_start(struct store *store, const char *request_id, int64_t *ret, struct err *err)
{
    struct trace trace;
    struct arena *arena = arena_new();
    int result = store_trace_get(store, request_id, arena, &trace, err);
    *ret = result < 0 ? 0 : trace.start_ms;
    arena_free(arena);
    return result;
}

int store_trace_end(struct store *store, const char *request_id, int64_t end_ms, enum trace_status status,
                    const struct trace_words *words, struct err *err)
{
    int64_t start_ms = 0;
    int64_t duration_ms = 0;
    if (check_words(words, err) < 0 || read_start(store, request_id, &start_ms, err) < 0) {
        return -1;
    }
    if (__builtin_sub_overflow(end_ms, start_ms, &duration_ms)) {
        return err_set(err, ERR_INPUT, "Invalid value %lld for parameter 'timestamp_ms' supplied: the trace began at "
                       "%lld", (long long)end_ms, (long long)start_ms);
    }
    struct stmt *s = stmt_get(store, "UPDATE traces SET duration_ms = :duration_ms, status = :status "
                                     "WHERE request_id = :id");
    stmt_text(s, ":id", request_id);
    stmt_int(s, ":duration_ms", duration_ms);
    stmt_text(s, ":status", trace_status_names[status]);
    return stmt_run_one(s, "ending a trace", err) < 0 ? -1 : put_words(store, request_id, words, err);
}

/* ---- reading its words ------------------------------------------------------------------------------------------ */

static int read_words(struct store *store, const char *sql, const char *request_id, struct arena *arena,
                      struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":id", request_id);
    return stmt_read_map(s, arena, ret, err);
}

int store_trace_tags(struct store *store, const char *request_id, struct arena *arena, struct json *ret,
                     struct err *err)
{
    return read_words(store, "SELECT key, value FROM trace_tags WHERE request_id = :id ORDER BY key", request_id, arena,
                      ret, err);
}

int store_trace_metadata(struct store *store, const char *request_id, struct arena *arena, struct json *ret,
                         struct err *err)
{
    return read_words(store, "SELECT key, value FROM trace_metadata WHERE request_id = :id ORDER BY key", request_id,
                      arena, ret, err);
}

int store_trace_source_run(struct store *store, const char *request_id, struct arena *arena, const char **ret,
                           struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT value FROM trace_metadata WHERE request_id = :id AND key = "
                                     "'" TRACE_SOURCE_RUN "'");
    stmt_text(s, ":id", request_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* ---- tags ------------------------------------------------------------------------------------------------------- */

int store_trace_tag(struct store *store, const char *request_id, const char *key, const char *value, struct err *err)
{
    int64_t start_ms = 0;
    struct pair tag = {key, value};
    if (strcmp(key, TRACE_LOCATION_TAG) == 0) {
        return err_set(err, ERR_INPUT, "the tag '%s' is the server's: it says where the trace's files are", key);
    }
    return key_check_whole("key", "key", key, err) < 0 || read_start(store, request_id, &start_ms, err) < 0
               ? -1
               : put_tag(store, request_id, &tag, err);
}

int store_trace_delete_tag(struct store *store, const char *request_id, const char *key, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM trace_tags WHERE request_id = :id AND key = :key");
    stmt_text(s, ":id", request_id);
    stmt_text(s, ":key", key);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_NOT_FOUND, "No trace tag with key '%s' for trace with request_id '%s'", key,
                       request_id);
    }
    return changed < 0 ? -1 : 0;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

struct traces {
    struct trace *items;
    size_t count;
    size_t room;
};

static int collect(struct stmt *s, struct arena *arena, struct traces *ret, struct err *err)
{
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        ret->items = arena_grow(arena, ret->items, ret->count, &ret->room, sizeof *ret->items);
        ret->items[ret->count++] = read_row(s, arena);
    }
    stmt_done(s);
    return row;
}

static int choose_oldest(struct store *store, const struct trace_choice *choice, struct arena *arena,
                         struct traces *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, COLUMNS "WHERE experiment_id = :experiment_id AND start_ms <= :latest_ms "
                                             "ORDER BY start_ms, request_id LIMIT :limit");
    stmt_int(s, ":experiment_id", choice->experiment_id);
    stmt_int(s, ":latest_ms", choice->latest_ms);
    stmt_int(s, ":limit", choice->limit);
    return collect(s, arena, ret, err);
}

static int remove_rows(struct store *store, const char *request_id, struct err *err)
{
    static const char *const rows[] = {
        "DELETE FROM trace_tags WHERE request_id = :id",
        "DELETE FROM trace_metadata WHERE request_id = :id",
        "DELETE FROM traces WHERE request_id = :id",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stmt *s = stmt_get(store, rows[i]);
        stmt_text(s, ":id", request_id);
        if (stmt_run(s, err) < 0) {
            return err_add(err, "removing trace '%s'", request_id);
        }
    }
    return 0;
}

/* An id that is given twice is found once: it is gone then. */
static int remove_given(struct store *store, const struct trace_choice *choice, struct arena *arena,
                        struct traces *ret, struct err *err)
{
    for (size_t i = 0; i < choice->id_count && (int64_t)ret->count < choice->limit; i++) {
        struct stmt *s = stmt_get(store, COLUMNS "WHERE request_id = :id AND experiment_id = :experiment_id");
        size_t before = ret->count;
        stmt_text(s, ":id", choice->ids[i]);
        stmt_int(s, ":experiment_id", choice->experiment_id);
        if (collect(s, arena, ret, err) < 0 ||
            (ret->count > before && remove_rows(store, choice->ids[i], err) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int remove_oldest(struct store *store, const struct trace_choice *choice, struct arena *arena,
                         struct traces *ret, struct err *err)
{
    if (choose_oldest(store, choice, arena, ret, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ret->count; i++) {
        if (remove_rows(store, ret->items[i].request_id, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_trace_remove(struct store *store, const struct trace_choice *choice, struct arena *arena,
                       struct trace **ret, size_t *ret_count, struct err *err)
{
    struct traces gone = {0};
    int result = choice->ids != NULL ? remove_given(store, choice, arena, &gone, err)
                                     : remove_oldest(store, choice, arena, &gone, err);
    *ret = gone.items;
    *ret_count = gone.count;
    return result;
}
