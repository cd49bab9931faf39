/* SPDX-License-Identifier: Apache-2.0
 * Runs, as MLflow has them, with params, tags, inputs and artifacts. A pipeline run is one; each attempt of a
 * step is one, nested by the tag mlflow.parentRunId.
 */
#ifndef SLUICE_STORE_RUNS_H
#define SLUICE_STORE_RUNS_H

#include "base/json.h"
#include "store/pair.h"
#include "store/store.h"

#include <stdint.h>

enum run_status { RUN_STATUS_SCHEDULED, RUN_STATUS_RUNNING, RUN_STATUS_FINISHED, RUN_STATUS_FAILED, RUN_STATUS_KILLED };
const char *run_status_name(enum run_status status); /* "FINISHED" */

struct run_info {
    const char *run_id;
    int64_t experiment_id;
    const char *name;
    const char *user;
    enum run_status status;
    int64_t start_ms;
    int64_t end_ms; /* 0: not ended */
    bool deleted;
    const char *artifact_uri; /* absolute folder */
    const char *parent_run_id; /* NULL: none; stored as tag mlflow.parentRunId too */
};

/* Creates it with the tags mlflow.runName, mlflow.user and, with a parent, mlflow.parentRunId. `artifact_uri` is the
 * caller's, and so is the name: an empty one is ERR_INPUT. Doing it twice with one id is ERR_EXISTS. Its experiment
 * must be active. Here and below a deleted experiment or run is ERR_INPUT in MLflow's words, and an unknown one
 * ERR_NOT_FOUND. */
int store_run_create(struct store *store, const struct run_info *run, struct err *err);
/* The same with more tags of ours: of other keys, each once, at most RUN_TAGS_WITH_IT. */
enum { RUN_TAGS_WITH_IT = 12 };
int store_run_create_with(struct store *store, const struct run_info *run, const struct pair *tags, size_t tag_count,
                          struct err *err);
/* As MLflow's clients make one, with its tags and none that it did not ask for. The name is run->name, else that of the
 * tag mlflow.runName, else `name_otherwise` (id_name): it stands in the tag as well. Two different names are ERR_INPUT.
 * run->parent_run_id is read from the tags. Keys of tags are checked as "key". */
int store_run_create_tagged(struct store *store, const struct run_info *run, const struct pair *tags, size_t tag_count,
                            const char *name_otherwise, struct err *err);
/* Sets status, and end_ms unless 0; of a deleted run too: what happened is recorded. */
int store_run_update(struct store *store, const char *run_id, enum run_status status, int64_t end_ms, struct err *err);
/* The same of an attempt's run, when the attempt has ended; what clients made below it and left open ends with it. */
int store_run_end(struct store *store, const char *run_id, enum run_status status, int64_t end_ms, struct err *err);
/* What is known of a param goes, so that another value can be logged. None is fine. */
int store_run_param_forget(struct store *store, const char *run_id, const char *key, struct err *err);
struct run_change {
    const enum run_status *status; /* NULL: as it is */
    const int64_t *end_ms;         /* NULL: as it is; 0: not ended */
    const char *name;              /* NULL or "": as it is; else the tag mlflow.runName too */
};
/* What a client says of an active run: only what is given changes. */
int store_run_change(struct store *store, const char *run_id, const struct run_change *change, struct err *err);
/* Deleting a deleted one, or restoring an active one, changes nothing. In a deleted experiment all runs are deleted,
 * and none is restored without it: ERR_INPUT. */
int store_run_delete(struct store *store, const char *run_id, int64_t now_ms, struct err *err);
int store_run_restore(struct store *store, const char *run_id, struct err *err);
/* The status of that name: 0, or -1 when there is none. */
int run_status_parse(const char *name, enum run_status *ret);
/* Corrects when it began. */
int store_run_began(struct store *store, const char *run_id, int64_t start_ms, struct err *err);
int store_run_get(struct store *store, const char *run_id, struct arena *arena, struct run_info *ret, struct err *err);
/* 0 when it exists, and neither it nor its experiment is deleted: what every writer below asks first. */
int store_run_require_active(struct store *store, const char *run_id, struct err *err);
/* Keys by MLflow's rules. Values longer than 6000 characters (tags: 8000) are cut, as MLflow does unless
 * told otherwise. NULL is "". */
/* Write-once: the same value again is fine, another is ERR_INPUT with MLflow's message. */
int store_run_param(struct store *store, const char *run_id, const char *key, const char *value, struct err *err);
/* Sets or replaces. mlflow.runName renames the run (unless it is empty: then it is passed over), mlflow.parentRunId
 * moves it. What sluice itself found out is kept
 * of a deleted run too, since an attempt may end after its experiment is gone: then all keys begin with "sluice.". */
int store_run_tags_set(struct store *store, const char *run_id, const struct pair *tags, size_t count,
                       struct err *err);
/* Those that a client makes a run with, for a run that takes the place of the one it would have made: as in
 * store_run_create_tagged. */
int store_run_tags_give(struct store *store, const char *run_id, const struct pair *tags, size_t count,
                        struct err *err);
/* One of them. */
int store_run_tag(struct store *store, const char *run_id, const char *key, const char *value, struct err *err);
/* ERR_NOT_FOUND "No tag with name: ..." when there is none. Without mlflow.runName the run keeps its name. */
int store_run_delete_tag(struct store *store, const char *run_id, const char *key, struct err *err);
/* Appends a model to the tag mlflow.log-model.history, a JSON array, as clients before MLflow 3 have it done.
 * `model` is the MLmodel document; ERR_INPUT when it lacks what MLflow demands, or when the history would pass a
 * million characters. */
int store_run_log_model(struct store *store, const char *run_id, const struct json *model, struct err *err);
/* Maps of text, keys sorted. */
int store_run_params(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err);
int store_run_tags(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err);

/* ---- artifacts: a row for each file of a run or of a logged model; `owner` is the id of either (m-...) ---- */
struct artifact {
    const char *path; /* below the run's artifact folder */
    const char *sha256;
    int64_t size_bytes;
};
/* Replaces a row of the same path. A path that leaves the folder is ERR_INPUT ("Invalid path"). ERR_DENIED for a model
 * that stands where config.yaml guards it (guard_require_files); so is forgetting. */
int store_artifact_put(struct store *store, const char *owner, const struct artifact *artifact, struct err *err);
/* Forgets the row of a file, or of all files below a folder; "" is the owner's whole folder. None is fine. */
int store_artifact_forget(struct store *store, const char *owner, const char *path, struct err *err);
/* Sorted by path, bytewise. An owner without files has none. */
int store_artifact_list(struct store *store, const char *owner, struct arena *arena, struct artifact **ret,
                        size_t *ret_count, struct err *err);
/* Of files sorted by path: the digest that their folder has (digest_tree), in the arena. */
const char *artifacts_sha256(const struct artifact *files, size_t count, struct arena *arena);

/* ---- inputs: datasets and models a run used ------------------------------------------------------ */
enum { DATASET_DIGEST_CHARACTERS = 36 }; /* MLflow's bound */
struct dataset_use {
    int64_t id; /* the store's own, of one that was read */
    const char *name;
    const char *digest; /* at most 36 characters in MLflow: the first 36 of a sha256; the whole stands in `sha256` */
    const char *sha256; /* or NULL */
    const char *source_type; /* "local" */
    const char *source; /* JSON or path */
    const char *schema; /* or NULL */
    const char *profile; /* or NULL */
    const char *context; /* "training", "evaluation"... tag mlflow.data.context; or NULL */
};
/* One row for each (experiment, name, digest); what the first use did not know (sha256, schema, profile) a later one
 * adds. The first context that a run says is kept. ERR_INPUT beyond MLflow's lengths: name 500, digest
 * 36, source 65535, schema 1048575, profile 16777215, context 500 characters. */
int store_run_dataset(struct store *store, const char *run_id, int64_t experiment_id, const struct dataset_use *use,
                      struct err *err);
/* Sorted by name and digest. */
int store_run_datasets(struct store *store, const char *run_id, struct arena *arena, struct dataset_use **ret,
                       size_t *ret_count, struct err *err);
/* Links a logged model as input or output of a run; twice is fine. */
int store_run_model(struct store *store, const char *run_id, const char *model_id, bool is_output, struct err *err);

#endif
