/* SPDX-License-Identifier: Apache-2.0
 * Questions of steps that deploy: who may touch a target, and what metrics say of what was deployed.
 */
#include "engine/calls.h"
#include "engine/targets.h"
#include "store/metrics.h"
#include "store/runs.h"

#include <math.h>

/* `targets`: a list of text -> {taken, held_by}: with `taken` the step holds all of them until it has ended; otherwise
 * none, and `held_by` says who has one. */
int call_target_take(const struct call *call, struct json *ret, struct err *err)
{
    const struct json *targets = json_get(call->params, "targets");
    const char *held_by = NULL;
    if (targets_check_list(targets, err) < 0 ||
        targets_take(call->engine, call->attempt->open, call->attempt->place, targets, 0, &held_by, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(call->arena, ret, "taken", json_bool(held_by == NULL));
    call_set_text(call, ret, "held_by", held_by);
    return 0;
}

/* The MLflow run that a step of this run logs to, or has logged to last. */
static int run_of_step(const struct call *call, struct str name, const char **ret_run_id, struct err *err)
{
    const struct run *run = call->attempt->open->run;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        if (!str_eq(run->pipeline->steps[i].id, name)) {
            continue;
        }
        if (run->steps[i].item_count > 1) {
            return err_set(err, ERR_INPUT, "step '%.*s' has %zu items, and a run for each: name one by runs:/RUN_ID",
                           STR_ARG(name), run->steps[i].item_count);
        }
        *ret_run_id = run->steps[i].item_count == 0 ? NULL : run->steps[i].items[0].step_run_id;
        return *ret_run_id != NULL ? 0
                                   : err_set(err, ERR_NOT_FOUND, "step '%.*s' has not begun", STR_ARG(name));
    }
    return err_set(err, ERR_INPUT, "the pipeline has no step '%.*s'", STR_ARG(name));
}

static int metrics_of(const struct call *call, const char *source, struct metric_latest **ret, size_t *ret_count,
                      struct err *err)
{
    struct str text = str_from(source);
    const char *run_id = NULL;
    struct run_info info;
    struct model_ref ref;
    if (!str_starts(text, STR("runs:/")) && !str_starts(text, STR("steps:/"))) {
        if (call_need_model(call, "source", &ref, err) < 0) {
            return -1;
        }
        return ref.model_id == NULL
                   ? err_set(err, ERR_STATE, "version %lld of '%s' has no logged model", (long long)ref.version,
                             ref.name)
                   : store_metrics_of_model(call->store, ref.model_id, NULL, call->arena, ret, ret_count, err);
    }
    bool of_step = str_starts(text, STR("steps:/"));
    struct str rest = str_slice(text, of_step ? strlen("steps:/") : strlen("runs:/"), text.n);
    if (of_step && run_of_step(call, rest, &run_id, err) < 0) {
        return -1;
    }
    run_id = of_step ? run_id : rest.p;
    return store_run_get(call->store, run_id, call->arena, &info, err) < 0 ||
                   store_metrics_of_run(call->store, run_id, call->arena, ret, ret_count, err) < 0
               ? -1
               : 0;
}

/* `source`: runs:/RUN_ID, steps:/STEP (of this run) or a model -> {metrics}: of each the latest value, null for one
 * that is no number, when it was logged, and on which dataset. */
int call_metrics_read(const struct call *call, struct json *ret, struct err *err)
{
    const char *source = call_need_text(call, "source", err);
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    if (source == NULL || metrics_of(call, source, &metrics, &count, err) < 0) {
        return -1;
    }
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        call_set_text(call, &one, "key", metrics[i].key);
        json_set(call->arena, &one, "value", isfinite(metrics[i].value) ? json_number(metrics[i].value) : json_null());
        json_set(call->arena, &one, "at_ms", json_int(metrics[i].time_ms));
        call_set_text(call, &one, "dataset", metrics[i].dataset_name);
        json_push(call->arena, &list, one);
    }
    *ret = json_object();
    json_set(call->arena, ret, "metrics", list);
    return 0;
}
