/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "connections.h"
#include "disk.h"
#include "machine.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- words ----------------------------------------------------------------------------------- */

void world_fail(struct world *world, const char *format, ...)
{
    if (world->failure[0] != '\0') {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
    world_trace(world, "VIOLATION %s", world->failure);
}

void world_trace(struct world *world, const char *format, ...)
{
    char line[600];
    va_list arguments;
    if (!world->traced && !world->verbose) {
        return;
    }
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    world->trace ^= (uint64_t)world->now_ms;
    for (int i = 0; i < size && i < (int)sizeof line - 1; i++) { /* FNV-1a */
        world->trace = (world->trace ^ (unsigned char)line[i]) * 0x100000001b3u;
    }
    if (world->verbose) {
        (void)printf("%9lld.%03lld  %s\n", (long long)world->now_ms / 1000, (long long)world->now_ms % 1000, line);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

static int64_t wall_ms(void *ctx)
{
    const struct world *world = ctx;
    return 1700000000000 + world->now_ms + world->skew_ms + world->wall_offset_ms;
}

static int64_t monotonic_ms(void *ctx)
{
    const struct world *world = ctx;
    return world->now_ms + world->skew_ms;
}

struct happening *world_plan(struct world *world, int64_t in_ms, enum happening_kind kind)
{
    struct happening new = {.at_ms = world->now_ms + in_ms, .order = ++world->orders, .kind = kind};
    vec_push(&world->happenings, new);
    return &world->happenings.items[world->happenings.count - 1];
}

bool world_step(struct world *world, int64_t until_ms)
{
    size_t next = SIZE_MAX;
    for (size_t i = 0; i < world->happenings.count; i++) {
        const struct happening *a = &world->happenings.items[i];
        const struct happening *b = next == SIZE_MAX ? NULL : &world->happenings.items[next];
        if (b == NULL || a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order)) {
            next = i;
        }
    }
    if (next == SIZE_MAX || world->happenings.items[next].at_ms > until_ms) {
        return false;
    }
    struct happening what = world->happenings.items[next];
    world->happenings.items[next] = world->happenings.items[--world->happenings.count];
    world->now_ms = what.at_ms > world->now_ms ? what.at_ms : world->now_ms;
    if (world->scripted && what.kind == HAPPENS_COMMAND) {
        world->acts(world, what.number);
    } else if (what.kind == HAPPENS_ANSWER) {
        world->answers(world, what.number);
    } else if (what.kind == HAPPENS_FAULT || what.kind == HAPPENS_COMMAND) {
        vec_push(&world->due, what.kind == HAPPENS_FAULT ? -what.number : what.number);
        world->disturbed = true;
    } else {
        runner_happens(world, &what);
    }
    return true;
}

void world_pass(struct world *world, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    do {
        runners_notice(world);
    } while (world_step(world, until_ms));
    world->now_ms = until_ms;
}

/* ---- struct engine_world --------------------------------------------------------------------- */

static void world_crash_point(void *ctx, const char *name)
{
    struct world *world = ctx;
    if (!world->dead) {
        if (world->points != NULL) {
            origins_note(world->points, name, world->points_passed);
        }
        world->points_passed++;
    }
    if (!world->dead && world->doze_after >= 0 && world->doze_after-- == 0) {
        world_trace(world, "the engine stands still at %s", name);
        bool engine = machine_engine_calls(false);
        world_pass(world, world->doze_ms);
        (void)machine_engine_calls(engine);
    }
    if (!world->dead && world->crash_after >= 0 && world->crash_after-- == 0) {
        world_trace(world, "the engine is killed at %s", name);
        world_engine_dies(world);
    }
}

static void world_seed(void *ctx, struct rng *ret_rng)
{
    struct world *world = ctx;
    rng_seed(ret_rng, rng_next(&world->engine_rng));
}

/* What the engine asks of its world, and is not the engine. */
static int fail_as_machine(const char *call, struct err *err)
{
    return err_set(err, ERR_IO, "%s: %s", call, machine_words());
}

static int world_boot_id(void *ctx, char ret_boot_id[40], struct err *err)
{
    if (machine_fails("boot_id")) {
        return fail_as_machine("reading the boot id", err);
    }
    memcpy(ret_boot_id, ((struct world *)ctx)->boot_id, 40);
    return 0;
}

static bool is_readable(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) > 0;
}

/* What is planned is planned again and again: by runners that are stopped, and that nobody will wake. */
static bool all_is_stopped(const struct world *world)
{
    for (size_t i = 0; i < world->happenings.count; i++) {
        const struct happening *what = &world->happenings.items[i];
        const struct runner *runner = what->execution != NULL ? what->execution->runner : what->runner;
        if (runner == NULL || !runner->stopped || what->kind == HAPPENS_GO_ON) {
            return false;
        }
    }
    return true;
}

/* Until `fd` can be read or the time is over; also, when it `heeds` them, until the history has something to do. */
static void wait_for(struct world *world, int fd, int timeout_ms, bool heeds)
{
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : world->now_ms + timeout_ms;
    for (;;) {
        runners_notice(world);
        if (world->dead || (heeds && world->disturbed) || is_readable(fd)) {
            return;
        }
        if ((timeout_ms < 0 && all_is_stopped(world)) || !world_step(world, until_ms)) {
            break;
        }
    }
    world->now_ms = timeout_ms < 0 ? world->now_ms : until_ms;
    world->stuck = timeout_ms < 0;
}

static int world_wait(void *ctx, int epoll_fd, struct epoll_event *events, int room, int timeout_ms)
{
    struct world *world = ctx;
    if (machine_fails("epoll_wait")) {
        return -1;
    }
    bool engine = machine_engine_calls(false);
    if (!world->dead) {
        wait_for(world, epoll_fd, timeout_ms, true);
    }
    world->disturbed = world->disturbed && !world->scripted; /* the turn is what people wanted */
    (void)machine_engine_calls(engine);
    return epoll_wait(epoll_fd, events, room, 0);
}

static void world_wait_readable(void *ctx, int fd, int timeout_ms)
{
    struct world *world = ctx;
    if (world->dead) {
        world->skew_ms += timeout_ms;
        return;
    }
    bool engine = machine_engine_calls(false);
    wait_for(world, fd, timeout_ms, false);
    (void)machine_engine_calls(engine);
}

static void world_pause(void *ctx, int ms)
{
    struct world *world = ctx;
    if (world->dead) {
        world->skew_ms += ms;
    } else {
        bool engine = machine_engine_calls(false);
        world_pass(world, ms);
        (void)machine_engine_calls(engine);
    }
}

static int world_runner_list(void *ctx, const char *folder, struct arena *arena, const char ***ret_ids,
                             size_t *ret_count, struct err *err)
{
    struct world *world = ctx;
    (void)folder;
    if (machine_fails("runner_list")) {
        return fail_as_machine("listing the runners", err);
    }
    *ret_ids = arena_array(arena, world->runners.count + 1, sizeof **ret_ids);
    *ret_count = 0;
    for (size_t i = 0; i < world->runners.count; i++) {
        if (world->runners.items[i]->alive) {
            (*ret_ids)[(*ret_count)++] = world->runners.items[i]->id;
        }
    }
    return 0;
}

static int world_runner_connect(void *ctx, const char *folder, const char *id)
{
    struct world *world = ctx;
    struct runner *runner = runner_find_id(world, id);
    (void)folder;
    if (machine_fails("runner_connect")) {
        return -1;
    }
    if (world->fail_connects > 0) {
        world->fail_connects--;
        errno = EMFILE;
        return -1;
    }
    bool engine = machine_engine_calls(false);
    errno = ECONNREFUSED; /* unless what is called says otherwise */
    int fd = world->dead || runner == NULL ? -1 : runner_accept(world, runner);
    (void)machine_engine_calls(engine);
    return fd;
}

static void world_runner_forget(void *ctx, const char *folder, const char *id)
{
    (void)ctx;
    (void)folder;
    (void)id;
}

static int world_runner_start(void *ctx, const struct engine_options *options, const char *folder, const char *id,
                              int *ret_pidfd, struct err *err)
{
    struct world *world = ctx;
    *ret_pidfd = -1;
    (void)options;
    (void)folder;
    if (world->dead) {
        return err_set(err, ERR_IO, "this process is dead");
    }
    if (machine_fails("runner_start")) {
        return fail_as_machine("starting a runner", err);
    }
    if (world->fail_runners > 0) {
        world->fail_runners--;
        return err_set(err, ERR_IO, "a runner cannot be started");
    }
    struct runner *runner = runner_new(world, id);
    runner->dies = world->dying_runners > 0;
    world->dying_runners -= runner->dies ? 1 : 0;
    runner->is_other = world->other_runners > 0;
    world->other_runners -= runner->is_other ? 1 : 0;
    if (world->mute_runners > 0) {
        world->mute_runners--;
        runner->listens_ms = INT64_MAX;
    }
    return 0;
}

/* ---- signals to runners: engine/runner_process.c, whose calls the linker turns to here (--wrap) ------------------ */

static struct world *living; /* that of the history that runs */

int __wrap_runner_process_open(int fd, const char *id);
bool __wrap_runner_process_wake(int pidfd);
bool __wrap_runner_process_kill(int pidfd);

int __wrap_runner_process_open(int fd, const char *id)
{
    struct runner *runner = living->knows_processes ? runner_find_id(living, id) : NULL;
    struct runner_process process = {.fd = runner == NULL ? -1 : eventfd(0, EFD_CLOEXEC), .runner = runner};
    (void)fd;
    if (process.fd >= 0) {
        vec_push(&living->processes, process);
    }
    return process.fd;
}

static struct runner *runner_of(int pidfd)
{
    /* The last that was given the number: that of one which was closed comes again. */
    for (size_t i = living->processes.count; pidfd >= 0 && i > 0; i--) {
        if (living->processes.items[i - 1].fd == pidfd) {
            return living->dead ? NULL : living->processes.items[i - 1].runner;
        }
    }
    return NULL;
}

bool __wrap_runner_process_wake(int pidfd)
{
    struct runner *runner = runner_of(pidfd);
    if (runner == NULL || !runner->alive) {
        return false;
    }
    world_trace(living, "runner %d is woken", runner->number);
    runner->stopped = runner->stopped && (runner->deaf || runner->hangs);
    return true;
}

bool __wrap_runner_process_kill(int pidfd)
{
    struct runner *runner = runner_of(pidfd);
    if (runner == NULL || runner->hangs) {
        return false;
    }
    runner_killed(living, runner);
    return true;
}

const struct engine_world world_functions = {
    .crash_point = world_crash_point,
    .seed = world_seed,
    .boot_id = world_boot_id,
    .wait = world_wait,
    .wait_readable = world_wait_readable,
    .pause = world_pause,
    .runner_list = world_runner_list,
    .runner_connect = world_runner_connect,
    .runner_forget = world_runner_forget,
    .runner_start = world_runner_start,
    .sweep = world_sweep,
};

/* ---- the engine's process -------------------------------------------------------------------- */

void world_engine_dies(struct world *world)
{
    if (world->dead) {
        return;
    }
    world->dead = true;
    world->disturbed = true;
    disk_process_dies();
    connections_process_dies();
    runners_engine_gone(world);
}

void world_engine_gone(struct world *world)
{
    runners_engine_gone(world);
    world->dead = world->disturbed = world->stuck = world->power_is_off = false;
    world->process++;
    world->skew_ms = 0;
    world->doze_after = world->scripted ? world->doze_after : -1;
    world->crash_after = world->scripted ? world->crash_after : -1; /* a scenario counts them over all of its engines */
    disk_process_gone();
    connections_process_begins();
}

void world_boot(struct world *world)
{
    (void)snprintf(world->boot_id, sizeof world->boot_id, "00000000-0000-4000-8000-%012d", ++world->boots);
}

static int64_t synced_of(const struct world *world, const char *run_id)
{
    for (size_t i = 0; i < world->synced.count; i++) {
        if (strcmp(world->synced.items[i].run_id, run_id) == 0) {
            return world->synced.items[i].bytes;
        }
    }
    return 0;
}

/* Pages come to the disk in any order: what lies between may be zeros, and then there is something. */
static void leave_pages(struct world *world, const char *path, int64_t size)
{
    int64_t zeros = (int64_t)rng_below(&world->fault_rng, 3) * 400;
    int fd = rng_below(&world->fault_rng, 2) == 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!pwrite(fd, "what else was written", 21, size + zeros);
        close(fd);
        world_trace(world, "and something behind %lld zeros", (long long)zeros);
    }
}

/* What was not synced of a journal may be missing afterwards, also from the middle of a frame. */
static void cut_journals(struct world *world)
{
    for (size_t i = 0; i < world->executions.count; i++) {
        const char *run_id = world->executions.items[i]->run_id;
        char path[200];
        struct stat status;
        (void)snprintf(path, sizeof path, "%s/runs/%s/journal", world->home, run_id);
        bool again = i > 0 && strcmp(world->executions.items[i - 1]->run_id, run_id) == 0;
        if (again || rng_below(&world->fault_rng, 2) == 0 || stat(path, &status) < 0) {
            continue;
        }
        int64_t size = (int64_t)rng_below(&world->fault_rng, (uint64_t)status.st_size + 1);
        int64_t least = synced_of(world, run_id);
        size = size < least && least <= (int64_t)status.st_size ? least : size;
        world->journal_cut = truncate(path, size) == 0 || world->journal_cut;
        world_trace(world, "a journal has %lld bytes of %lld", (long long)size, (long long)status.st_size);
        if (!world->scripted) {
            leave_pages(world, path, size);
        }
    }
}

/* Everything that ran is gone, and what was only in memory. */
void world_power_lost(struct world *world)
{
    world_trace(world, "the power goes");
    world->lost_power = world->power_is_off = true;
    world_engine_dies(world);
    for (size_t i = 0; i < world->runners.count; i++) {
        runner_killed(world, world->runners.items[i]);
    }
    for (size_t i = 0; i < world->executions.count; i++) {
        world->executions.items[i]->process = false;
    }
    cut_journals(world);
    disk_power_lost(&world->fault_rng);
    world_boot(world);
}

/* ---- a world --------------------------------------------------------------------------------- */

void world_open(struct world *world, uint64_t seed, const char *home)
{
    *world = (struct world){
        .seed = seed, .crash_after = -1, .doze_after = -1, .linger_ms = 600000, .arena = arena_new()};
    struct rng rng;
    living = world;
    rng_seed(&rng, seed);
    rng_seed(&world->disk_rng, rng_next(&rng));
    rng_seed(&world->net_rng, rng_next(&rng));
    rng_seed(&world->fault_rng, rng_next(&rng));
    rng_seed(&world->engine_rng, rng_next(&rng));
    world->clock = (struct clock){.ctx = world, .wall_ms = wall_ms, .monotonic_ms = monotonic_ms};
    (void)snprintf(world->home, sizeof world->home, "%s", home);
    (void)snprintf(world->workspace, sizeof world->workspace, "%s/project", home);
    world_boot(world);
}

void world_close(struct world *world)
{
    for (size_t i = 0; i < world->runners.count; i++) {
        runner_free(world->runners.items[i]);
    }
    for (size_t i = 0; i < world->executions.count; i++) {
        free(world->executions.items[i]);
    }
    vec_clear(&world->runners);
    vec_clear(&world->executions);
    vec_clear(&world->synced);
    vec_clear(&world->happenings);
    vec_clear(&world->due);
    vec_clear(&world->gone);
    vec_clear(&world->processes);
    arena_free(world->arena);
}
