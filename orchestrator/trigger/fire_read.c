/* SPDX-License-Identifier: Apache-2.0
 * The definition in force, and what its trigger says of an event: whether it is meant, and with which params.
 */
#include "base/parse.h"
#include "store/pipeline_runs.h"
#include "trigger/trigger_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- the definition --------------------------------------------------------------------------------------------- */

/* NULL: it is not accepted any more, in words; or the store fails, with no words. */
static struct definition *read_definition(struct triggers *t, const struct pipeline_in_force *row, struct arena *arena,
                                          const char **ret_reason, struct err *err)
{
    struct arena *own = arena_new();
    struct diags diags;
    diags_init(&diags, own, arena_strdup(own, row->file));
    *ret_reason = NULL;
    if (store_definition_get(t->options.store, row->definition, own, &diags.text, err) < 0) {
        arena_free(own);
        return NULL;
    }
    struct pipeline_world world = {
        .plugins = t->options.plugins,
        .folder = arena_strdup(own, row->folder),
        .root = arena_strdup(own, row->workspace),
    };
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    if (pipeline == NULL) {
        *ret_reason = arena_printf(arena, "its definition is no longer accepted: %s:%d: %s", row->file,
                                   diags.count > 0 ? diags.items[0].pos.line : 0,
                                   diags.count > 0 ? diags.items[0].message : "unknown");
        arena_free(own);
        return NULL;
    }
    return definition_new(own, pipeline);
}

struct definition *fire_definition(struct triggers *t, const char *name, struct arena *arena,
                                   struct pipeline_in_force *ret_row, const char **ret_reason, struct err *err)
{
    struct err wrong = {0};
    struct definition *definition = definition_cache_find(t->definitions, name, arena, ret_row);
    if (definition != NULL) {
        return definition;
    }
    if (store_in_force_get(t->options.store, name, arena, ret_row, &wrong) < 0) {
        *ret_reason = wrong.code == ERR_NOT_FOUND ? arena_strdup(arena, wrong.message) : NULL;
        if (*ret_reason == NULL) {
            *err = wrong;
        }
        return NULL;
    }
    definition = definition_cache_find_of(t->definitions, ret_row);
    if (definition == NULL && (definition = read_definition(t, ret_row, arena, ret_reason, err)) != NULL) {
        definition_cache_keep(t->definitions, ret_row, definition);
    }
    return definition;
}

static const struct {
    const char *kind;
    const char *trigger_id; /* NULL: a schedule's id */
    enum trigger_kind of;
} kinds[] = {
    {"schedule", NULL, TRIGGER_SCHEDULE},
    {"backfill", NULL, TRIGGER_SCHEDULE},
    {"webhook", "webhook", TRIGGER_WEBHOOK},
    {"push", "push", TRIGGER_PUSH},
    {"model", "model_version", TRIGGER_MODEL_VERSION},
    {"model", "model_alias", TRIGGER_MODEL_ALIAS},
    {"model", "model_tag", TRIGGER_MODEL_TAG},
    {"model", "model_stage", TRIGGER_MODEL_STAGE},
    {"pipeline", "pipeline", TRIGGER_PIPELINE},
};

const struct trigger *fire_find_trigger(const struct pipeline *pipeline, const char *kind, const char *trigger_id)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0 &&
            (kinds[i].trigger_id == NULL || strcmp(kinds[i].trigger_id, trigger_id) == 0)) {
            return pipeline_find_trigger(pipeline, kinds[i].of, str_from(trigger_id));
        }
    }
    return NULL;
}

/* ---- expressions below `on` ------------------------------------------------------------------------------------- */

struct scope {
    const struct json *event;
    const struct json *vars;
};

static const struct json *context(void *ctx, struct str root, struct str member)
{
    const struct scope *scope = ctx;
    (void)member;
    return str_is(root, "event") ? scope->event : str_is(root, "vars") ? scope->vars : NULL;
}

static struct expr_env scope_env(struct scope *scope, int64_t now_ms)
{
    return (struct expr_env){.ctx = scope, .context = context, .now_ms = now_ms, .lenient = "event"};
}

/* 1: it passes; 0: `if` says no, or cannot be evaluated, in words. */
static int passes(const struct trigger *trigger, const struct expr_env *env, struct arena *arena,
                  const char **ret_reason)
{
    struct err wrong = {0};
    bool yes = true;
    if (trigger->condition != NULL && expr_eval_condition(trigger->condition, env, &yes, &wrong) < 0) {
        *ret_reason = arena_printf(arena, "'if' of the trigger: %s", wrong.message);
        return 0;
    }
    *ret_reason = yes ? "" : "'if' of the trigger is false";
    return yes ? 1 : 0;
}

/* What the trigger gives, over what is there; a param that the pipeline has not is left out. */
static int give_params(const struct pipeline *pipeline, const struct trigger *trigger, const struct expr_env *env,
                       struct arena *arena, struct json *params, const char **ret_reason)
{
    for (size_t i = 0; i < trigger->param_count; i++) {
        const struct named_template *given = &trigger->params[i];
        struct err wrong = {0};
        struct json value;
        size_t p = 0;
        while (p < pipeline->param_count && !str_eq(pipeline->params[p].name, given->name)) {
            p++;
        }
        if (p == pipeline->param_count) {
            continue;
        }
        if (template_eval(&given->value, env, arena, &value, &wrong) < 0) {
            *ret_reason = arena_printf(arena, "param '%.*s' of the trigger: %s", STR_ARG(given->name), wrong.message);
            return 0;
        }
        if (value.type != JSON_NULL) { /* what the event lacks has its default */
            json_set(arena, params, arena_str(arena, given->name).p, value);
        }
    }
    return 1;
}

int fire_read_event(struct triggers *t, const struct pipeline *pipeline, const struct trigger *trigger,
                    const struct json *event, int64_t now_ms, struct arena *arena, struct json *params,
                    const char **ret_reason)
{
    struct scope scope = {.event = event, .vars = &t->options.vars};
    struct expr_env env = scope_env(&scope, now_ms);
    return passes(trigger, &env, arena, ret_reason) == 0
               ? 0
               : give_params(pipeline, trigger, &env, arena, params, ret_reason);
}

int trigger_read(struct triggers *triggers, const struct trigger_event *event, struct arena *arena,
                 struct json *ret_params, const char **ret_reason, struct err *err)
{
    struct pipeline_in_force in_force;
    struct json params = event->params.type == JSON_OBJECT ? json_copy(arena, &event->params) : json_object();
    struct definition *definition =
        fire_definition(triggers, event->pipeline, arena, &in_force, ret_reason, err);
    if (definition == NULL) {
        return *ret_reason == NULL ? -1 : 0;
    }
    const struct trigger *trigger = fire_find_trigger(definition->pipeline, event->kind, event->trigger_id);
    int passed = 0;
    if (trigger == NULL) {
        *ret_reason = arena_printf(arena, "'on' of %s has no '%s'", event->pipeline, event->trigger_id);
    } else {
        passed = fire_read_event(triggers, definition->pipeline, trigger, &event->event, event->scheduled_for_ms, arena,
                            &params, ret_reason);
        *ret_params = json_copy(arena, &params); /* defaults may be the definition's */
    }
    definition_release(definition);
    return passed;
}

struct json fire_occurrence_event(const struct schedule_row *row, const char *kind, int64_t at_ms, struct arena *arena)
{
    char at[40];
    struct json event = json_object();
    format_time_s(at, sizeof at, at_ms);
    json_add(arena, &event, "type", json_cstring(arena, kind));
    json_add(arena, &event, "id", json_cstring(arena, row->schedule));
    json_add(arena, &event, "scheduled_for", json_cstring(arena, at));
    json_add(arena, &event, "cron", json_cstring(arena, row->cron));
    json_add(arena, &event, "timezone", json_cstring(arena, row->timezone));
    return event;
}
