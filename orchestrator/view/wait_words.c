/* SPDX-License-Identifier: Apache-2.0 */
#include "view/wait_words.h"

#include "store/leases.h"
#include "store/pipeline_runs.h"

enum { HOLDERS_NAMED = 2 };

static const char *holder_words(const struct lease_holder *holder, struct arena *arena)
{
    struct pipeline_run run = {.number = holder->number, .revision = holder->revision};
    char label[32];
    pipeline_run_label(&run, label);
    return arena_printf(arena, "%s/%s %s", holder->pipeline, label, holder->step);
}

static const char *holders_words(const struct lease_holder *holders, size_t count, struct arena *arena)
{
    const char *words = "";
    for (size_t i = 0; i < count && i < HOLDERS_NAMED; i++) {
        words = arena_printf(arena, "%s%s%s", words, i == 0 ? "" : ", ", holder_words(&holders[i], arena));
    }
    return count > HOLDERS_NAMED ? arena_printf(arena, "%s and %zu more", words, count - HOLDERS_NAMED) : words;
}

/* NULL when there is enough of it. */
static const char *lack_of(struct store *store, const struct resource_ask *ask, struct arena *arena)
{
    const char *name = arena_str(arena, ask->name).p;
    struct lease_holder *holders = NULL;
    size_t count = 0;
    struct err ignored = {0};
    int64_t amount = store_supply_get(store, name);
    int64_t held = 0;
    if (amount < 0 || store_lease_holders(store, name, arena, &holders, &count, &ignored) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        held += holders[i].amount;
    }
    if (held + ask->amount <= amount || held == 0) {
        return NULL;
    }
    bool slot = str_is(ask->name, RESOURCE_SLOT);
    const char *asked = slot ? "a slot" : name;
    if (!slot && ask->amount != 1) {
        asked = arena_printf(arena, "%s %s", name, resource_words(ask->name, ask->amount, arena));
    }
    return arena_printf(arena, "waits for %s: %s of %s held by %s", asked, resource_words(ask->name, held, arena),
                        resource_words(ask->name, amount, arena), holders_words(holders, count, arena));
}

const char *wait_words(struct store *store, const struct run *run, struct run_place place, struct arena *arena)
{
    const struct run_step *state = &run->steps[place.step];
    const struct step *step = &run->pipeline->steps[place.step];
    if (place.item >= state->item_count || state->items[place.item].state != STEP_STATE_READY) {
        return "";
    }
    for (size_t i = 0; i < step->ask_count; i++) {
        const char *words = lack_of(store, &step->asks[i], arena);
        if (words != NULL) {
            return words;
        }
    }
    struct resource_ask slot = {.name = STR(RESOURCE_SLOT), .amount = 1};
    const char *words = lack_of(store, &slot, arena);
    return words == NULL ? "" : words;
}

void wait_words_fill(struct store *store, struct run *run)
{
    const char **words = arena_array(run->arena, run->queue_count, sizeof *words); /* a queue asks for the same */
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        struct run_step *step = &run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            struct run_item *item = &step->items[k];
            if (item->state != STEP_STATE_READY) {
                continue;
            }
            if (words[step->queue] == NULL) {
                words[step->queue] = wait_words(store, run, (struct run_place){i, k}, run->arena);
            }
            item->reason = *words[step->queue] == '\0' ? item->reason : words[step->queue];
        }
    }
}
