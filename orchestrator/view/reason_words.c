/* SPDX-License-Identifier: Apache-2.0 */
#include "view/reason_words.h"

/* The gate whose refusal skipped the step; SIZE_MAX when it was something else. A refusal goes from step to step by the
 * first need that is not good, and needs make no cycles. */
static size_t refusing_gate(const struct run *run, size_t index)
{
    bool found = true;
    while (found && run->steps[index].state == STEP_STATE_SKIPPED && run->steps[index].refused &&
           !run->pipeline->steps[index].condition_names_status) {
        const struct step *step = &run->pipeline->steps[index];
        found = false;
        for (size_t n = 0; n < step->need_count && !found; n++) {
            const struct run_step *needed = &run->steps[step->needs[n].step];
            if (step->needs[n].optional || !needed->refused) {
                continue;
            }
            index = step->needs[n].step;
            found = true;
            if (needed->state == STEP_STATE_SUCCEEDED) {
                return index;
            }
        }
    }
    return SIZE_MAX;
}

const char *reason_carried(struct arena *arena, const struct pipeline *pipeline, size_t step,
                           const struct run_item *item)
{
    if (item->reused) {
        return arena_printf(arena, "reused from %s/%.*s", item->carried_from, STR_ARG(pipeline->steps[step].id));
    }
    bool good = item->state == STEP_STATE_SUCCEEDED || item->reason == NULL;
    return arena_printf(arena, "from run %s%s%s", item->carried_from, good ? "" : ": ", good ? "" : item->reason);
}

const char *reason_words(struct arena *arena, const struct run *run, struct run_place place)
{
    const struct run_step *step = &run->steps[place.step];
    const struct run_item *item = place.item < step->item_count ? &step->items[place.item] : NULL;
    if (item != NULL && item->carried_from != NULL) {
        return reason_carried(arena, run->pipeline, place.step, item);
    }
    size_t gate = item == NULL ? refusing_gate(run, place.step) : SIZE_MAX;
    if (gate != SIZE_MAX) {
        return arena_printf(arena, "%.*s refused", STR_ARG(run->pipeline->steps[gate].id));
    }
    if (item == NULL) {
        return step->reason == NULL ? "" : step->reason;
    }
    if (item->reason != NULL) {
        return item->reason;
    }
    if (item->refused_by != NULL) {
        return arena_printf(arena, "refused: %s", item->refused_by);
    }
    return step->reason != NULL && step->item_count == 1 ? step->reason : "";
}
