/* SPDX-License-Identifier: Apache-2.0
 * What a run would use again: it is begun, its kept results are taken as far as they go, and all of it is undone.
 */
#include "engine/cache.h"
#include "engine/engine_internal.h"

/* Steps that would have to run stay where they are: what is behind them cannot be told. */
static int take_kept(struct engine *engine, struct open_run *open, struct err *err)
{
    struct run_place place;
    while (!run_state_is_terminal(open->run->state) &&
           run_take_ready(open->run, engine_now(engine), &open->changes, &place)) {
        if (run_step_at(open->run, place)->cache != NULL && cache_reuse(engine, open, place, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* {step: "11"} of those whose items are all there; of a matrix the first item's. */
static struct json reused_steps(const struct open_run *open, struct arena *arena)
{
    struct json reused = json_object();
    for (size_t i = 0; i < open->pipeline->step_count; i++) {
        const struct run_step *step = &open->run->steps[i];
        bool all = step->item_count > 0;
        for (size_t k = 0; k < step->item_count; k++) {
            all = all && step->items[k].reused;
        }
        if (all) {
            json_set(arena, &reused, arena_str(arena, open->pipeline->steps[i].id).p,
                     json_cstring(arena, step->items[0].carried_from));
        }
    }
    return reused;
}

int engine_foresee(struct engine *engine, const struct engine_submission *submission, struct arena *arena,
                   struct json *ret_reused, struct err *err)
{
    struct open_run *open = NULL;
    if (turn_begin(engine, err) < 0) {
        return -1;
    }
    int result = run_submit(engine, submission, &open, err);
    result = result < 0 ? -1 : take_kept(engine, open, err);
    if (result == 0) {
        *ret_reused = reused_steps(open, arena);
    }
    turn_abandon(engine);
    return result;
}
