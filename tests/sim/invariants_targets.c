/* SPDX-License-Identifier: Apache-2.0
 * Of what is deployed to: a step that was told that it has a target has it, and has passed nobody by.
 */
#include "invariants.h"

#include <sqlite3.h>

/* Does its runner know that the engine has read of its end? A wait counts from the step's word, and is known later. */
static bool was_heard(const struct world *world, int64_t attempt)
{
    bool heard = false;
    for (size_t i = 0; i < world->executions.count; i++) {
        const struct execution *other = world->executions.items[i];
        heard = heard || (other->attempt == attempt && other->acked);
    }
    return heard;
}

/* Nobody who has been waiting for longer is passed by. */
static void check_turn(struct judge *judge, const struct execution *e, const char *target)
{
    struct world *world = judge->world;
    sqlite3_stmt *s = judge_ask(
        judge,
        "SELECT w.id || ' of ' || w.run_id, w.attempt FROM target_holds h "
        "JOIN waits w ON w.kind = 'target' AND w.status = 'open' AND w.spec LIKE '%\"' || h.target || '\"%' "
        "WHERE h.target = ? AND h.run_id = ? AND w.created_ms < h.since_ms "
        "AND w.id < ifnull((SELECT max(id) FROM waits o WHERE o.run_id = h.run_id AND o.position = h.position AND "
        "o.item = h.item AND o.kind = 'target'), w.id + 1)",
        "tt", target, e->run_id);
    while (judge_row(s)) {
        if (was_heard(world, sqlite3_column_int64(s, 1))) {
            world_fail(world, "T: attempt %lld has %s, for which wait %s has been waiting longer",
                       (long long)e->attempt, target, judge_text(s, 0));
        }
    }
    s = judge_ask(judge, "SELECT target FROM target_holds WHERE target = ? AND run_id = ?", "tt", target, e->run_id);
    bool asked = s != NULL; /* the disk may be dead */
    bool held = false;
    while (judge_row(s)) {
        held = true;
    }
    if (asked && !held && !world->dead) {
        world_fail(world, "T: attempt %lld was told that it has %s, and no row says so", (long long)e->attempt, target);
    }
}

void judge_took(struct judge *judge, const struct execution *e, const char *targets)
{
    for (const char *p = targets; !judge->world->wall_was_set && *p != '\0'; p++) {
        const char target[2] = {*p, '\0'};
        if (*p >= 'a' && *p <= 'z') {
            check_turn(judge, e, target);
        }
    }
}
