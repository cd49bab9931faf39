/* SPDX-License-Identifier: Apache-2.0
 * `on: pipeline`: whoever wants to hear of a run's end has a trigger of it in the transaction of that end, and the next
 * turn decides. Also in a home where nothing is started by itself: the next `sluice serve` finds it.
 */
#include "store/model_events.h"
#include "store/pipeline_runs.h"
#include "trigger/trigger_internal.h"

#include <string.h>

static bool wants(const struct subscription *subscription, const char *status, struct arena *arena)
{
    struct json settings;
    if (json_read(str_from(subscription->settings), (struct json_limits){0}, arena, &settings, NULL) < 0) {
        return false;
    }
    const struct json *list = json_get(&settings, "status");
    if (list == NULL || list->type != JSON_ARRAY) {
        return strcmp(status, "succeeded") == 0;
    }
    for (size_t i = 0; i < list->u.array.count; i++) {
        if (list->u.array.items[i].type == JSON_STRING && str_is(list->u.array.items[i].u.string, status)) {
            return true;
        }
    }
    return false;
}

static struct json event_of(const struct pipeline_run *run, struct arena *arena)
{
    char label[32];
    struct json event = json_object();
    struct json params;
    pipeline_run_label(run, label);
    if (json_read(str_from(run->params), (struct json_limits){0}, arena, &params, NULL) < 0) {
        params = json_object();
    }
    json_add(arena, &event, "type", json_cstring(arena, "pipeline"));
    json_add(arena, &event, "pipeline", json_cstring(arena, run->pipeline));
    json_add(arena, &event, "status", json_cstring(arena, run_state_name(run->state)));
    json_add(arena, &event, "verdict", json_cstring(arena, verdict_name(run->verdict)));
    json_add(arena, &event, "run_id", json_cstring(arena, run->run_id));
    json_add(arena, &event, "number", json_cstring(arena, label));
    json_add(arena, &event, "params", params);
    json_add(arena, &event, "reason", run->reason == NULL ? json_null() : json_cstring(arena, run->reason));
    return event;
}

int pipeline_ended(struct triggers *t, struct engine *engine, const struct pipeline_run *run, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct store *store = t->options.store;
    struct subscription *listeners = NULL;
    size_t count = 0;
    t->look_held = t->look_backfills = true;
    if (run->parent_run != NULL) { /* a part of another run, which has its own end */
        return 0;
    }
    if (store_subscription_list(store, "pipeline", run->pipeline, arena, &listeners, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct trigger_event event = {
            .pipeline = listeners[i].pipeline,
            .kind = "pipeline",
            .trigger_id = listeners[i].trigger_id,
            .key = run->run_id,
        };
        int64_t id = 0;
        if (!wants(&listeners[i], run_state_name(run->state), arena)) {
            continue;
        }
        event.event = event_of(run, arena);
        if (store_trigger_chain(store, run->run_id, arena, &event.chain, err) < 0 ||
            trigger_receive(store, &event, engine_time(engine), arena, &id, err) < 0) {
            return -1;
        }
        engine_crash_point(engine, "in_pipeline_end");
    }
    return 0;
}
