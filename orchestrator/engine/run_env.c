/* SPDX-License-Identifier: Apache-2.0
 * The environment that the steps of a run see, when it is not that of this engine: who submits a run from another
 * terminal means his own PATH and his own virtual environment. It is in memory only, as an environment may hold
 * secrets: after a restart the steps see the environment of the engine that has them then.
 */
#include "engine/engine_internal.h"

#include <stdio.h>

struct run_env {
    char run_id[40];
    struct arena *arena;
    struct json env;
};

static struct run_env *find(const struct engine *engine, const char *run_id)
{
    for (size_t i = 0; i < engine->run_envs.count; i++) {
        if (strcmp(engine->run_envs.items[i]->run_id, run_id) == 0) {
            return engine->run_envs.items[i];
        }
    }
    return NULL;
}

void run_env_keep(struct engine *engine, const char *run_id, const struct json *env)
{
    struct run_env *kept = mem_alloc(sizeof *kept);
    (void)snprintf(kept->run_id, sizeof kept->run_id, "%s", run_id);
    kept->arena = arena_new();
    kept->env = json_copy(kept->arena, env);
    vec_push(&engine->run_envs, kept);
}

const struct json *run_env_of(struct engine *engine, const struct open_run *open)
{
    const struct run_env *kept = NULL;
    while (open != NULL && (kept = find(engine, open->row.run_id)) == NULL) {
        open = open->row.parent_run == NULL ? NULL : open_run_find(engine, open->row.parent_run);
    }
    return kept == NULL ? &engine->options.step_env : &kept->env;
}

void run_env_forget(struct engine *engine, const char *run_id)
{
    for (size_t i = 0; i < engine->run_envs.count; i++) {
        if (strcmp(engine->run_envs.items[i]->run_id, run_id) == 0) {
            arena_free(engine->run_envs.items[i]->arena);
            free(engine->run_envs.items[i]);
            engine->run_envs.items[i] = engine->run_envs.items[--engine->run_envs.count];
            return;
        }
    }
}

void run_envs_clear(struct engine *engine)
{
    while (engine->run_envs.count > 0) {
        run_env_forget(engine, engine->run_envs.items[0]->run_id);
    }
    vec_clear(&engine->run_envs);
}
