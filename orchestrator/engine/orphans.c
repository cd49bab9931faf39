/* SPDX-License-Identifier: Apache-2.0
 * Attempts whose runner is gone or never got them (docs/operations.md, "After a crash").
 *
 * Nothing was forked if the journal has no SPAWNING record and the machine has not restarted: the same attempt starts
 * again. Otherwise it is lost, but only once none of its processes is left (sweep.c).
 */
#include "base/parse.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"
#include "store/counters.h"
#include "store/relocate.h"

static int start_again(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct runner_link *link = links_current(engine, err);
    if (link == NULL) {
        return -1;
    }
    attempt_set(&attempt->row.runner, link->id);
    attempt->dirty = true;
    if (store_count(engine->options.store, COUNTER_RECOVERED, "restarted", 1, err) < 0) {
        return -1;
    }
    return attempt_send(engine, attempt, err);
}

bool attempt_has_begun(const struct engine *engine, const struct attempt_row *row)
{
    return row->state != ATTEMPT_STATE_STARTING || row->spawning || strcmp(row->boot_id, engine->boot_id) != 0;
}

static const char *reason_of(struct engine *engine, const struct live_attempt *attempt, bool stopped, const char *how)
{
    if (!stopped) {
        bool same_boot = strcmp(attempt->row.boot_id, engine->boot_id) == 0;
        if (free_heirs_lost(engine, attempt)) {
            return "lost: the machine restarted, and nobody knows whether it had begun";
        }
        if (strcmp(attempt->row.boot_id, STORE_BOOT_RESTORED) == 0) {
            return "lost: it ran when the backup was made that the home was restored from";
        }
        return same_boot ? arena_printf(engine->turn, "lost: %s", how) : "lost: the machine restarted while it ran";
    }
    if (!attempt_has_begun(engine, &attempt->row)) {
        return "stopped before it began";
    }
    if (attempt->late) {
        char limit[40];
        format_duration(limit, sizeof limit, run_step_at(attempt->open->run, attempt->place)->timeout_ms);
        return arena_printf(engine->turn, "timed out after %s: %s", limit, how);
    }
    return arena_printf(engine->turn, "stopped: %s", how);
}

int attempt_cut_off(struct engine *engine, struct live_attempt *attempt, const char *how, struct err *err)
{
    bool same_boot = strcmp(attempt->row.boot_id, engine->boot_id) == 0;
    struct strbuf pids;
    strbuf_init(&pids, 256);
    const struct engine_world *world = engine->world;
    bool swept = attempt_has_begun(engine, &attempt->row) && same_boot;
    crash_point(engine, "before_sweep");
    int left = swept ? world->sweep(world->ctx, &attempt->row, &pids) : 0;
    bool stopped = attempt->row.stopping != NULL && left == 0; /* what was asked for has come about */
    struct attempt_end end = {
        .state = stopped ? attempt_end_state(str_from(attempt->row.stopping), false) : ATTEMPT_STATE_LOST,
        .no_retry = left > 0,
        .exit_code = -1,
        .at_ms = engine_now(engine),
    };
    end.reason = left > 0 ? arena_printf(engine->turn, "lost: %s and %d of its processes survive: pids %s", how, left,
                                         pids.data)
                          : reason_of(engine, attempt, stopped, how);
    strbuf_clear(&pids);
    const char *became = end.state == ATTEMPT_STATE_LOST ? "lost" : "stopped";
    return store_count(engine->options.store, COUNTER_RECOVERED, became, 1, err) < 0
               ? -1
               : attempt_end(engine, attempt, &end, err);
}

int attempt_orphaned(struct engine *engine, struct live_attempt *attempt, const char *how, struct err *err)
{
    if (attempt->row.early && !attempt->row.spawning && !free_heirs_lost(engine, attempt)) {
        return attempt_take_back(engine, attempt, err);
    }
    if (attempt->row.stopping == NULL && !attempt_has_begun(engine, &attempt->row)) {
        return start_again(engine, attempt, err);
    }
    return attempt_cut_off(engine, attempt, how, err);
}
