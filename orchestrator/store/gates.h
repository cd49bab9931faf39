/* SPDX-License-Identifier: Apache-2.0
 * Gate records: the verdict of an evaluation with every rule, its numbers, and the digest of the evidence. A gate is
 * the step of a pipeline that judges; a record of it also stands for the rules, data and champion that it had then, by
 * which another version can be judged (engine/replay.h).
 */
#ifndef SLUICE_STORE_GATES_H
#define SLUICE_STORE_GATES_H

#include "base/json.h"
#include "store/store.h"

#include <stdint.h>

struct gate {
    int64_t id;
    const char *run_id;      /* pipeline run */
    const char *step;
    const char *step_run_id; /* the attempt's run */
    const char *model_id;    /* judged; NULL: unknown */
    const char *champion;    /* "wine/3" or NULL */
    bool passed;
    const char *refused_by;  /* one line; "" when passed */
    struct json record;      /* all of it: rules, dataset, values */
    const char *evidence_sha256;
    const char *files_sha256; /* of the files that were judged (artifacts_sha256); NULL: it judged no model. Only for
                               * store_gate_add */
    int64_t at_ms;
    int64_t replay_of;   /* the record whose rules these are; 0: the gate judged in its own run */
    const char *version; /* "wine/3": what was judged; when read, else the model's newest; NULL: there is none */
    bool other_data;     /* of a replay: on other data than the gate's, as was allowed */
};
int store_gate_add(struct store *store, const struct gate *gate, int64_t *ret_id, struct err *err);
int store_gate_get(struct store *store, int64_t id, struct arena *arena, struct gate *ret, struct err *err);
int store_gate_list(struct store *store, const char *run_id, struct arena *arena, struct gate **ret, size_t *ret_count,
                    struct err *err);
/* Of a logged model, oldest first. */
int store_gate_list_of(struct store *store, const char *model_id, struct arena *arena, struct gate **ret,
                       size_t *ret_count, struct err *err);
/* The pipeline run of a step's run, which nobody but the engine says; NULL: it is of none. */
int store_gate_maker(struct store *store, const char *step_run_id, struct arena *arena, const char **ret_run_id,
                     struct err *err);

#endif
