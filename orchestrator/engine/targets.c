/* SPDX-License-Identifier: Apache-2.0
 * What is deployed to is held by one step at a time (store/target_holds.h). Who comes while another has it waits, and
 * gets it in the order of asking.
 */
#include "engine/targets.h"

#include "engine/waits.h"
#include "store/target_holds.h"

/* A step that asks, and how long it has been waiting: waits are numbered in their order. */
struct claim {
    struct engine *engine;
    const struct open_run *open;
    struct run_place place;
    int64_t wait; /* INT64_MAX: it does not wait yet */
    const struct json *targets; /* a list of texts */
};

static bool is_own(const struct claim *claim, const char *run_id, int64_t position, int64_t item)
{
    return strcmp(run_id, claim->open->row.run_id) == 0 && position == (int64_t)claim->place.step &&
           item == (int64_t)claim->place.item;
}

static bool lists_target(const struct json *targets, struct str target)
{
    for (size_t i = 0; targets != NULL && targets->type == JSON_ARRAY && i < targets->u.array.count; i++) {
        if (str_eq(targets->u.array.items[i].u.string, target)) {
            return true;
        }
    }
    return false;
}

/* "run wine 12, step deploy" */
static const char *step_words(struct engine *engine, const char *run_id, int64_t position)
{
    const struct open_run *open = open_run_find(engine, run_id);
    return open == NULL || position < 0 || (size_t)position >= open->pipeline->step_count
               ? arena_printf(engine->turn, "run %s", run_id)
               : arena_printf(engine->turn, "%s, step %.*s", run_words(engine->turn, &open->row),
                              STR_ARG(open->pipeline->steps[position].id));
}

/* Who has been waiting longer for one of the same. One of a run that could not be loaded goes on nowhere, and is not
 * waited for. */
static int find_earlier(const struct claim *claim, const char **ret_words, struct err *err)
{
    struct engine *engine = claim->engine;
    struct wait_row *waits = NULL;
    size_t count = 0;
    if (store_wait_list(engine->options.store, NULL, false, engine->turn, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json spec = json_null();
        bool earlier = waits[i].id < claim->wait && strcmp(waits[i].kind, "target") == 0 &&
                       !is_own(claim, waits[i].run_id, waits[i].position, waits[i].item) &&
                       open_run_find(engine, waits[i].run_id) != NULL;
        if (!earlier ||
            json_read(str_from(waits[i].spec), (struct json_limits){0}, engine->turn, &spec, NULL) < 0) {
            continue;
        }
        for (size_t k = 0; k < claim->targets->u.array.count; k++) {
            struct str target = claim->targets->u.array.items[k].u.string;
            if (lists_target(json_get(&spec, "targets"), target)) {
                *ret_words = arena_printf(engine->turn, "%.*s, which %s waits for", STR_ARG(target),
                                          step_words(engine, waits[i].run_id, waits[i].position));
                return 0;
            }
        }
    }
    return 0;
}

/* Why the step cannot have them yet, in words; NULL: it can. */
static int find_obstacle(const struct claim *claim, const char **ret_words, struct err *err)
{
    struct engine *engine = claim->engine;
    size_t own = 0;
    *ret_words = NULL;
    for (size_t i = 0; i < claim->targets->u.array.count; i++) {
        const char *target = claim->targets->u.array.items[i].u.string.p;
        struct target_hold hold;
        int held = store_target_hold_get(engine->options.store, target, engine->turn, &hold, err);
        if (held < 0) {
            return -1;
        }
        own += held == 1 && is_own(claim, hold.run_id, hold.position, hold.item);
        if (held == 1 && !is_own(claim, hold.run_id, hold.position, hold.item)) {
            *ret_words = arena_printf(engine->turn, "%s, which %s holds", target,
                                      step_words(engine, hold.run_id, hold.position));
            return 0;
        }
    }
    /* Who has them all already does not stand behind those who wait for them. */
    return own == claim->targets->u.array.count ? 0 : find_earlier(claim, ret_words, err);
}

/* All of them or none: two steps that each have what the other wants would wait for ever. */
static int claim_all(const struct claim *claim, const char **ret_words, struct err *err)
{
    if (find_obstacle(claim, ret_words, err) < 0) {
        return -1;
    }
    for (size_t i = 0; *ret_words == NULL && i < claim->targets->u.array.count; i++) {
        const struct target_hold hold = {
            .target = claim->targets->u.array.items[i].u.string.p,
            .run_id = claim->open->row.run_id,
            .position = (int64_t)claim->place.step,
            .item = (int64_t)claim->place.item,
            .since_ms = engine_now(claim->engine),
        };
        if (store_target_hold_put(claim->engine->options.store, &hold, err) < 0) {
            return -1;
        }
        claim->engine->targets_held = true;
    }
    return 0;
}

int targets_check_list(const struct json *targets, struct err *err)
{
    bool good = targets != NULL && targets->type == JSON_ARRAY && targets->u.array.count > 0;
    for (size_t i = 0; good && i < targets->u.array.count; i++) {
        good = targets->u.array.items[i].type == JSON_STRING && targets->u.array.items[i].u.string.n > 0;
    }
    return good ? 0 : err_set(err, ERR_INPUT, "'targets': expected a list of one text or more");
}

int targets_take(struct engine *engine, const struct open_run *open, struct run_place place,
                 const struct json *targets, int64_t wait, const char **ret_words, struct err *err)
{
    const struct claim claim = {engine, open, place, wait == 0 ? INT64_MAX : wait, targets};
    return claim_all(&claim, ret_words, err);
}

int targets_obstacle(struct engine *engine, const struct open_run *open, struct run_place place,
                     const struct json *targets, const char **ret_words, struct err *err)
{
    const struct claim claim = {engine, open, place, INT64_MAX, targets};
    int result = find_obstacle(&claim, ret_words, err);
    *ret_words = result < 0 || *ret_words != NULL ? *ret_words : targets->u.array.items[0].u.string.p;
    return result;
}

int targets_load(struct engine *engine, struct err *err)
{
    int64_t count = store_target_holds_count(engine->options.store, err);
    engine->targets_held = count > 0;
    return count < 0 ? -1 : 0;
}

static int drop(struct engine *engine, const char *run_id, int64_t position, int64_t item, struct err *err)
{
    int64_t dropped = store_target_holds_drop(engine->options.store, run_id, position, item, err);
    if (dropped < 0) {
        return -1;
    }
    if (dropped > 0) {
        waits_look(engine);
        int due = store_waits_due(engine->options.store, "target", engine_now(engine), err);
        return due < 0 ? -1 : targets_load(engine, err);
    }
    return 0;
}

int targets_drop_ended(struct engine *engine, const struct open_run *open, struct err *err)
{
    for (size_t i = 0; engine->targets_held && i < open->changes.items.count; i++) {
        struct run_place place = open->changes.items.items[i];
        if (step_state_is_terminal(run_item_at(open->run, place)->state) &&
            drop(engine, open->row.run_id, (int64_t)place.step, (int64_t)place.item, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int targets_drop_run(struct engine *engine, const char *run_id, struct err *err)
{
    return drop(engine, run_id, -1, 0, err);
}
