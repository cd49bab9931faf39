/* SPDX-License-Identifier: Apache-2.0 */
#include "api/step_rights.h"

#include "engine/replay.h"
#include "store/models.h"
#include "store/runs.h"
#include "store/traces.h"

enum { DEPTH_MAX = 64 };

int step_check_run(struct api_call *call, const char *run_id, struct err *err)
{
    struct run_info run;
    const char *id = run_id;
    for (int depth = 0; depth < DEPTH_MAX && id != NULL; depth++) {
        if (strcmp(id, call->step->run_id) == 0) {
            return 0;
        }
        if (store_run_get(call->store, id, call->arena, &run, depth == 0 ? err : NULL) < 0) {
            break;
        }
        id = run.parent_run_id;
    }
    return err_set(err, ERR_DENIED, "run '%s' was not made by this step: its token writes to run %s and below", run_id,
                   call->step->run_id);
}

int step_check_model(struct api_call *call, const char *model_id, struct err *err)
{
    struct logged_model model;
    if (store_model_get(call->store, model_id, call->arena, &model, err) < 0) {
        return -1;
    }
    if (model.source_run_id != NULL && step_check_run(call, model.source_run_id, NULL) == 0) {
        return 0;
    }
    return err_set(err, ERR_DENIED, "model '%s' was not made by this step", model_id);
}

int step_check_trace(struct api_call *call, const char *request_id, struct err *err)
{
    struct trace trace;
    const char *run_id = NULL;
    if (store_trace_get(call->store, request_id, call->arena, &trace, err) < 0 ||
        store_trace_source_run(call->store, request_id, call->arena, &run_id, err) < 0) {
        return -1;
    }
    if (run_id != NULL && step_check_run(call, run_id, NULL) == 0) {
        return 0;
    }
    return err_set(err, ERR_DENIED, "trace '%s' was not made by this step", request_id);
}

static int check_name(const struct api_call *call, const char *name, struct err *err)
{
    if (strcmp(call->step->row->trigger, REPLAY_TRIGGER) == 0) {
        return err_set(err, ERR_DENIED, "this step is part of the replay of a gate, which registers nothing");
    }
    for (size_t i = 0; i < call->step->register_count; i++) {
        if (str_is(call->step->registers[i], name)) {
            return 0;
        }
    }
    return err_set(err, ERR_DENIED,
                   "this step may not register '%s': 'permissions: {register: [%s]}' of the step would allow it", name,
                   name);
}

int step_check(struct api_call *call, enum api_act act, struct err *err)
{
    switch (act) {
    case API_READS:
    case API_MAKES:
        return 0;
    case API_WRITES_RUN:
        return step_check_run(call, param_text(&call->params, "run_id"), err);
    case API_WRITES_MODEL:
        return step_check_model(call, param_text(&call->params, "model_id"), err);
    case API_WRITES_TRACE:
        return step_check_trace(call, param_text(&call->params, "request_id"), err);
    case API_REGISTERS:
        return check_name(call, param_text(&call->params, "name"), err);
    case API_WRITES:
        break;
    }
    return err_set(err, ERR_DENIED, "a step's token may not do this: it writes only what the step has made");
}
