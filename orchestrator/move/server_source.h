/* SPDX-License-Identifier: Apache-2.0
 * The inside of a source that is a server of MLflow, asked over REST: the list of each kind is read whole when its ids
 * are asked for, and kept as text.
 */
#ifndef SLUICE_MOVE_SERVER_SOURCE_H
#define SLUICE_MOVE_SERVER_SOURCE_H

#include "base/json.h"
#include "move/source.h"

struct server_record {
    const char *id;
    struct str text; /* what the server said of it */
};

struct server_records {
    struct server_record *items; /* by id */
    size_t count, room;
    bool read;
};

/* A point that was measured on a model, as the server says it of the model. */
struct server_point {
    const char *run_id;
    const char *key;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
    struct metric_rank rank;
};

struct server_source {
    struct move_source base;
    struct move_server_door door;
    struct arena *arena; /* of what is kept */
    struct server_records records[MOVED_KINDS];
    struct server_point *measured; /* by run, key, model, dataset */
    size_t measured_count, measured_room;
};

static inline struct server_source *server_of(struct move_source *source)
{
    return (struct server_source *)source;
}

/* ---- server_source.c ---- */
int server_get(struct server_source *source, const char *path, struct arena *arena, struct json *ret, struct err *err);
/* What was said of a record, in `arena`; ERR_NOT_FOUND. */
int server_find(struct server_source *source, enum moved_kind kind, const char *id, struct arena *arena,
                struct json *ret, struct err *err);
/* An int64, as a number or in quotes; 0. */
int64_t server_int(const struct json *object, const char *key);
/* "" or the text. */
const char *server_text(const struct json *object, const char *key);
const char *server_text_or_null(const struct json *object, const char *key);
/* A number, "NaN", "Infinity", ...: with "timestamp" and "step" beside it. */
struct metric_rank server_rank(const struct json *point);
/* A list of {key, value}. */
void server_pairs(const struct json *object, const char *key, struct arena *arena, struct moved_pairs *ret);
/* For a URL: letters, digits and "-_.~/" stay. */
const char *server_escape(const char *text, struct arena *arena);

/* ---- server_lists.c ---- */
enum { SERVER_EXPERIMENTS_AT_ONCE = 50 }; /* that one request names */
int server_list(struct server_source *source, enum moved_kind kind, struct err *err);
/* Keeps the records of all pages. `body` is the request without its page token; NULL: a GET, and `path` has a query. */
int server_read_pages(struct server_source *source, enum moved_kind kind, const char *path, const struct json *body,
                      const char *list, struct err *err);

/* ---- server_runs.c ---- */
int server_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret, struct err *err);
int server_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                  struct err *err);

/* ---- server_traces.c ---- */
int server_list_traces(struct server_source *source, struct err *err);
const char *server_trace_id(const struct json *said);
/* What of it is not imported. */
void server_note_trace(struct server_source *source, const struct json *said);
int server_trace(struct move_source *base, const char *id, struct arena *arena, struct moved_trace *ret,
                 struct err *err);
int server_spans(struct move_source *base, const char *id, struct arena *arena, const char **ret, struct err *err);

#endif
