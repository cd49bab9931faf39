/* SPDX-License-Identifier: Apache-2.0
 * The one way in: an event and the definition in force, to one outcome.
 */
#include "base/parse.h"
#include "store/counters.h"
#include "store/model_events.h"
#include "store/pipeline_runs.h"
#include "trigger/overlap.h"
#include "trigger/trigger_internal.h"

#include <stdio.h>
#include <string.h>

enum { CHAIN_MAX = 8 };

static bool is_of_model(const struct trigger_row *row)
{
    return strcmp(row->kind, "model") == 0;
}

/* ---- deciding --------------------------------------------------------------------------------------------------- */

/* A trigger while it is decided; all of it lives in the engine's arena, but for the definition. */
struct firing {
    struct triggers *t;
    struct engine *engine;
    struct arena *arena;
    struct trigger_row *row;
    const struct json *event;
    struct definition *definition; /* of the pipeline; NULL: none was found */
    struct pipeline_in_force in_force;
    const struct pipeline *pipeline;
    const struct trigger *trigger; /* NULL: by hand */
    struct json params;
};

static int has_outcome(struct firing *f, enum trigger_outcome outcome, const char *reason)
{
    f->row->outcome = outcome;
    f->row->reason = arena_strdup(f->arena, reason);
    return 0;
}

static struct json read_json(const char *text, enum json_type type, struct arena *arena)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL) == 0 && value.type == type;
    return good ? value : type == JSON_ARRAY ? json_array() : json_object();
}

/* In words when this run would be one more of a round, or of a chain without end. */
static const char *goes_round(const struct firing *f)
{
    struct json chain = read_json(f->row->chain, JSON_ARRAY, f->arena);
    const char *words = "";
    bool round = false;
    for (size_t i = 0; i < chain.u.array.count; i++) {
        const struct json *name = &chain.u.array.items[i];
        const char *text = name->type == JSON_STRING ? name->u.string.p : "?";
        round = round || strcmp(text, f->row->pipeline) == 0;
        words = arena_printf(f->arena, "%s%s -> ", words, text);
    }
    return round ? arena_printf(f->arena, "it would go round in circles: %s%s", words, f->row->pipeline)
           : chain.u.array.count >= CHAIN_MAX
               ? arena_printf(f->arena, "%s%s: more than %d pipelines start each other", words, f->row->pipeline,
                              CHAIN_MAX)
               : NULL;
}

/* 1: there is a definition, and it has the trigger. */
static int find_definition(struct firing *f, struct err *err)
{
    const char *reason = NULL;
    bool by_hand = strcmp(f->row->kind, "manual") == 0;
    f->definition = fire_definition(f->t, f->row->pipeline, f->arena, &f->in_force, &reason, err);
    if (f->definition == NULL) {
        return reason == NULL ? -1 : has_outcome(f, TRIGGER_SKIPPED, reason);
    }
    f->pipeline = f->definition->pipeline;
    f->trigger = by_hand ? NULL : fire_find_trigger(f->pipeline, f->row->kind, f->row->trigger_id);
    if (f->trigger == NULL && !by_hand) {
        return has_outcome(f, TRIGGER_SKIPPED,
                           arena_printf(f->arena, "'on' of %s has no '%s' any more", f->row->pipeline,
                                        f->row->trigger_id));
    }
    return 1;
}

static const char *runs_words(const struct firing *f, const struct trigger_run *runs, size_t count)
{
    const char *words = "";
    for (size_t i = 0; i < count && i < 5; i++) {
        words = arena_printf(f->arena, "%s%s%s", words, i == 0 ? "" : ", ", runs[i].label);
    }
    return count > 5 ? arena_printf(f->arena, "%s and %zu more", words, count - 5) : words;
}

static int supersede(struct firing *f, const struct trigger_row *waiting, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct trigger_row row = waiting[i];
        row.outcome = TRIGGER_SKIPPED;
        row.reason = arena_printf(f->arena, "a newer one waits in its place: %s (overlap: queue_one)", f->row->key);
        row.settled_ms = engine_time(f->engine);
        if (store_trigger_settle(f->t->options.store, &row, err) < 0 ||
            store_count(f->t->options.store, COUNTER_MISSED, "overlap", 1, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int cancel_runs(struct firing *f, const struct trigger_run *runs, size_t count, struct err *err)
{
    const char *reason = arena_printf(f->arena, "cancelled for the run of %s (overlap: cancel_running)", f->row->key);
    for (size_t i = 0; i < count; i++) {
        if (engine_end_run(f->engine, runs[i].run_id, reason, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1: it may start. */
static int mind_overlap(struct firing *f, struct err *err)
{
    struct store *store = f->t->options.store;
    struct trigger_run *open = NULL;
    struct trigger_row *waiting = NULL;
    size_t open_count = 0;
    size_t waiting_count = 0;
    if (strcmp(f->row->kind, "schedule") != 0 || f->trigger->overlap == OVERLAP_ALLOW) {
        return 1;
    }
    const char *pipeline = f->row->pipeline;
    const char *schedule = f->row->trigger_id;
    if (store_trigger_open_runs(store, pipeline, schedule, 0, f->arena, &open, &open_count, err) < 0 ||
        store_triggers_held(store, pipeline, schedule, f->arena, &waiting, &waiting_count, err) < 0) {
        return -1;
    }
    while (waiting_count > 0 && f->row->id != 0 && waiting[waiting_count - 1].id >= f->row->id) {
        waiting_count--; /* itself, and those behind it */
    }
    const char *runs = runs_words(f, open, open_count);
    const char *policy = overlap_names[f->trigger->overlap];
    switch (overlap_decide(f->trigger->overlap, open_count, waiting_count)) {
    case OVERLAP_STARTS:
        return 1;
    case OVERLAP_CANCELS:
        return cancel_runs(f, open, open_count, err) < 0 ? -1 : 1;
    case OVERLAP_IS_SKIPPED:
        return store_count(store, COUNTER_MISSED, "overlap", 1, err) < 0
                   ? -1
                   : has_outcome(f, TRIGGER_SKIPPED,
                           arena_printf(f->arena, "%s has not ended (overlap: %s)", runs, policy));
    case OVERLAP_REPLACES:
        if (supersede(f, waiting, waiting_count, err) < 0) {
            return -1;
        }
        break;
    case OVERLAP_WAITS:
        break;
    }
    f->row->due_ms = 0;
    f->t->look_held = f->t->look_held || open_count == 0;
    return has_outcome(f, TRIGGER_PENDING, open_count == 0
                                               ? arena_printf(f->arena, "waits behind others (overlap: %s)", policy)
                                               : arena_printf(f->arena, "waits for %s (overlap: %s)", runs, policy));
}

/* What a model's trigger gives by itself, unless its `params` have: as the param's type has it. */
static void give_model(struct firing *f)
{
    struct json event = f->event != NULL ? *f->event : json_object();
    const struct json *version = json_get(&event, "version");
    for (const struct given_param *given = trigger_given; given->doc != NULL; given++) {
        const struct param *param = pipeline_find_param(f->pipeline, given->name);
        struct json value = json_cstring(f->arena, json_get_text(&event, "model_name", ""));
        if (param == NULL || json_get_str(&f->params, given->name) != NULL) {
            continue;
        }
        if (given->type == VALUE_INTEGER) {
            if (version == NULL || version->type != JSON_INT) {
                continue; /* of an alias that was deleted */
            }
            value = param->type == VALUE_STRING ? json_string(f->arena, json_text(f->arena, version)) : *version;
        }
        json_set(f->arena, &f->params, given->name.p, value);
    }
}

/* Whatever starts a deployment job for a version, a webhook say: it is about that. */
static void note_version(struct firing *f)
{
    const char *model = json_get_text(&f->params, "model_name", NULL);
    const struct json *number = json_get(&f->params, "model_version");
    int64_t version = number != NULL && number->type == JSON_INT ? number->u.integer : 0;
    bool is_job = pipeline_find_trigger(f->pipeline, TRIGGER_MODEL_VERSION, (struct str){0}) != NULL;
    if (!is_of_model(f->row) && f->row->model == NULL && is_job && model != NULL && version > 0) {
        f->row->model = arena_strdup(f->arena, model);
        f->row->version = version;
    }
}

/* 1: the version that it is about is still there, under this name. */
static int find_version(struct firing *f, struct err *err)
{
    struct model_version version;
    struct err none = {0};
    if (f->row->model == NULL) {
        return has_outcome(f, TRIGGER_SKIPPED, "the registered model that it was about has been deleted");
    }
    if (store_version_get(f->t->options.store, f->row->model, f->row->version, f->arena, &version, &none) == 0) {
        return 1;
    }
    return none.code == ERR_NOT_FOUND ? has_outcome(f, TRIGGER_SKIPPED, none.message) : (*err = none, -1);
}

/* Is it about the same, by what stands before the last word of the key? */
static bool of_one_burst(const char *a, const char *b)
{
    size_t n = (size_t)(strrchr(a, ' ') - a);
    return strncmp(a, b, n + 1) == 0 && strchr(b + n + 1, ' ') == NULL;
}

/* 1: it may start now. What came before it, and has waited for whether it is the last, was not. */
static int mind_debounce(struct firing *f, struct err *err)
{
    struct store *store = f->t->options.store;
    struct trigger_row *waiting = NULL;
    size_t count = 0;
    int64_t wait_ms = f->trigger == NULL ? 0 : f->trigger->debounce_ms;
    if (!is_of_model(f->row) || wait_ms == 0 || f->event == NULL) {
        return 1;
    }
    if (store_triggers_about(store, f->row->pipeline, f->row->trigger_id, f->row->model, f->row->id, f->arena,
                             &waiting, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct trigger_row *before = &waiting[i];
        if (before->id > f->row->id || *before->event != '\0' || !of_one_burst(f->row->key, before->key)) {
            continue;
        }
        before->outcome = TRIGGER_SKIPPED;
        before->reason = arena_printf(f->arena, "a newer one came before its time: trigger %lld (debounce)",
                                      (long long)f->row->id);
        before->settled_ms = engine_time(f->engine);
        if (store_trigger_settle(store, before, err) < 0) {
            return -1;
        }
    }
    f->row->event = "";
    f->row->due_ms = f->row->received_ms + wait_ms;
    return has_outcome(f, TRIGGER_PENDING, "waits for whether a newer one comes (debounce)");
}

/* Once for all that are due from the same folder. */
static struct json look_up_git(struct triggers *t, const char *workspace, struct arena *arena)
{
    struct known_git *known = &t->git;
    if (known->workspace == NULL || strcmp(known->workspace, workspace) != 0) {
        struct json said = t->options.git(workspace, arena);
        if (!t->looks) {
            return said;
        }
        *known = (struct known_git){arena_strdup(arena, workspace), said};
    }
    return known->said;
}

/* A source of git has said it; of a folder it is looked up. */
static struct json git_of(const struct firing *f)
{
    bool looked_up = f->t->options.git != NULL && strcmp(f->in_force.source, FOLDER_SOURCE) == 0;
    return looked_up ? look_up_git(f->t, f->in_force.workspace, f->arena)
                     : read_json(f->in_force.git, JSON_OBJECT, f->arena);
}

static int start_run(struct firing *f, struct err *err)
{
    struct err wrong = {0};
    struct json params;
    char run_id[40];
    if (pipeline_params(f->pipeline, &f->params, false, f->arena, &params, &wrong) < 0) {
        return has_outcome(f, TRIGGER_SKIPPED, wrong.message);
    }
    struct engine_submission submission = {
        .pipeline = f->pipeline,
        .digest = f->in_force.definition,
        .definition = f->definition,
        .workspace = f->in_force.workspace,
        .params = params,
        .vars = f->t->options.vars,
        .git = git_of(f),
        .trigger = f->row->kind,
        .trigger_id = *f->row->trigger_id == '\0' ? NULL : f->row->trigger_id,
        .scheduled_for_ms = f->row->scheduled_for_ms,
        .actor = f->row->actor,
    };
    if (engine_start(f->engine, &submission, run_id, &wrong) < 0) {
        if (wrong.code == ERR_INPUT || wrong.code == ERR_STATE || wrong.code == ERR_NOT_FOUND) {
            return has_outcome(f, TRIGGER_SKIPPED, wrong.message);
        }
        *err = wrong;
        return -1;
    }
    f->row->run_id = arena_strdup(f->arena, run_id);
    return has_outcome(f, TRIGGER_STARTED, "");
}

/* Each is 1 when it has no objection, 0 when it has settled the matter, or -1. */
static int decide(struct firing *f, struct err *err)
{
    bool asked_for = strcmp(f->row->kind, "backfill") == 0 || strcmp(f->row->kind, "manual") == 0;
    const char *reason = f->t->options.off != NULL && !asked_for ? f->t->options.off : goes_round(f);
    if (reason != NULL) {
        return has_outcome(f, TRIGGER_SKIPPED, reason);
    }
    int found = find_definition(f, err);
    if (found <= 0) {
        return found;
    }
    f->params = read_json(f->row->params, JSON_OBJECT, f->arena);
    if (f->event != NULL && f->trigger != NULL &&
        fire_read_event(f->t, f->pipeline, f->trigger, f->event, f->row->received_ms, f->arena, &f->params, &reason) ==
            0) {
        return has_outcome(f, TRIGGER_FILTERED, reason);
    }
    if (is_of_model(f->row) && f->event != NULL) {
        give_model(f);
    }
    f->row->params = json_text(f->arena, &f->params).p;
    note_version(f);
    int there = is_of_model(f->row) ? find_version(f, err) : 1;
    int last = there <= 0 ? there : mind_debounce(f, err);
    int free = last <= 0 ? last : mind_overlap(f, err);
    return free <= 0 ? free : start_run(f, err);
}

static int write_row(struct firing *f, struct err *err)
{
    struct store *store = f->t->options.store;
    struct trigger_row *row = f->row;
    bool pending = row->outcome == TRIGGER_PENDING;
    row->settled_ms = pending ? 0 : engine_time(f->engine);
    if (row->id != 0) {
        return pending ? store_trigger_hold(store, row, err) : store_trigger_settle(store, row, err);
    }
    if (pending && f->event != NULL) {
        row->event = ""; /* its params are in the row */
    }
    int inserted = store_trigger_insert(store, row, err);
    return inserted == 1 ? 0 : inserted < 0 ? -1 : err_set(err, ERR_INTERNAL, "trigger %s came twice", row->key);
}

int fire_row(struct triggers *t, struct engine *engine, struct trigger_row *row, const struct json *event, bool notes,
             struct err *err)
{
    struct firing f = {.t = t, .engine = engine, .arena = engine_arena(engine), .row = row, .event = event};
    struct trigger_row earlier;
    if (engine_write(engine, err) < 0) {
        return -1;
    }
    int there = row->id != 0 ? 0
                             : store_trigger_find(t->options.store, row->pipeline, row->kind, row->trigger_id, row->key,
                                                  f.arena, &earlier, err);
    if (there < 0) {
        return -1;
    }
    if (there > 0) {
        row->outcome = TRIGGER_DUPLICATE;
        row->run_id = NULL;
        row->reason = trigger_same_words(&earlier, f.arena);
        row->settled_ms = engine_time(engine);
        return notes && store_trigger_insert(t->options.store, row, err) < 0 ? -1 : 0;
    }
    int decided = decide(&f, err);
    definition_release(f.definition);
    if (decided < 0 || write_row(&f, err) < 0) {
        return -1;
    }
    engine_crash_point(engine, "in_trigger");
    return 1;
}

/* ---- from outside ----------------------------------------------------------------------------------------------- */

static struct trigger_row row_from(const struct trigger_event *event, int64_t now_ms, struct arena *arena)
{
    return (struct trigger_row){
        .pipeline = event->pipeline,
        .kind = event->kind,
        .trigger_id = event->trigger_id,
        .key = event->key,
        .scheduled_for_ms = event->scheduled_for_ms,
        .occurrences = 1,
        .received_ms = now_ms,
        .due_ms = event->due_ms == 0 ? now_ms : event->due_ms,
        .event = event->event.type == JSON_OBJECT ? json_text(arena, &event->event).p : "",
        .event_sha256 = event->event_sha256 == NULL ? "" : event->event_sha256,
        .params = event->params.type == JSON_OBJECT ? json_text(arena, &event->params).p : "{}",
        .chain = event->chain.type == JSON_ARRAY ? json_text(arena, &event->chain).p : "[]",
        .actor = event->actor == NULL ? "sluice" : event->actor,
        .model = event->model,
        .version = event->version,
        .outcome = TRIGGER_PENDING,
        .reason = "",
    };
}

int trigger_receive(struct store *store, const struct trigger_event *event, int64_t now_ms, struct arena *arena,
                    int64_t *ret_id, struct err *err)
{
    struct trigger_row row = row_from(event, now_ms, arena);
    struct trigger_row earlier;
    int inserted = store_trigger_insert(store, &row, err);
    if (inserted == 0) {
        if (store_trigger_find(store, row.pipeline, row.kind, row.trigger_id, row.key, arena, &earlier, err) < 0) {
            return -1;
        }
        row.outcome = TRIGGER_DUPLICATE;
        row.reason = trigger_same_words(&earlier, arena);
        row.event = "";
        row.due_ms = 0;
        row.settled_ms = now_ms;
        if (store_trigger_insert(store, &row, err) < 0) {
            return -1;
        }
    }
    *ret_id = row.id;
    return inserted;
}

int trigger_fire(struct triggers *triggers, struct engine *engine, const struct trigger_event *event,
                 struct trigger_row *ret, struct err *err)
{
    struct trigger_row row = row_from(event, engine_time(engine), engine_arena(engine));
    bool looks = event->event.type == JSON_OBJECT;
    row.due_ms = 0;
    row.event = "";
    if (fire_row(triggers, engine, &row, looks ? &event->event : NULL, true, err) < 0) {
        return -1;
    }
    *ret = row;
    return 0;
}
