/* SPDX-License-Identifier: Apache-2.0
 * What the engine asks in its turns.
 */
#include "base/log.h"
#include "base/mem.h"
#include "store/old_triggers.h"
#include "trigger/source_spec.h"
#include "trigger/sources.h"
#include "trigger/trigger_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    TURN_STARTS = 100,   /* in one turn: more are started in the next, after other things have had their turn */
    TURN_MS = 5,         /* and no more when so much has passed: whoever has a request waits for the turn */
    LOOK_EVERY_MS = 5000, /* somebody may set the clock while we sleep */
    SET_BACK_MS = 2000,  /* less is the slewing of a time server */
    FORGET_EVERY_MS = 3600000,
    FORGET_AT_ONCE = 100,    /* rows in a turn */
    FORGET_AGAIN_MS = 20,    /* while there are more: others have their turns between */
};

/* ---- hooks ------------------------------------------------------------------------------------------------------ */

static int64_t wait_ms(void *ctx, int64_t now_ms)
{
    struct triggers *t = ctx;
    const struct schedule *top = schedule_heap_top(&t->heap);
    int64_t left = top == NULL ? INT64_MAX : LOOK_EVERY_MS;
    if (!t->options.fires) {
        return INT64_MAX;
    }
    int64_t sources_ms = t->sources == NULL ? INT64_MAX : sources_wait_ms(t->sources, now_ms);
    left = sources_ms < left ? sources_ms : left;
    int64_t folder_ms = folder_wait_ms(t->folder);
    left = folder_ms < left ? folder_ms : left;
    if (t->stale || t->settling || t->loading.count > 0 || t->look_held || t->look_backfills ||
        t->seen != store_triggers_changes(t->options.store)) {
        return 0;
    }
    if (top != NULL && top->start_ms - now_ms < left) {
        left = top->start_ms - now_ms;
    }
    int64_t ahead_ms = read_ahead_wait_ms(t, now_ms);
    left = ahead_ms < left ? ahead_ms : left;
    if (t->pending_ms != 0 && t->pending_ms - now_ms < left) {
        left = t->pending_ms - now_ms;
    }
    if (t->options.keep_ms > 0 && t->forget_ms - t->last_monotonic_ms < left) {
        left = t->forget_ms - t->last_monotonic_ms;
    }
    return left < 0 ? 0 : left;
}

/* Old rows go a few at a time, beside what the home is for. */
static int forget_old(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err)
{
    struct old_triggers gone = {0};
    int64_t monotonic_ms = engine_monotonic_ms(engine);
    if (t->options.keep_ms <= 0 || monotonic_ms < t->forget_ms) {
        return 0;
    }
    int64_t before_ms = now_ms - t->options.keep_ms;
    if (engine_write(engine, err) < 0 ||
        store_old_triggers_remove(t->options.store, before_ms, FORGET_AT_ONCE, &gone, err) < 0) {
        return -1;
    }
    bool more = gone.triggers == FORGET_AT_ONCE || gone.backfills == FORGET_AT_ONCE || gone.schedules == FORGET_AT_ONCE;
    t->forget_ms = monotonic_ms + (more ? FORGET_AGAIN_MS : FORGET_EVERY_MS);
    if (gone.triggers + gone.backfills + gone.schedules > 0) {
        log_info("triggers", "%lld old triggers, %lld backfills, %lld schedules are gone by the rule of 'gc'",
                 (long long)gone.triggers, (long long)gone.backfills, (long long)gone.schedules);
    }
    return 0;
}

static int look(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err)
{
    if ((t->settling && settle_some(t, engine, err) < 0) || folder_follow(t, engine, err) < 0 ||
        (t->sources != NULL && sources_look(t->sources, engine, now_ms, err) < 0) ||
        ((t->stale || t->loading.count > 0) && schedules_load(t, engine, now_ms, err) < 0)) {
        return -1;
    }
    int64_t monotonic_ms = engine_monotonic_ms(engine);
    if (now_ms < t->last_ms - SET_BACK_MS) {
        schedules_set_back(t, now_ms - (monotonic_ms - t->last_monotonic_ms));
        if (engine_write(engine, err) < 0 ||
            store_triggers_set_back(t->options.store, t->last_ms - now_ms, err) < 0) {
            return -1;
        }
    }
    t->last_ms = now_ms;
    t->last_monotonic_ms = monotonic_ms;
    int started = t->loading.count > 0 ? 0 : schedules_start(t, engine, now_ms, TURN_STARTS, err);
    int decided = started < 0 ? -1 : pending_decide(t, engine, now_ms, TURN_STARTS, err);
    int filled = decided < 0 ? -1 : backfills_go_on(t, engine, now_ms, TURN_STARTS, err);
    bool idle = started == 0 && decided == 0 && filled == 0;
    if (idle && read_ahead(t, engine, now_ms, err) < 0) {
        return -1;
    }
    return filled < 0 || forget_old(t, engine, now_ms, err) < 0 ? -1 : started + decided + filled;
}

static int due(void *ctx, struct engine *engine, int64_t now_ms, struct err *err)
{
    struct triggers *t = ctx;
    if (!t->options.fires) {
        return 0;
    }
    t->looks = true;
    int done = look(t, engine, now_ms, err);
    t->looks = false;
    t->git.workspace = NULL;
    return done;
}

static bool more(void *ctx, int64_t now_ms)
{
    const struct triggers *t = ctx;
    const struct schedule *top = schedule_heap_top(&t->heap);
    return t->options.fires && !t->stale && t->loading.count == 0 && top != NULL && top->start_ms <= now_ms;
}

static int ended(void *ctx, struct engine *engine, const struct pipeline_run *run, struct err *err)
{
    return pipeline_ended(ctx, engine, run, err);
}

void triggers_reconfigure(struct triggers *triggers, struct json vars, const char *off, struct json sources,
                          int64_t keep_ms)
{
    triggers->options.vars = vars;
    triggers->options.off = off;
    if (triggers->sources != NULL && !json_equal(&triggers->options.sources, &sources)) {
        sources_reconfigure(triggers->sources, &sources);
    }
    triggers->options.sources = sources;
    triggers->options.keep_ms = keep_ms;
    triggers->forget_ms = 0;
}

void triggers_forget(struct triggers *triggers)
{
    definition_cache_doubt(triggers->definitions);
    triggers->stale = true;
}

/* What a look at the folder has come to may not be written either. */
static void forget(void *ctx)
{
    struct triggers *t = ctx;
    t->settling = true;
    triggers_forget(t);
    folder_look_again(t->folder);
    if (t->sources != NULL) {
        sources_forget(t->sources);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct triggers *triggers_new(const struct triggers_options *options)
{
    struct triggers *t = mem_alloc(sizeof *t);
    t->options = *options;
    t->firing = (struct engine_firing){.ctx = t, .wait_ms = wait_ms, .due = due, .more = more, .ended = ended,
                                        .forget = forget};
    t->stale = t->settling = true;
    t->arena = arena_new();
    t->zones_arena = arena_new();
    t->definitions = definition_cache_new();
    t->folder = options->folder == NULL || !options->fires ? NULL : folder_watch_new(options->folder);
    t->sources = options->home == NULL || !options->fires ? NULL : sources_new(t, &options->sources);
    return t;
}

void triggers_free(struct triggers *triggers)
{
    if (triggers == NULL) {
        return;
    }
    sources_free(triggers->sources);
    folder_watch_free(triggers->folder);
    vec_clear(&triggers->heap);
    vec_clear(&triggers->zones);
    definition_cache_free(triggers->definitions);
    arena_free(triggers->zones_arena);
    arena_free(triggers->arena);
    free(triggers);
}

const struct engine_firing *triggers_firing(struct triggers *triggers)
{
    return &triggers->firing;
}

int triggers_fd(const struct triggers *triggers)
{
    return folder_watch_fd(triggers->folder);
}

bool triggers_turn_is_long(const struct triggers *t, const struct engine *engine)
{
    return engine_monotonic_ms(engine) - t->last_monotonic_ms >= TURN_MS;
}

int triggers_zone(struct triggers *t, const char *name, const struct tzif **ret, struct err *err)
{
    for (size_t i = 0; i < t->zones.count; i++) {
        if (strcmp(t->zones.items[i].name, name) == 0) {
            *ret = t->zones.items[i].zone;
            return 0;
        }
    }
    struct zone zone = {.name = arena_strdup(t->zones_arena, name)};
    if (tzif_load(str_from(name), t->zones_arena, &zone.zone, err) < 0) {
        return -1;
    }
    vec_push(&t->zones, zone);
    *ret = zone.zone;
    return 0;
}

/* ---- sources ---------------------------------------------------------------------------------------------------- */

const struct source_spec *triggers_source(const struct triggers *triggers, const char *name)
{
    return triggers->sources == NULL ? NULL : sources_find(triggers->sources, name);
}

struct wish {
    struct triggers *triggers;
    struct job_row job;
    int64_t *ret_job;
};

static int want(void *ctx, struct engine *engine, struct err *err)
{
    struct wish *wish = ctx;
    wish->job.created_ms = engine_time(engine);
    if (engine_write(engine, err) < 0 ||
        store_job_want(wish->triggers->options.store, &wish->job, engine_arena(engine), err) < 0) {
        return -1;
    }
    *wish->ret_job = wish->job.id; /* what is told beside this command needs it */
    return 0;
}

int triggers_sync(struct triggers *triggers, struct engine *engine, const char *source, const char *actor,
                  int64_t *ret_job, struct err *err)
{
    struct wish wish = {.triggers = triggers, .job = {.source = source, .why = "sync", .actor = actor},
                        .ret_job = ret_job};
    if (triggers->sources == NULL) {
        return err_set(err, ERR_STATE, "nobody serves this home: 'sluice serve' fetches its sources when it starts");
    }
    if (triggers_source(triggers, source) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "config.yaml has no source '%s': 'sluice sources list' shows those that it "
                                           "has", source);
    }
    return engine_command(engine, want, &wish, err);
}
