/* SPDX-License-Identifier: Apache-2.0
 * By what names a gate's run knew the model that was judged: its id, its versions, what params and pins say of them.
 */
#ifndef SLUICE_ENGINE_REPLAY_SUBJECT_H
#define SLUICE_ENGINE_REPLAY_SUBJECT_H

#include "store/gates.h"
#include "store/pipeline_runs.h"

struct replay_subject {
    const char *model_id;
    const char **versions; /* "wine/3" */
    size_t version_count;
    struct json params, pins; /* of the gate's run */
    struct arena *arena;
};

int replay_subject_load(struct store *store, const struct gate *gate, const struct pipeline_run *run,
                        struct arena *arena, struct replay_subject *ret, struct err *err);
/* The params whose values name the model: a URI or id of it, or the two that a deployment job is given. */
const struct str *replay_subject_params(const struct replay_subject *subject, size_t *ret_count);
/* The params of the gate's run with the other version in their place, each of its type. ERR_STATE when they say that
 * the pipeline is about another registered model. */
int replay_params(const struct replay_subject *subject, const char *name, int64_t version, const char *model_id,
                  struct json *ret, struct err *err);

#endif
