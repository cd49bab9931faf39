/* SPDX-License-Identifier: Apache-2.0
 * What a definition listens to, as rows: times, and what happens.
 */
#include "trigger/trigger_internal.h"

static int schedule_of(struct triggers *t, const char *pipeline, const struct trigger *trigger, int64_t now_ms,
                       struct arena *arena, struct schedule_row *ret, struct err *err)
{
    struct timetable table = {0};
    *ret = (struct schedule_row){
        .pipeline = pipeline,
        .schedule = arena_str(arena, trigger->id).p,
        .cron = arena_str(arena, trigger->cron).p,
        .timezone = arena_str(arena, trigger->timezone).p,
        .catchup = catchup_names[trigger->catchup],
        .window_ms = trigger->catchup_window_ms,
        .most = trigger->catchup_limit,
        .jitter_ms = trigger->jitter_ms,
        .overlap = overlap_names[trigger->overlap],
        .in_force = true,
        .decided_ms = now_ms,
    };
    if (triggers_zone(t, ret->timezone, &table.zone, err) < 0 ||
        cron_expr_parse(trigger->cron, &table.cron, err) < 0) {
        return -1;
    }
    int64_t next_ms = occurrence_next_ms(&table, now_ms);
    ret->next_ms = next_ms == INT64_MAX ? 0 : next_ms;
    return 0;
}

static const struct {
    enum trigger_kind of;
    const char *kind;
    const char *about; /* the key that says what it is about; NULL: none */
} subscribed[] = {
    {TRIGGER_WEBHOOK, "webhook", NULL},       {TRIGGER_PUSH, "push", NULL},
    {TRIGGER_MODEL_VERSION, "model", "model"}, {TRIGGER_MODEL_ALIAS, "model", "model"},
    {TRIGGER_MODEL_TAG, "model", "model"},     {TRIGGER_MODEL_STAGE, "model", "model"},
    {TRIGGER_PIPELINE, "pipeline", "name"},
};

static struct subscription subscription_of(const char *pipeline, const struct trigger *trigger, struct arena *arena)
{
    size_t i = 0;
    while (subscribed[i].of != trigger->kind) {
        i++;
    }
    return (struct subscription){
        .pipeline = pipeline,
        .kind = subscribed[i].kind,
        .trigger_id = trigger_kind_name(trigger->kind),
        .about = subscribed[i].about == NULL ? "" : json_get_text(&trigger->settings, subscribed[i].about, ""),
        .settings = json_text(arena, &trigger->settings).p,
    };
}

int listening_of(struct triggers *t, const struct pipeline *pipeline, int64_t now_ms, struct arena *arena,
                 struct listening *ret, struct err *err)
{
    const char *name = arena_str(arena, pipeline->name).p;
    *ret = (struct listening){
        .schedules = arena_array(arena, pipeline->trigger_count, sizeof *ret->schedules),
        .subscriptions = arena_array(arena, pipeline->trigger_count, sizeof *ret->subscriptions),
    };
    for (size_t i = 0; i < pipeline->trigger_count; i++) {
        const struct trigger *trigger = &pipeline->triggers[i];
        if (trigger->kind != TRIGGER_SCHEDULE) {
            ret->subscriptions[ret->subscription_count++] = subscription_of(name, trigger, arena);
        } else if (schedule_of(t, name, trigger, now_ms, arena, &ret->schedules[ret->schedule_count++], err) < 0) {
            return -1;
        }
    }
    return 0;
}
