/* SPDX-License-Identifier: Apache-2.0
 * A commit that is in force moves to its place: some pipelines in each turn, one at once when something is to be
 * written about it. With each goes what the activity log says of it, and the run that the push starts.
 */
#include "store/coming.h"
#include "trigger/push.h"
#include "trigger/sources.h"
#include "trigger/trigger_internal.h"

#include <string.h>

enum {
    TURN_PIPELINES = 20, /* in one turn, and no more when TURN_MS have passed */
    TURN_MS = 4,
};

static struct json read_object(const char *text, struct arena *arena)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL) == 0;
    return good && value.type == JSON_OBJECT ? value : json_object();
}

/* ---- one pipeline ----------------------------------------------------------------------------------------------- */

static int tell(struct engine *engine, const struct coming_commit *commit, const struct coming_pipeline *pipeline,
                struct err *err)
{
    struct pipeline_in_force row = pipeline->row;
    switch (pipeline->change) {
    case COMING_OTHER: return in_force_tell(engine, &row, pipeline->was, commit->actor, err);
    case COMING_GONE: return in_force_tell_end(engine, &row, commit->actor, err);
    case COMING_MOVED: break;
    }
    return 0;
}

/* With the definition of the commit, which is in force now. */
static int fire_push(struct triggers *t, struct engine *engine, const struct coming_commit *commit, const char *name,
                     struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct json pushed = read_object(commit->push, arena);
    struct push push = {.source = commit->source,
                        .repo = json_get_text(&pushed, "repo", ""),
                        .branch = json_get_text(&pushed, "branch", ""),
                        .after = json_get_text(&pushed, "after", ""),
                        .told = json_get(&pushed, "told")};
    struct subscription row;
    struct trigger_row fired;
    int found =
        push.told == NULL ? 0 : store_subscription_find(t->options.store, "push", name, arena, &row, err);
    if (found <= 0) {
        return found;
    }
    struct json settings = read_object(row.settings, arena);
    if (!push_is_wanted(&settings, &push)) {
        return 0;
    }
    const struct trigger_event event = {
        .pipeline = name,
        .kind = "push",
        .trigger_id = "push",
        .key = arena_printf(arena, "%s %s", push.source, push.after),
        .event = push_event(&push, arena),
        .actor = commit->actor,
    };
    if (trigger_fire(t, engine, &event, &fired, err) < 0) {
        return -1;
    }
    engine_crash_point(engine, "in_push");
    return 0;
}

static int settle(struct triggers *t, struct engine *engine, const struct coming_commit *commit,
                  const struct coming_pipeline *pipeline, struct err *err)
{
    if (store_coming_settle(t->options.store, commit->source, pipeline, err) < 0 ||
        tell(engine, commit, pipeline, err) < 0 || fire_push(t, engine, commit, pipeline->row.name, err) < 0) {
        return -1;
    }
    engine_crash_point(engine, "in_settling");
    return 0;
}

int in_force_settle(struct triggers *t, struct engine *engine, const char *name, struct err *err)
{
    struct coming_commit commit;
    struct coming_pipeline pipeline;
    if (engine_write(engine, err) < 0) {
        return -1;
    }
    int found = !t->settling ? 0
                             : store_coming_find(t->options.store, name, engine_arena(engine), &commit, &pipeline, err);
    return found <= 0 ? found : settle(t, engine, &commit, &pipeline, err);
}

/* ---- some of them ----------------------------------------------------------------------------------------------- */

/* Of what counts, settles some; of what does not and never will, drops some. */
static int go_on(struct triggers *t, struct engine *engine, const struct coming_commit *commit, struct err *err)
{
    struct store *store = t->options.store;
    int64_t begun_ms = engine_monotonic_ms(engine);
    if (engine_write(engine, err) < 0) {
        return -1;
    }
    for (int i = 0; i < TURN_PIPELINES && (i == 0 || engine_monotonic_ms(engine) - begun_ms < TURN_MS); i++) {
        struct coming_pipeline pipeline;
        int found = store_coming_next(store, commit->source, engine_arena(engine), &pipeline, err);
        if (found <= 0) {
            return found < 0 ? -1 : store_coming_over(store, commit->source, err);
        }
        if ((commit->counts ? settle(t, engine, commit, &pipeline, err)
                            : store_coming_drop(store, commit->source, pipeline.row.name, err)) < 0) {
            return -1;
        }
    }
    return 0;
}

int settle_some(struct triggers *t, struct engine *engine, struct err *err)
{
    struct coming_commit *commits = NULL;
    size_t count = 0;
    if (store_coming_list(t->options.store, engine_arena(engine), &commits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool written = !commits[i].counts && t->sources != NULL && sources_is_writing(t->sources, commits[i].source);
        if (!written) {
            return go_on(t, engine, &commits[i], err);
        }
    }
    t->settling = false;
    return 0;
}
