/* SPDX-License-Identifier: Apache-2.0
 * What an engine has done, and has in hand, as numbers.
 */
#include "engine/stats.h"

void stats_open(struct engine *engine)
{
    engine->stats.turns.bounds = histogram_bounds_quick;
    engine->stats.attempts.bounds = histogram_bounds_slow;
}

void stats_ended(struct engine *engine, const struct attempt_row *row)
{
    int64_t took_ms = row->ended_ms - row->started_ms;
    engine->stats.ended[row->state]++;
    histogram_add(&engine->stats.attempts, took_ms < 0 ? 0 : (double)took_ms / 1000);
}

const struct engine_stats *engine_stats(const struct engine *engine)
{
    return &engine->stats;
}

void engine_count_attempts(const struct engine *engine, size_t *ret_running, size_t *ret_waiting)
{
    *ret_running = *ret_waiting = 0;
    for (size_t i = 0; i < engine->attempts.count; i++) {
        bool waits = engine->attempts.items[i]->row.state == ATTEMPT_STATE_WAITING;
        *ret_waiting += waits;
        *ret_running += !waits && engine->attempts.items[i]->row.ended_ms == 0;
    }
}

size_t engine_count_runners(const struct engine *engine)
{
    size_t count = 0;
    for (size_t i = 0; i < engine->links.count; i++) {
        count += !engine->links.items[i]->dead;
    }
    return count;
}
