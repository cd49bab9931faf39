/* SPDX-License-Identifier: Apache-2.0
 * Deployment jobs that people start: as the trigger of a new version would have, with the definition in force.
 */
#include "store/deployment_jobs.h"
#include "store/model_events.h"
#include "trigger/trigger_internal.h"

#include <string.h>

struct deploying {
    struct triggers *triggers;
    const struct deployment_order *order;
    struct arena *arena;
    struct trigger_row *row;
};

static const char *names_words(const char *const *names, size_t count, struct arena *arena)
{
    const char *words = "";
    for (size_t i = 0; i < count; i++) {
        words = arena_printf(arena, "%s%s%s", words, i == 0 ? "" : ", ", names[i]);
    }
    return words;
}

/* The one that was asked for, if it is a job of the model; else the only one that there is. */
static int choose(const struct deploying *d, const char **ret, struct err *err)
{
    struct store *store = d->triggers->options.store;
    const char *model = d->order->model;
    const char *asked = d->order->pipeline;
    struct deployment_job job;
    const char **names = NULL;
    size_t count = 0;
    if (store_deployment_job(store, model, d->arena, &job, err) < 0 ||
        store_deployment_jobs_of(store, model, d->arena, &names, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; asked != NULL && i < count; i++) {
        if (strcmp(names[i], asked) == 0) {
            *ret = asked;
            return 0;
        }
    }
    if (asked != NULL) {
        struct pipeline_in_force row;
        return store_in_force_get(store, asked, d->arena, &row, err) < 0
                   ? -1
                   : err_set(err, ERR_INPUT,
                             "pipeline '%s' is no deployment job of '%s': its file has no 'on: model_version' whose "
                             "glob means this model%s%s",
                             asked, model, count == 0 ? "" : "; these are: ", names_words(names, count, d->arena));
    }
    if (job.pipeline == NULL) {
        return err_set(err, ERR_INPUT, "'%s' has no deployment job: %s", model,
                       job.state != NULL ? "it was disconnected"
                                         : "no pipeline in force has 'on: model_version' with a glob that means it");
    }
    if (strcmp(job.state, "CONNECTED") != 0) {
        return err_set(err, ERR_STATE, "the deployment job of '%s', pipeline '%s', %s", model, job.pipeline,
                       strcmp(job.state, "NOT_FOUND") == 0 ? "is not in force"
                                                           : "has no 'on: model_version' for it any more");
    }
    if (job.others > 0) {
        return err_set(err, ERR_INPUT, "'%s' has several deployment jobs, say which: %s", model,
                       names_words(names, count, d->arena));
    }
    *ret = job.pipeline;
    return 0;
}

static int check_version(const struct deploying *d, struct err *err)
{
    struct model_version version;
    if (store_version_get(d->triggers->options.store, d->order->model, d->order->version, d->arena, &version, err) <
        0) {
        return -1;
    }
    return strcmp(version.status, "READY") == 0
               ? 0
               : err_set(err, ERR_STATE, "version %lld of '%s' is %s, not READY", (long long)version.version,
                         d->order->model, version.status);
}

static int check_actor(const struct deploying *d, const char *name, struct err *err)
{
    struct pipeline_in_force row;
    const char *reason = NULL;
    if (d->order->check == NULL) {
        return 0;
    }
    struct definition *definition = fire_definition(d->triggers, name, d->arena, &row, &reason, err);
    if (definition == NULL) {
        return reason == NULL ? -1 : err_set(err, ERR_STATE, "%s: %s", name, reason);
    }
    int result = d->order->check(d->order->check_ctx, definition->pipeline, err);
    definition_release(definition);
    return result;
}

static int deploy(void *ctx, struct engine *engine, struct err *err)
{
    struct deploying *d = ctx;
    const char *pipeline = NULL;
    int64_t number = 0;
    if (check_version(d, err) < 0 || choose(d, &pipeline, err) < 0 ||
        check_actor(d, pipeline, err) < 0 ||
        store_trigger_next_id(d->triggers->options.store, &number, err) < 0) {
        return -1;
    }
    struct json params = d->order->params.type == JSON_OBJECT ? json_copy(d->arena, &d->order->params) : json_object();
    json_set(d->arena, &params, "model_name", json_cstring(d->arena, d->order->model));
    json_set(d->arena, &params, "model_version", json_int(d->order->version));
    struct trigger_event event = {
        .pipeline = pipeline,
        .kind = "manual",
        .trigger_id = "",
        .key = arena_printf(d->arena, "%s/%lld %lld", d->order->model, (long long)d->order->version,
                            (long long)number),
        .params = params,
        .actor = d->order->actor,
        .model = d->order->model,
        .version = d->order->version,
    };
    if (trigger_fire(d->triggers, engine, &event, d->row, err) < 0) {
        return -1;
    }
    return d->row->outcome == TRIGGER_STARTED ? 0
                                              : err_set(err, ERR_STATE, "%s: %s", pipeline, d->row->reason);
}

int triggers_deploy(struct triggers *triggers, struct engine *engine, const struct deployment_order *order,
                    struct arena *arena, struct trigger_row *ret, struct err *err)
{
    struct deploying d = {triggers, order, arena, ret};
    return engine_command(engine, deploy, &d, err);
}
