/* SPDX-License-Identifier: Apache-2.0
 * Attempts whose runner is gone or never got them (docs/operations.md, "After a crash").
 *
 * Nothing was forked if the journal has no SPAWNING record and the machine has not restarted: the same attempt starts
 * again. Otherwise it is lost, but only once none of its processes is left: each carries SLUICE_ATTEMPT=<mark>, or is
 * of the process group that its first process led.
 */
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "engine/engine_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SWEEPS = 50, SWEEP_PAUSE_MS = 20, ENVIRON_MAX = 8 << 20 };

/* Whose processes are looked for. */
struct hunted {
    const char *needle; /* "SLUICE_ATTEMPT=..." in the environment */
    pid_t group;        /* of its first process; 0: it was never started, or the number means another process now */
    char *room;         /* ENVIRON_MAX bytes */
};

static bool environ_has(const char *pid, const struct hunted *hunted)
{
    char path[280];
    (void)snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t size = 0;
    ssize_t got = 0;
    while (size < ENVIRON_MAX && (got = read(fd, hunted->room + size, ENVIRON_MAX - size)) > 0) {
        size += (size_t)got;
    }
    (void)close(fd);
    return str_find((struct str){hunted->room, size}, str_from(hunted->needle)) >= 0;
}

/* Steps lead a process group of their own. Its number cannot be given to another while one of them is alive, but may
 * have been after the last was gone. */
static pid_t group_of(const struct attempt_row *row)
{
    char pid[24];
    (void)snprintf(pid, sizeof pid, "%lld", (long long)row->pid);
    int64_t ticks = row->pid <= 1 ? -1 : process_stat(pid, STAT_START_TICKS);
    return row->pid <= 1 || (ticks >= 0 && ticks != row->start_ticks) ? 0 : (pid_t)row->pid;
}

static bool is_hunted(const char *pid, const struct hunted *hunted)
{
    int64_t group = process_stat(pid, STAT_GROUP);
    return group >= 0 && ((hunted->group > 0 && group == hunted->group) || environ_has(pid, hunted));
}

/* Kills every process of the attempt; returns how many were there, their pids in `pids`. */
static int sweep_once(const struct hunted *hunted, struct strbuf *pids)
{
    int found = 0;
    DIR *processes = opendir("/proc");
    strbuf_reset(pids);
    if (processes == NULL) { /* who cannot look has not seen that nothing is left */
        strbuf_add_text(pids, "unknown, since /proc cannot be read");
        return 1;
    }
    for (struct dirent *entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !is_hunted(entry->d_name, hunted)) {
            continue;
        }
        found++;
        strbuf_printf(pids, "%s%s", pids->length == 0 ? "" : ", ", entry->d_name);
        (void)kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
    }
    (void)closedir(processes);
    return found;
}

/* How many processes of the attempt are left after killing them for a second. */
static int sweep(const struct attempt_row *row, struct strbuf *pids)
{
    char needle[80];
    (void)snprintf(needle, sizeof needle, "SLUICE_ATTEMPT=%s", row->mark);
    struct hunted hunted = {.needle = needle, .group = group_of(row), .room = mem_alloc(ENVIRON_MAX)};
    int left = 1;
    for (int i = 0; i < SWEEPS && left > 0; i++) {
        left = sweep_once(&hunted, pids);
        if (left > 0) {
            struct timespec pause = {.tv_nsec = SWEEP_PAUSE_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
    }
    free(hunted.room);
    return left;
}

static int start_again(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct runner_link *link = links_current(engine, err);
    if (link == NULL) {
        return -1;
    }
    struct json message;
    struct json outcome = json_null();
    struct err wrong = {0};
    attempt_set(&attempt->row.runner, link->id);
    attempt->dirty = true;
    if (attempt->row.wait != NULL && wait_resumed(engine, attempt, engine->turn, &outcome, err) < 0) {
        return -1;
    }
    const struct json *resumed = attempt->row.wait != NULL ? &outcome : NULL;
    if (spawn_message(engine, attempt, resumed, &message, &wrong) < 0) {
        struct attempt_end end = {
            .state = ATTEMPT_STATE_FAILED, .reason = wrong.message, .exit_code = -1, .at_ms = engine_now(engine)};
        return attempt_end(engine, attempt, &end, err);
    }
    attempt->sent = true;
    attempt->since_ms = clock_monotonic_ms(engine->options.clock);
    turn_send(engine, link->id, message);
    return 0;
}

bool attempt_has_begun(const struct engine *engine, const struct attempt_row *row)
{
    return row->state != ATTEMPT_STATE_STARTING || row->spawning || strcmp(row->boot_id, engine->boot_id) != 0;
}

static const char *reason_of(struct engine *engine, const struct live_attempt *attempt, bool stopped, const char *how)
{
    if (!stopped) {
        bool same_boot = strcmp(attempt->row.boot_id, engine->boot_id) == 0;
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
    int left = attempt_has_begun(engine, &attempt->row) && same_boot ? sweep(&attempt->row, &pids) : 0;
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
    return attempt_end(engine, attempt, &end, err);
}

int attempt_orphaned(struct engine *engine, struct live_attempt *attempt, const char *how, struct err *err)
{
    if (attempt->row.stopping == NULL && !attempt_has_begun(engine, &attempt->row)) {
        return start_again(engine, attempt, err);
    }
    return attempt_cut_off(engine, attempt, how, err);
}
