/* SPDX-License-Identifier: Apache-2.0 */
#include "api/refusals.h"

#include "store/activity.h"

#include <stdio.h>
#include <string.h>

static bool is_same(const struct refusal *a, const struct refusal *b)
{
    return a->status == b->status && strcmp(a->actor, b->actor) == 0 && strcmp(a->address, b->address) == 0;
}

static bool is_over(int64_t since_ms, int64_t now_ms)
{
    return since_ms != 0 && now_ms - since_ms >= REFUSALS_MS;
}

void refusals_note(struct refusals *refusals, const struct refusal *refusal, int64_t now_ms)
{
    struct refusal *place = NULL;
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        struct refusal *item = &refusals->items[i];
        if (item->since_ms != 0 && is_same(item, refusal)) {
            item->more++;
            return;
        }
        place = place == NULL && item->since_ms == 0 ? item : place;
    }
    if (place == NULL) {
        refusals->others++;
        refusals->others_since_ms = refusals->others_since_ms == 0 ? now_ms : refusals->others_since_ms;
        return;
    }
    *place = *refusal;
    place->since_ms = now_ms;
    place->recorded = false;
    place->more = 0;
}

bool refusals_are_due(const struct refusals *refusals, int64_t now_ms)
{
    bool due = is_over(refusals->others_since_ms, now_ms);
    for (size_t i = 0; !due && i < REFUSALS_MAX; i++) {
        const struct refusal *item = &refusals->items[i];
        due = item->since_ms != 0 && (!item->recorded || is_over(item->since_ms, now_ms));
    }
    return due;
}

static int record(struct store *store, const struct refusal *refusal, const char *reason, int64_t wall_ms,
                  struct err *err)
{
    char status[16];
    (void)snprintf(status, sizeof status, "%d", refusal->status);
    struct activity activity = {
        .at_ms = wall_ms,
        .actor = refusal->actor,
        .action = "call.refused",
        .object = refusal->object,
        .object_id = "",
        .to_state = status,
        .reason = reason,
        .address = refusal->address,
    };
    return store_activity_append(store, &activity, err);
}

static int record_item(struct refusal *item, struct store *store, int64_t now_ms, int64_t wall_ms, struct err *err)
{
    char words[100];
    if (!item->recorded) {
        if (record(store, item, item->reason, wall_ms, err) < 0) {
            return -1;
        }
        item->recorded = true;
    }
    if (!is_over(item->since_ms, now_ms)) {
        return 0;
    }
    (void)snprintf(words, sizeof words, "and %lld more within a minute", (long long)item->more);
    int result = item->more == 0 ? 0 : record(store, item, words, wall_ms, err);
    *item = (struct refusal){0};
    return result;
}

int refusals_record(struct refusals *refusals, struct store *store, int64_t now_ms, int64_t wall_ms, struct err *err)
{
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        if (refusals->items[i].since_ms != 0 && record_item(&refusals->items[i], store, now_ms, wall_ms, err) < 0) {
            return -1;
        }
    }
    if (!is_over(refusals->others_since_ms, now_ms)) {
        return 0;
    }
    struct refusal others = {.actor = "others", .object = "calls"};
    (void)snprintf(others.reason, sizeof others.reason, "%lld more were refused within a minute",
                   (long long)refusals->others);
    refusals->others = refusals->others_since_ms = 0;
    return record(store, &others, others.reason, wall_ms, err);
}
