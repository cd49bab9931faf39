/* SPDX-License-Identifier: Apache-2.0
 * What must hold when a scenario is over, whatever it comes to.
 */
#include "scenario.h"

static bool lives(struct history *h, int64_t attempt)
{
    struct sqlite3_stmt *s =
        judge_ask(&h->judge, "SELECT 1 FROM attempts WHERE id = ? AND ended_ms IS NULL", "i", attempt);
    bool found = false;
    while (judge_row(s)) {
        found = true;
    }
    return found;
}

/* Nothing of a step runs on when the store says that it is over, or knows nothing of it. */
static void look_for_leftovers(struct history *h)
{
    struct world *world = &h->world;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *e = world->executions.items[i];
        bool runs = e->process && e->runner->alive && !e->runner->stopped;
        if (runs && !lives(h, e->attempt)) {
            world_fail(world, "I12: a process of attempt %lld is left", (long long)e->attempt);
        }
    }
}

/* Who has what it needs, or is over, asks for no secret. */
static void look_who_asks(struct history *h)
{
    for (size_t i = 0; i < h->asking.count; i++) {
        if (!lives(h, h->asking.items[i])) {
            world_fail(&h->world, "a secret is still asked for, for attempt %lld, which is over",
                       (long long)h->asking.items[i]);
        }
    }
}

void scenario_judge(struct history *h)
{
    look_for_leftovers(h);
    look_who_asks(h);
}
