/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/telling.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/engine_internal.h"
#include "engine/replay.h"
#include "store/deliveries.h"
#include "store/in_force.h"
#include "store/model_subscriptions.h"
#include "store/run_before.h"

#include <stdlib.h>

enum { TELL_MAX = 200 }; /* events in a turn */

static const struct telling_rules *rules_of(const struct engine *engine)
{
    return &engine->options.telling;
}

const struct telling_rules *engine_telling(const struct engine *engine)
{
    return rules_of(engine);
}

/* ---- what there is to tell --------------------------------------------------------------------------------------- */

static bool wants(const struct channel *channel, const char *type)
{
    for (size_t i = 0; i < channel->event_count; i++) {
        if (path_matches(channel->events[i].p, type)) {
            return true;
        }
    }
    return false;
}

int telling_take(struct engine *engine, struct err *err)
{
    static const char *const of_steps[] = {"step.started",   "step.succeeded", "step.failed",
                                           "step.cancelled", "step.skipped",   "step.waiting"};
    const struct telling_rules *rules = rules_of(engine);
    engine->telling = (struct telling_state){0};
    for (size_t i = 0; i < rules->channel_count; i++) {
        for (size_t k = 0; k < sizeof of_steps / sizeof of_steps[0]; k++) {
            engine->telling.wants_steps = engine->telling.wants_steps || wants(&rules->channels[i], of_steps[k]);
        }
    }
    return store_channels_take(engine->options.store, rules, engine_now(engine), err);
}

/* A home without channels is not written to. */
int telling_open(struct engine *engine, struct err *err)
{
    struct store *store = engine->options.store;
    int on = rules_of(engine)->channel_count > 0 ? 1 : store_telling_is_on(store, err);
    if (on <= 0) {
        return on;
    }
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (telling_take(engine, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

bool telling_has_news(const struct engine *engine)
{
    return rules_of(engine)->channel_count > 0 &&
           store_events_changes(engine->options.store) != engine->telling.seen;
}

/* An action of the activity log is told by its own name, but for these. */
static const struct {
    const char *action;
    const char *type; /* NULL: it is not told */
} other_names[] = {
    {"version.tagged", NULL},               /* model_version_tag.set and its like say it, by whatever road */
    {"version.untagged", NULL},
    {"model.created", NULL},                /* registered_model.created says it */
    {"model.registered", NULL},             /* model_version.created says it, of versions from anywhere */
    {"run.cancelled", "run.cancel_requested"}, /* it may take its time */
    {"attempt.failed", "step.broken"},      /* it could not be recorded what it said */
};

static const char *type_of_end(const struct pipeline_run *run, struct arena *arena)
{
    return run->verdict == VERDICT_REFUSED ? "run.refused" : arena_printf(arena, "run.%s", run_state_name(run->state));
}

const char *telling_type(const struct told_event *event, const struct pipeline_run *run, struct arena *arena)
{
    if (strcmp(event->type, "run.ended") == 0 && run != NULL) {
        return type_of_end(run, arena);
    }
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (strcmp(other_names[i].action, event->type) == 0) {
            return other_names[i].type;
        }
    }
    return event->type;
}

unsigned telling_notice(const char *type)
{
    static const struct {
        const char *type;
        enum notice notice;
    } notices[] = {
        {"run.failed", NOTICE_FAILED},          {"run.recovered", NOTICE_RECOVERED},
        {"run.refused", NOTICE_REFUSED},        {"approval.requested", NOTICE_WAITING},
        {"run.late", NOTICE_LATE},              {"schedule.missed", NOTICE_MISSED},
    };
    for (size_t i = 0; i < sizeof notices / sizeof notices[0]; i++) {
        if (strcmp(notices[i].type, type) == 0) {
            return notices[i].notice;
        }
    }
    return 0;
}

/* --- who wants it ------------------------------------------------------------------------------------------------- */

struct receiver {
    const struct channel *channel;
    const char *address; /* "": the channel's own */
};

/* One event on its way to its receivers. */
struct tale {
    struct engine *engine;
    struct arena *arena;
    struct telling_subject subject;
    struct receiver *receivers;
    size_t count, room;
};

static void add_receiver(struct tale *tale, const struct channel *channel, const char *address)
{
    for (size_t i = 0; i < tale->count; i++) {
        if (tale->receivers[i].channel == channel && strcmp(tale->receivers[i].address, address) == 0) {
            return;
        }
    }
    tale->receivers = arena_grow(tale->arena, tale->receivers, tale->count, &tale->room, sizeof *tale->receivers);
    tale->receivers[tale->count++] = (struct receiver){channel, address};
}

static bool is_about(const struct notify_rule *rule, const char *pipeline)
{
    bool about = rule->pipeline_count == 0;
    for (size_t i = 0; i < rule->pipeline_count; i++) {
        about = about || path_matches(rule->pipelines[i].p, pipeline);
    }
    return about;
}

static void add_by_rules(struct tale *tale, const struct notify_rule *rules, size_t count, unsigned notice,
                         const char *pipeline)
{
    for (size_t i = 0; i < count; i++) {
        if ((rules[i].on & notice) == 0 || !is_about(&rules[i], pipeline)) {
            continue;
        }
        struct err wrong = {0};
        const struct channel *channel = telling_find(rules_of(tale->engine), rules[i].to.p);
        if (channel == NULL) {
            (void)telling_no_channel(rules_of(tale->engine), rules[i].to.p, tale->arena, &wrong);
            log_warn("channels", "%s of %s is not told: %s", tale->subject.type, pipeline, wrong.message);
        } else {
            add_receiver(tale, channel, "");
        }
    }
}

/* Of a run the definition it began with, of a schedule the one in force; NULL when it cannot be read any more. */
static const struct pipeline *definition_of(const struct tale *tale, const char *pipeline)
{
    struct engine *engine = tale->engine;
    const struct open_run *open =
        tale->subject.run == NULL ? NULL : open_run_find(engine, tale->subject.run->run_id);
    struct pipeline_in_force in_force;
    struct pipeline_run row = {0};
    struct err ignored = {0};
    if (open != NULL) {
        return open->pipeline;
    }
    if (tale->subject.run != NULL) {
        row = *tale->subject.run;
    } else if (store_in_force_get(engine->options.store, pipeline, tale->arena, &in_force, &ignored) == 0) {
        row = (struct pipeline_run){.definition = in_force.definition,
                                    .file = in_force.file,
                                    .folder = in_force.folder,
                                    .workspace = in_force.workspace};
    } else {
        return NULL;
    }
    return open_run_definition(engine, &row, true, tale->arena, &ignored);
}

static void add_by_notice(struct tale *tale)
{
    unsigned notice = telling_notice(tale->subject.type);
    const struct pipeline_run *run = tale->subject.run;
    const char *pipeline = run != NULL ? run->pipeline : tale->subject.event->object_id;
    bool of_child = run != NULL && run->parent_run != NULL && notice != NOTICE_WAITING;
    if (notice == 0 || of_child) { /* what a step that is a run comes to is told as what its run comes to */
        return;
    }
    const struct pipeline *definition = definition_of(tale, pipeline);
    add_by_rules(tale, rules_of(tale->engine)->rules, rules_of(tale->engine)->rule_count, notice, pipeline);
    if (definition != NULL) {
        add_by_rules(tale, definition->notify, definition->notify_count, notice, pipeline);
    }
}

static int add_by_subscription(struct tale *tale, struct err *err)
{
    struct model_subscription *all = NULL;
    size_t count = 0;
    const char *model = tale->subject.model;
    if (model == NULL || store_model_subscription_list(tale->engine->options.store, model, NULL, tale->arena, &all,
                                                       &count, err) < 0) {
        return model == NULL ? 0 : -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct channel *channel = telling_find(rules_of(tale->engine), all[i].channel);
        bool about = all[i].version == 0 || all[i].version == tale->subject.version;
        if (channel != NULL && about && all[i].confirmed) {
            add_receiver(tale, channel, all[i].address);
        }
    }
    return 0;
}

/* What stays in order: a run, a model, a pipeline. */
static const char *line_of(const struct telling_subject *subject, struct arena *arena)
{
    return subject->run != NULL     ? arena_printf(arena, "run %s", subject->run->run_id)
           : subject->model != NULL ? arena_printf(arena, "model %s", subject->model)
                                    : arena_printf(arena, "%s", subject->event->object_id);
}

static int deliver(struct tale *tale, struct err *err)
{
    struct engine *engine = tale->engine;
    const char *body = NULL;
    if (telling_body(engine, &tale->subject, tale->arena, &body, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < tale->count; i++) {
        const char *name = tale->receivers[i].channel->name.p;
        struct channel_state state;
        if (store_channel_get(engine->options.store, name, tale->arena, &state, err) < 0) {
            return -1;
        }
        struct delivery_order order = {
            .receiver = arena_printf(tale->arena, "channel/%s", name),
            .address = tale->receivers[i].address,
            .event = tale->subject.type,
            .object = line_of(&tale->subject, tale->arena),
            .body = body,
        };
        if (state.disabled_ms == 0 &&
            store_deliveries_add(engine->options.store, &order, engine_now(engine), tale->arena, NULL, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int tell(struct engine *engine, const struct telling_subject *subject, struct arena *arena, struct err *err)
{
    struct tale tale = {.engine = engine, .arena = arena, .subject = *subject};
    const struct telling_rules *rules = rules_of(engine);
    for (size_t i = 0; i < rules->channel_count; i++) {
        if (wants(&rules->channels[i], subject->type)) {
            add_receiver(&tale, &rules->channels[i], "");
        }
    }
    add_by_notice(&tale);
    if (add_by_subscription(&tale, err) < 0) {
        return -1;
    }
    return tale.count == 0 ? 0 : deliver(&tale, err);
}

/* --- what it is about --------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
    return str_starts(str_from(text), str_from(with));
}

/* "model NAME", "model NAME/3", "model NAME@champion", "model NAME in Production": the name is the id, and the version
 * of an alias or stage the one that has it now. */
static void find_model(struct telling_subject *subject, const struct json *data)
{
    const struct told_event *event = subject->event;
    size_t skip = strlen("model ") + strlen(event->object_id);
    if (!begins(event->object, "model ") || *event->object_id == '\0' || strlen(event->object) < skip) {
        return;
    }
    struct str rest = str_from(event->object + skip);
    struct str number = rest.n > 0 && rest.p[0] == '/' ? str_slice(rest, 1, rest.n)
                                                       : str_from(json_get_text(data, "to", ""));
    subject->model = event->object_id;
    (void)parse_int(number, 1, INT64_MAX, &subject->version, NULL);
}

static bool is_of_run(const char *type)
{
    static const char *const kinds[] = {"run.", "step.", "gate.", "approval.", "attempt.", "deployment."};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (begins(type, kinds[i])) {
            return true;
        }
    }
    return false;
}

static int find_run(struct engine *engine, const struct told_event *event, struct arena *arena,
                    const struct pipeline_run **ret, struct err *err)
{
    struct pipeline_run *row = arena_one(arena, struct pipeline_run);
    struct err none = {0};
    *ret = NULL;
    if (!is_of_run(event->type) || *event->object_id == '\0') {
        return 0;
    }
    if (store_pipeline_run_get(engine->options.store, event->object_id, arena, row, &none) == 0) {
        *ret = row;
        return 0;
    }
    return none.code == ERR_NOT_FOUND ? 0 : err_set(err, none.code, "%s", none.message);
}

/* The success after a failure is an event of its own, beside that of the success. */
static int tell_recovery(struct engine *engine, const struct telling_subject *subject, struct arena *arena,
                         struct err *err)
{
    const struct pipeline_run *run = subject->run;
    if (strcmp(subject->type, "run.succeeded") != 0 || run->parent_run != NULL ||
        strcmp(run->trigger, REPLAY_TRIGGER) == 0) {
        return 0;
    }
    int follows = store_run_follows_failure(engine->options.store, run, err);
    if (follows <= 0) {
        return follows;
    }
    struct told_event event = *subject->event;
    struct telling_subject recovery = *subject;
    event.event_id = arena_printf(arena, "%s-recovered", event.event_id);
    recovery.event = &event;
    recovery.type = "run.recovered";
    return tell(engine, &recovery, arena, err);
}

static int tell_event(struct engine *engine, const struct told_event *event, struct arena *arena, struct err *err)
{
    struct telling_subject subject = {.event = event};
    struct json data = json_object();
    (void)json_read(str_from(event->data), (struct json_limits){0}, arena, &data, NULL);
    if (find_run(engine, event, arena, &subject.run, err) < 0) {
        return -1;
    }
    find_model(&subject, &data);
    subject.type = telling_type(event, subject.run, arena);
    if (subject.run != NULL && begins(event->type, "approval.") &&
        store_approved_version(engine->options.store, subject.run->run_id, arena, &subject.model, &subject.version,
                               err) < 0) {
        return -1;
    }
    return subject.type == NULL                            ? 0
           : tell(engine, &subject, arena, err) < 0 ? -1
                                                           : tell_recovery(engine, &subject, arena, err);
}

int telling_tell(struct engine *engine, struct err *err)
{
    struct store *store = engine->options.store;
    struct told_event *events = NULL;
    size_t count = 0;
    size_t told = 0;
    if (!telling_has_news(engine)) {
        return 0;
    }
    uint64_t seen = store_events_changes(store);
    struct arena *arena = arena_new();
    int result = store_events_next(store, TELL_MAX, arena, &events, &count, err);
    engine->telling.effort = 0;
    while (result == 0 && told < count && engine->telling.effort < TELLING_EFFORT_MAX) {
        struct arena *each = arena_new();
        const struct told_event *event = &events[told++];
        result = tell_event(engine, event, each, err) < 0 ? -1 : store_event_forget(store, event->id, err);
        arena_free(each);
    }
    arena_free(arena);
    if (result == 0 && count > 0) {
        crash_point(engine, "in_telling");
    }
    engine->telling.seen = result == 0 && told == count && count < TELL_MAX ? seen : engine->telling.seen;
    return result;
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static const char *type_of_step(enum step_state state)
{
    switch (state) {
    case STEP_STATE_ACTIVE:
        return "step.started";
    case STEP_STATE_WAITING:
        return "step.waiting";
    case STEP_STATE_SUCCEEDED:
        return "step.succeeded";
    case STEP_STATE_FAILED:
        return "step.failed";
    case STEP_STATE_CANCELLED:
        return "step.cancelled";
    case STEP_STATE_SKIPPED:
        return "step.skipped";
    default:
        return NULL;
    }
}

int telling_step(struct engine *engine, struct open_run *open, size_t step, struct err *err)
{
    const struct run_step *row = &open->run->steps[step];
    const char *type = type_of_step(row->state);
    if (!engine->telling.wants_steps || type == NULL) {
        return 0;
    }
    if (open->told_steps == NULL) {
        open->told_steps = arena_alloc(open->run->arena, open->pipeline->step_count);
    }
    if (open->told_steps[step] == (unsigned char)row->state) {
        return 0;
    }
    open->told_steps[step] = (unsigned char)row->state;
    struct arena *arena = engine->turn;
    struct json data = json_object();
    json_add(arena, &data, "step", json_string(arena, open->pipeline->steps[step].id));
    json_add(arena, &data, "to", json_cstring(arena, step_state_name(row->state)));
    if (row->reason != NULL) {
        json_add(arena, &data, "reason", json_cstring(arena, row->reason));
    }
    const struct told_event event = {
        .type = type,
        .at_ms = engine_now(engine),
        .object = run_words(arena, &open->row),
        .object_id = open->row.run_id,
        .data = json_text(arena, &data).p,
    };
    return store_event_add(engine->options.store, &event, err);
}

/* --- runs that are late ------------------------------------------------------------------------------------------- */

int telling_steps(struct engine *engine, struct open_run *open, struct err *err)
{
    for (size_t i = 0; engine->telling.wants_steps && i < open->pipeline->step_count; i++) {
        if (telling_step(engine, open, i, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* From when its schedule had it due, else from when it was made. What is run again, or for times long ago, is no later
 * for that. */
int64_t telling_late_at(const struct open_run *open)
{
    int64_t from_ms = open->row.created_ms;
    if (open->pipeline->late_after_ms == 0 || run_state_is_terminal(open->run->state) ||
        json_get_bool(&open->contexts, "late", false)) {
        return 0;
    }
    const char *due = json_get_text(&open->contexts, "scheduled_for", NULL);
    if (due != NULL && strcmp(open->row.trigger, "schedule") == 0) {
        (void)parse_time(str_from(due), &from_ms, NULL);
    }
    return from_ms + open->pipeline->late_after_ms;
}

static int note_late(struct engine *engine, struct open_run *open, struct err *err)
{
    char limit[40];
    struct arena *keep = open->run->arena;
    format_duration(limit, sizeof limit, open->pipeline->late_after_ms);
    json_set(keep, &open->contexts, "late", json_bool(true));
    open->row.contexts = json_text(keep, &open->contexts).p;
    open->row_dirty = true;
    return turn_begin(engine, err) < 0
               ? -1
               : engine_note(engine, "sluice", "run.late", run_words(engine->turn, &open->row), open->row.run_id, "",
                             run_state_name(open->run->state),
                             arena_printf(engine->turn, "it has not ended %s after it was due", limit), "", err);
}

int telling_late(struct engine *engine, int64_t now_ms, struct err *err)
{
    int late = 0;
    for (size_t i = 0; i < engine->runs.count; i++) {
        int64_t at_ms = telling_late_at(engine->runs.items[i]);
        if (at_ms == 0 || at_ms > now_ms) {
            continue;
        }
        if (note_late(engine, engine->runs.items[i], err) < 0) {
            return -1;
        }
        late++;
    }
    return late;
}
