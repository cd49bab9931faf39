/* SPDX-License-Identifier: Apache-2.0
 * An engine that goes on with another configuration.
 */
#include "engine/engine_internal.h"

#include <stdlib.h>

int engine_reconfigure(struct engine *engine, const struct engine_options *from, struct err *err)
{
    struct engine_options *options = &engine->options;
    options->supply = from->supply;
    options->supply_count = from->supply_count;
    options->step_env = from->step_env;
    options->step_env_names = from->step_env_names;
    options->step_env_name_count = from->step_env_name_count;
    options->vars = from->vars;
    options->reap_after_ms = from->reap_after_ms;
    options->webhooks = from->webhooks;
    options->telling = from->telling;
    options->groups = from->groups;
    options->single_user = from->single_user;
    free(engine->stocks);
    engine->stocks = NULL;
    if (leases_open(engine, err) < 0 || turn_ready(engine, err) < 0) {
        return -1;
    }
    int result = turn_begin(engine, err) < 0 ? -1 : telling_take(engine, err);
    return turn_end(engine, result, err); /* what waited for more may begin */
}

int engine_stop_steps(struct engine *engine, const char *actor, const char *reason, struct err *err)
{
    struct arena *arena = arena_new();
    size_t count = engine->attempts.count;
    const char **runs = arena_array(arena, count + 1, sizeof *runs);
    for (size_t i = 0; i < count; i++) {
        runs[i] = attempt_is_with_runner(engine->attempts.items[i])
                      ? arena_strdup(arena, engine->attempts.items[i]->open->row.run_id)
                      : NULL;
    }
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct run *run = runs[i] == NULL ? NULL : engine_find_run(engine, runs[i]);
        if (run != NULL && !run->cancelling) {
            result = engine_cancel(engine, runs[i], actor, reason, err);
        }
    }
    arena_free(arena);
    return result;
}
