/* SPDX-License-Identifier: Apache-2.0
 * Attempts whose runner is gone or never got them (docs/recovery.md, decisions.md 10 and 19).
 *
 * Nothing was forked if the journal has no SPAWNING record and the machine has not restarted: the same attempt starts
 * again. Otherwise it is lost, but only once none of its processes is left: each carries SLUICE_ATTEMPT=<mark>.
 */
#include "base/fs.h"
#include "base/log.h"
#include "engine/engine_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SWEEPS = 50, SWEEP_PAUSE_MS = 20, ENVIRON_MAX = 1 << 20 };

static bool environ_has(const char *pid, const char *needle, char *room)
{
    char path[280];
    (void)snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t size = 0;
    ssize_t got = 0;
    while (size < ENVIRON_MAX && (got = read(fd, room + size, ENVIRON_MAX - size)) > 0) {
        size += (size_t)got;
    }
    (void)close(fd);
    return str_find((struct str){room, size}, str_from(needle)) >= 0;
}

/* Kills every process that carries the mark; returns how many were there, their pids in `pids`. */
static int sweep_once(const char *needle, char *room, struct strbuf *pids)
{
    int found = 0;
    DIR *processes = opendir("/proc");
    if (processes == NULL) {
        return 0;
    }
    strbuf_reset(pids);
    for (struct dirent *entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !environ_has(entry->d_name, needle, room)) {
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
static int sweep(const char *mark, struct strbuf *pids)
{
    char needle[80];
    (void)snprintf(needle, sizeof needle, "SLUICE_ATTEMPT=%s", mark);
    char *room = malloc(ENVIRON_MAX);
    int left = room == NULL ? 0 : 1;
    for (int i = 0; i < SWEEPS && left > 0; i++) {
        left = sweep_once(needle, room, pids);
        if (left > 0) {
            struct timespec pause = {.tv_nsec = SWEEP_PAUSE_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
    }
    free(room);
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
    turn_send(engine, link->id, message);
    return 0;
}

int attempt_orphaned(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    bool same_boot = strcmp(attempt->row.boot_id, engine->boot_id) == 0;
    if (attempt->row.state == ATTEMPT_STATE_STARTING && !attempt->row.spawning && same_boot) {
        return start_again(engine, attempt, err);
    }
    struct strbuf pids;
    strbuf_init(&pids, 256);
    int left = same_boot ? sweep(attempt->row.mark, &pids) : 0;
    struct attempt_end end = {
        .state = ATTEMPT_STATE_LOST,
        .no_retry = left > 0,
        .exit_code = -1,
        .at_ms = engine_now(engine),
    };
    end.reason = left > 0
                     ? arena_printf(engine->turn, "lost: its runner is gone and %d of its processes survive: pids %s",
                                    left, pids.data)
                 : !same_boot ? "lost: the machine restarted while it ran"
                              : "lost: its runner was killed";
    strbuf_clear(&pids);
    return attempt_end(engine, attempt, &end, err);
}
