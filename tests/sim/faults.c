/* SPDX-License-Identifier: Apache-2.0
 * What goes wrong in a history.
 */
#include "connections.h"
#include "disk.h"
#include "history_internal.h"

#include <sqlite3.h>

const char *const history_fault_names[HISTORY_FAULT_KINDS] = {
    "kill",          "crash-point",    "die-at-write", "full",  "ioerr", "sync",    "after-sync", "busy",
    "runner-killed", "runner-stopped", "all-killed",   "power", "clock", "restart", "statement",
    "doze",
};

static struct runner *living_runner(struct history *h)
{
    struct runner *found = NULL;
    for (size_t i = 0; i < h->world.runners.count; i++) {
        found = h->world.runners.items[i]->alive ? h->world.runners.items[i] : found;
    }
    return found;
}

static void stop_runner(struct history *h)
{
    struct runner *runner = living_runner(h);
    if (runner != NULL && !runner->stopped) {
        runner->stopped = true;
        world_trace(&h->world, "runner %d is stopped", runner->number);
        world_plan(&h->world, 1 + (int64_t)rng_below(&h->rng, 20000), HAPPENS_GO_ON)->runner = runner;
    }
}

static void kill_runners(struct history *h, bool all)
{
    for (struct runner *runner = living_runner(h); runner != NULL; runner = all ? living_runner(h) : NULL) {
        runner_killed(&h->world, runner);
    }
}

void faults_do(struct history *h, size_t number)
{
    struct world *world = &h->world;
    enum fault_kind kind = h->faults[number];
    static const enum disk_fault faults[] = {
        [FAULT_DIE_AT_WRITE] = DISK_FAULT_DIE,      [FAULT_FULL] = DISK_FAULT_FULL,
        [FAULT_IOERR] = DISK_FAULT_IOERR,           [FAULT_SYNC] = DISK_FAULT_SYNC,
        [FAULT_AFTER_SYNC] = DISK_FAULT_AFTER_SYNC,
    };
    static const int codes[] = {SQLITE_IOERR_READ, SQLITE_FULL, SQLITE_BUSY};
    int luck = (int)rng_below(&h->rng, 1000);
    world_trace(world, "fault: %s", history_fault_names[kind]);
    switch (kind) {
    case FAULT_KILL:
        world_engine_dies(world);
        break;
    case FAULT_CRASH_POINT:
        world->crash_after = luck % 16;
        h->crash_at_cancel = luck % 3 == 0;
        break;
    case FAULT_DIE_AT_WRITE:
    case FAULT_FULL:
    case FAULT_IOERR:
    case FAULT_SYNC:
    case FAULT_AFTER_SYNC:
        disk_fail(faults[kind], luck % 30, luck % 3 == 0 ? 1 + luck % 20 : 1);
        break;
    case FAULT_STATEMENT:
        connections_fail(luck % 60, codes[luck % 3]);
        break;
    case FAULT_BUSY:
        disk_hold_lock(world->now_ms + luck * 6);
        break;
    case FAULT_RUNNER_KILLED:
        kill_runners(h, false);
        break;
    case FAULT_RUNNER_STOPPED:
        stop_runner(h);
        break;
    case FAULT_ALL_KILLED:
        world_engine_dies(world);
        kill_runners(h, true);
        break;
    case FAULT_POWER:
        world_power_lost(world);
        break;
    case FAULT_CLOCK:
        world->wall_was_set = true;
        world->wall_offset_ms += luck % 2 == 0 ? 3 * 3600000 : -3600000;
        world->clock_jumped = true;
        break;
    case FAULT_RESTART:
        h->restart = true;
        break;
    case FAULT_DOZE:
        world->doze_after = luck % 16;
        world->doze_ms = luck * 20;
        break;
    }
}

void faults_draw(struct history *h)
{
    struct rng rng;
    rng_seed(&rng, h->options->seed * 7 + 3);
    size_t count = rng_below(&rng, 100) < 20 ? 0 : 1 + rng_below(&rng, FAULTS_MAX - 2);
    for (size_t i = 0; i < count; i++) {
        int64_t at_ms = (int64_t)rng_below(&rng, rng_below(&rng, 2) == 0 ? 600 : 30000);
        enum fault_kind kind = (enum fault_kind)rng_below(&rng, HISTORY_FAULT_KINDS);
        if (kind == FAULT_POWER && rng_below(&rng, 2) == 0) {
            kind = FAULT_CRASH_POINT;
        }
        if (rng_below(&rng, 4) == 0) {
            kind = FAULT_STATEMENT;
        }
        h->faults[h->fault_count++] = kind;
        if ((h->options->allowed >> kind & 1u) != 0 && (h->options->faults < 0 || (int)i < h->options->faults)) {
            world_plan(&h->world, at_ms, HAPPENS_FAULT)->number = (int64_t)h->fault_count;
        }
    }
}
