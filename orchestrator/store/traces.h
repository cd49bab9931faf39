/* SPDX-License-Identifier: Apache-2.0
 * Traces, as MLflow 2.14 to 3.2 have them: when a call of an application began, how long it took, how it ended, and
 * tags and metadata in words. Their spans are files.
 */
#ifndef SLUICE_STORE_TRACES_H
#define SLUICE_STORE_TRACES_H

#include "base/json.h"
#include "store/pair.h"
#include "store/store.h"

#include <stdint.h>

/* The numbers are MLflow's TraceStatus. */
enum trace_status { TRACE_UNSPECIFIED, TRACE_OK, TRACE_ERROR, TRACE_IN_PROGRESS };

/* The tag that tells clients where a trace's files are. It is the server's: no client sets or deletes it, and it is no
 * row (trace.artifact_uri). */
#define TRACE_LOCATION_TAG "mlflow.artifactLocation"
/* The metadata that names the run in which it was made. */
#define TRACE_SOURCE_RUN "mlflow.sourceRun"

struct trace {
    const char *request_id;
    int64_t experiment_id;
    int64_t start_ms;
    int64_t duration_ms; /* 0 until it has ended */
    enum trace_status status;
    const char *artifact_uri; /* absolute folder, or a URI */
};

struct trace_words {
    const struct pair *metadata;
    size_t metadata_count;
    const struct pair *tags;
    size_t tag_count;
};

/* IN_PROGRESS, in an active experiment. Keys of any characters, at most 250; values longer than 8000 are cut. */
int store_trace_start(struct store *store, const struct trace *trace, const struct trace_words *words,
                      struct err *err);
/* Ended, or ended again: the last word counts. Tags and metadata are added. */
int store_trace_end(struct store *store, const char *request_id, int64_t end_ms, enum trace_status status,
                    const struct trace_words *words, struct err *err);
/* ERR_NOT_FOUND in MLflow's words. */
int store_trace_get(struct store *store, const char *request_id, struct arena *arena, struct trace *ret,
                    struct err *err);
/* Maps of text, keys sorted. */
int store_trace_tags(struct store *store, const char *request_id, struct arena *arena, struct json *ret,
                     struct err *err);
int store_trace_metadata(struct store *store, const char *request_id, struct arena *arena, struct json *ret,
                         struct err *err);
/* One of the metadata; NULL when there is none. */
int store_trace_source_run(struct store *store, const char *request_id, struct arena *arena, const char **ret,
                           struct err *err);
/* Keys by MLflow's rules. */
int store_trace_tag(struct store *store, const char *request_id, const char *key, const char *value, struct err *err);
/* ERR_NOT_FOUND in MLflow's words when there is none. */
int store_trace_delete_tag(struct store *store, const char *request_id, const char *key, struct err *err);

/* Which traces of an experiment go. */
struct trace_choice {
    int64_t experiment_id;
    const char *const *ids; /* these, if they are there; NULL: by time */
    size_t id_count;
    int64_t latest_ms; /* those that began then or before, the oldest first */
    int64_t limit;     /* at most so many */
};
/* Their rows go; `ret` are those that were there, whose files are the caller's business. */
int store_trace_remove(struct store *store, const struct trace_choice *choice, struct arena *arena,
                       struct trace **ret, size_t *ret_count, struct err *err);

/* "OK", "IN_PROGRESS", by their numbers; the last is "". */
extern const char *const trace_status_names[];
/* That of a name; TRACE_UNSPECIFIED when there is none. */
enum trace_status trace_status_of(const char *name);

#endif
