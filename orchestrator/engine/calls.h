/* SPDX-License-Identifier: Apache-2.0
 * What the files that answer questions of steps share.
 */
#ifndef SLUICE_ENGINE_CALLS_H
#define SLUICE_ENGINE_CALLS_H

#include "engine/engine_internal.h"

struct call {
    struct engine *engine;
    struct live_attempt *attempt;
    const struct json *params;
    struct arena *arena;
    struct store *store;
};

/* A member of the question that must be text; NULL with ERR_INPUT. */
const char *call_need_text(const struct call *call, const char *key, struct err *err);
/* "step train of run wine 12": who acts when a step does. */
const char *call_actor(const struct call *call);
/* NULL: null. */
void call_set_text(const struct call *call, struct json *object, const char *key, const char *text);
/* The model that a member names. */
int call_need_model(const struct call *call, const char *key, struct model_ref *ret, struct err *err);
/* The member "model", or, when there is none, the one made by the nearest steps before. */
int call_named_or_upstream_model(const struct call *call, struct model_ref *ret, struct err *err);

/* calls_gate.c */
int call_gate_record(const struct call *call, struct json *ret, struct err *err);
/* As model_resolve; but the gate that is replayed sees the champion that it compared with then. */
int call_compared_model(const struct call *call, const char *uri, struct model_ref *ret, struct err *err);

/* calls_guard.c */
int call_guard_check(const struct call *call, struct json *ret, struct err *err);
int call_deployment(const struct call *call, struct json *ret, struct err *err);

/* calls_deploy.c */
int call_target_take(const struct call *call, struct json *ret, struct err *err);
int call_metrics_read(const struct call *call, struct json *ret, struct err *err);

#endif
