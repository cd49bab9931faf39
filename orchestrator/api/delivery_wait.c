/* SPDX-License-Identifier: Apache-2.0 */
#include "api/delivery_wait.h"

#include "base/mem.h"
#include "store/deliveries.h"

#include <stdio.h>
#include <stdlib.h>

static void unlink_wait(struct delivery_waits *waits, const struct delivery_wait *wait)
{
    struct delivery_wait **at = &waits->first;
    while (*at != NULL && *at != wait) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = wait->next;
    }
}

static void drop_wait(struct api_job *job)
{
    struct delivery_wait *wait = (struct delivery_wait *)job; /* its first member */
    unlink_wait(api_delivery_waits(wait->api), wait);
    free(wait);
}

void delivery_wait_begin(struct api_call *call, const char *delivery_id,
                         int (*finish)(struct api_call *call, struct err *err))
{
    struct delivery_waits *waits = api_delivery_waits(call->api);
    struct delivery_wait *wait = mem_alloc(sizeof *wait);
    *wait = (struct delivery_wait){
        .job = {.exchange = call->exchange, .finish = finish, .drop = drop_wait},
        .api = call->api,
        .next = waits->first,
    };
    (void)snprintf(wait->delivery_id, sizeof wait->delivery_id, "%s", delivery_id);
    waits->first = wait;
    call->exchange->owner = wait;
    call->exchange->disown = api_disown_job;
    call->later = true;
}

static bool has_ended(const struct delivery_wait *wait, struct store *store)
{
    struct arena *arena = arena_new();
    struct delivery delivery;
    struct err err = {0};
    bool ended = store_delivery_get(store, wait->delivery_id, arena, &delivery, &err) == 0 ? delivery.ended_ms != 0
                                                                                          : err.code == ERR_NOT_FOUND;
    arena_free(arena);
    return ended;
}

struct api_job *delivery_waits_take(struct delivery_waits *waits, struct store *store)
{
    uint64_t changes = store_deliveries_changes(store);
    if (waits->first == NULL || changes == waits->seen) {
        return NULL;
    }
    for (struct delivery_wait *wait = waits->first; wait != NULL; wait = wait->next) {
        if (has_ended(wait, store)) {
            unlink_wait(waits, wait);
            return &wait->job;
        }
    }
    waits->seen = changes;
    return NULL;
}
