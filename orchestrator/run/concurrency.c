/* SPDX-License-Identifier: Apache-2.0 */
#include "run/concurrency.h"

int64_t group_held(const struct member *members, size_t count)
{
    int64_t held = 0;
    for (size_t i = 0; i < count; i++) {
        held += members[i].state == RUN_STATE_RUNNING ? 1 : 0;
    }
    return held;
}

int group_order(const struct member *a, const struct member *b)
{
    const int64_t keys[][2] = {
        {a->begun ? 0 : 1, b->begun ? 0 : 1},
        {b->priority, a->priority},
        {a->created_ms, b->created_ms},
        {a->number, b->number},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static bool is_queued_anew(const struct member *member)
{
    return member->state == RUN_STATE_QUEUED && !member->begun && !member->cancelling;
}

static bool is_older(const struct member *a, const struct member *b)
{
    return a->created_ms != b->created_ms ? a->created_ms < b->created_ms : a->number < b->number;
}

/* The oldest that runs and is not being cancelled yet; NULL: none. */
static struct member *oldest_running(struct member *members, size_t count)
{
    struct member *oldest = NULL;
    for (size_t i = 0; i < count; i++) {
        struct member *member = &members[i];
        bool runs = member->state == RUN_STATE_RUNNING && !member->cancelling && member->fate == FATE_STAYS;
        if (runs && (oldest == NULL || is_older(member, oldest))) {
            oldest = member;
        }
    }
    return oldest;
}

static void make_room(struct member *members, size_t count, int64_t limit)
{
    int64_t staying = 0;
    for (size_t i = 0; i < count; i++) {
        staying += members[i].state == RUN_STATE_RUNNING && !members[i].cancelling ? 1 : 0;
    }
    for (; staying >= limit; staying--) {
        oldest_running(members, count)->fate = FATE_CANCELLED;
    }
}

void group_arrival(struct member *members, size_t count, size_t newcomer, enum concurrency_policy policy, int64_t limit)
{
    int64_t ahead = group_held(members, count);
    for (size_t i = 0; i < count; i++) {
        members[i].fate = FATE_STAYS;
        ahead += i != newcomer && members[i].state == RUN_STATE_QUEUED ? 1 : 0;
    }
    if (policy == CONCURRENCY_SKIP && ahead >= limit) {
        members[newcomer].fate = FATE_SKIPPED;
    }
    if (policy != CONCURRENCY_LATEST && policy != CONCURRENCY_CANCEL_RUNNING) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (i != newcomer && is_queued_anew(&members[i])) {
            members[i].fate = FATE_SUPERSEDED;
        }
    }
    if (policy == CONCURRENCY_CANCEL_RUNNING) {
        make_room(members, count, limit);
    }
}
