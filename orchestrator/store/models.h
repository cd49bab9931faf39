/* SPDX-License-Identifier: Apache-2.0
 * Logged models (m-...): what steps produce. Metrics measured on them are in metrics.h.
 */
#ifndef SLUICE_STORE_MODELS_H
#define SLUICE_STORE_MODELS_H

#include "base/json.h"
#include "store/pair.h"
#include "store/store.h"

#include <stdint.h>

/* PENDING from before its first file is copied until its step has ended: READY when that succeeded, and so all files
 * are published with their digests; UPLOAD_FAILED when it did not, whatever was published until then. */
enum model_status { MODEL_STATUS_PENDING = 1, MODEL_STATUS_READY = 2, MODEL_STATUS_UPLOAD_FAILED = 3 };

struct logged_model {
    const char *model_id;
    int64_t experiment_id;
    const char *name;
    const char *artifact_uri; /* absolute folder */
    const char *source_run_id; /* NULL: none */
    const char *maker;         /* the run of the step that has made it, and alone written to it; NULL: none. Only for
                                * store_model_create and store_model_create_tagged */
    const char *model_type;    /* "" or text */
    enum model_status status;
    const char *status_message; /* "" or why the upload failed */
    const char *sha256;   /* digest of the folder (digest_tree), "" until all of it is published */
    int64_t size_bytes;
    int64_t created_ms;
    int64_t updated_ms;
    bool deleted;
};

/* Status PENDING unless given. Links it as an output of its source run. */
int store_model_create(struct store *store, const struct logged_model *model, struct err *err);
/* As MLflow's clients make one: with params and tags, and not yet an output of its run (run_links.h). ERR_INPUT for a
 * name against MLflow's rules ("" too: the caller gives one made by id_name when the client gave none), ERR_EXISTS for
 * an id that is taken. */
int store_model_create_tagged(struct store *store, const struct logged_model *model, const struct pair *params,
                              size_t param_count, const struct pair *tags, size_t tag_count, struct err *err);
/* A file of the model was put or removed by the step whose run this is, or by a client (NULL). */
int store_model_written(struct store *store, const char *model_id, const char *step_run_id, struct err *err);
/* The run of the step that has made it, and alone written to it; NULL: none. */
int store_model_maker(struct store *store, const char *model_id, struct arena *arena, const char **ret,
                      struct err *err);
/* What its files came to, once all are published. */
int store_model_published(struct store *store, const char *model_id, const char *sha256, int64_t size_bytes,
                          int64_t now_ms, struct err *err);
/* READY, or UPLOAD_FAILED with the reason in `message`; then its digest and the rows of its files are forgotten. */
int store_model_finalize(struct store *store, const char *model_id, enum model_status status, const char *message,
                         int64_t now_ms, struct err *err);
/* Any status after any other, as clients have it; what is published stays. ERR_DENIED when it would be READY no more
 * while a version of it stands where a guard is. */
int store_model_set_status(struct store *store, const char *model_id, enum model_status status, int64_t now_ms,
                           struct err *err);
/* A mark; doing it twice is fine. ERR_NOT_FOUND for one that never was, ERR_DENIED as for its files
 * (guard_require_files). */
int store_model_delete(struct store *store, const char *model_id, int64_t now_ms, struct err *err);
/* "PENDING", "READY", "UPLOAD_FAILED". */
const char *model_status_name(enum model_status status);
/* ERR_NOT_FOUND with MLflow's words also for a deleted one. */
int store_model_get(struct store *store, const char *model_id, struct arena *arena, struct logged_model *ret,
                    struct err *err);
/* A deleted one too (`ret->deleted` says so). */
int store_model_get_any(struct store *store, const char *model_id, struct arena *arena, struct logged_model *ret,
                        struct err *err);
/* Keys of params and tags are any text of at most 250 characters, and values are kept whole: MLflow's rules for those
 * of runs are not asked here. Params are written once: the same value again is fine. All are checked before the first
 * is written. */
int store_model_params_log(struct store *store, const char *model_id, const struct pair *params, size_t count,
                           struct err *err);
int store_model_tags_set(struct store *store, const char *model_id, const struct pair *tags, size_t count,
                         struct err *err);
/* ERR_NOT_FOUND "No tag with key 'k' found for model with ID 'm'." when there is none. */
int store_model_delete_tag(struct store *store, const char *model_id, const char *key, struct err *err);
/* One of them. */
int store_model_param(struct store *store, const char *model_id, const char *key, const char *value, struct err *err);
int store_model_tag(struct store *store, const char *model_id, const char *key, const char *value, struct err *err);
int store_model_params(struct store *store, const char *model_id, struct arena *arena, struct json *ret,
                       struct err *err);
int store_model_tags(struct store *store, const char *model_id, struct arena *arena, struct json *ret, struct err *err);
/* Newest first, of one experiment (or all, -1), at most `limit`. */
int store_model_list(struct store *store, int64_t experiment_id, size_t limit, struct arena *arena,
                     struct logged_model **ret, size_t *ret_count, struct err *err);
/* Models that a run made (READY ones only with `ready_only`). */
int store_model_of_run(struct store *store, const char *run_id, bool ready_only, struct arena *arena,
                       struct logged_model **ret, size_t *ret_count, struct err *err);

#endif
