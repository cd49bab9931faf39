/* SPDX-License-Identifier: Apache-2.0
 * MLflow's messages as JSON, from the rows of the store. Fields that MLflow leaves out when they are empty are left
 * out.
 */
#ifndef SLUICE_API_MLFLOW_ENTITIES_H
#define SLUICE_API_MLFLOW_ENTITIES_H

#include "api/api.h"
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/run_records.h"

/* Appends to an object, in the call's arena. */
void put_text(struct api_call *call, struct json *object, const char *name, const char *value);
void put_int(struct api_call *call, struct json *object, const char *name, int64_t value);
void put(struct api_call *call, struct json *object, const char *name, struct json value);
/* Nothing for an empty list. */
void put_list(struct api_call *call, struct json *object, const char *name, struct json list);
/* {k: v} as [{"key", "value"}]. */
struct json pairs_json(struct api_call *call, const struct json *map);

/* Where clients are told that files are: what lies in the home goes through the server (mlflow-artifacts:/...), other
 * places are as they are. */
const char *client_uri(struct api_call *call, const char *stored);
/* That of an experiment, as stored (an absolute folder, or a client's URI). */
const char *experiment_root(struct api_call *call, const struct experiment *experiment);

int experiment_json(struct api_call *call, const struct experiment *experiment, struct json *ret, struct err *err);
struct json run_info_json(struct api_call *call, const struct run_info *run);
/* All of a run. */
struct json run_json(struct api_call *call, const struct run_record *run);
/* A point without its run and target. */
struct json point_json(struct api_call *call, const struct metric_point *point);
/* All of a model, read from the store but for its row. */
int model_json(struct api_call *call, const struct logged_model *model, struct json *ret, struct err *err);
int registered_json(struct api_call *call, const char *name, struct json *ret, struct err *err);
int version_json(struct api_call *call, const struct model_version *version, struct json *ret, struct err *err);

/* An id of an experiment: "" is "0". ERR_INPUT for one that is no number, ERR_NOT_FOUND for a negative one. */
int experiment_id_of(const char *text, int64_t *ret, struct err *err);
/* Of a list: a word that is no id is a mistake of who asks (ERR_INPUT); one that nothing has is not. */
int experiment_ids_check(struct api_call *call, const char *name, struct err *err);
/* Those of a list; texts that are no ids are left out, as nothing is found there. */
int64_t *experiment_ids_of(struct api_call *call, const char *name, size_t *ret_count);
/* A list of {"key", "value"} of the params. */
struct pair *pairs_of(struct api_call *call, const struct json *params, const char *name, size_t *ret_count);

/* Fields that several routes take. */
extern const struct api_field pair_fields[];
extern const char *const view_words[];
int view_of(const char *word);

#endif
