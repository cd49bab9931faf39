/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/memory_watch.h"

#include "base/parse.h"
#include "runner/supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 250 };

/* The second number of statm: resident pages. */
static int64_t resident_bytes(const char *proc, int64_t pid)
{
    char path[128];
    long long pages = 0;
    (void)snprintf(path, sizeof path, "%s/%lld/statm", proc, (long long)pid);
    FILE *file = fopen(path, "re");
    bool read = file != NULL && fscanf(file, "%*s %lld", &pages) == 1;
    if (file != NULL) {
        (void)fclose(file);
    }
    return read ? (int64_t)pages * sysconf(_SC_PAGESIZE) : 0;
}

int64_t memory_of_process(const char *proc, int64_t pid, bool exact)
{
    char path[128];
    char line[256];
    long long kib = -1;
    (void)snprintf(path, sizeof path, "%s/%lld/smaps_rollup", proc, (long long)pid);
    FILE *file = exact ? fopen(path, "re") : NULL;
    while (file != NULL && kib < 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "Pss: %lld kB", &kib);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    /* One that may not be looked into (setuid) still says how many pages it has. */
    return kib >= 0 ? (int64_t)kib * 1024 : resident_bytes(proc, pid);
}

static int64_t sum(const pid_t *pids, size_t count, bool exact)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += memory_of_process("/proc", pids[i], exact);
    }
    return bytes;
}

/* Shared pages are walked only when counting them in full says that it may be too much. */
static int64_t in_use(struct supervised *attempt)
{
    pid_t *pids = NULL;
    struct sweep_target target = supervise_target(attempt);
    size_t count = sweep_list(&target, &pids);
    int64_t bytes = sum(pids, count, false);
    if (bytes > attempt->memory_limit_bytes) {
        bytes = sum(pids, count, true);
    }
    free(pids);
    return bytes;
}

int64_t memory_watch_tick(struct supervised *attempt, int64_t now_ms)
{
    struct exit_facts *facts = &attempt->facts;
    if (attempt->memory_limit_bytes <= 0 || attempt->group != NULL || attempt->phase != ATTEMPT_RUNNING ||
        facts->stopped != NULL || attempt->collecting) {
        return INT64_MAX;
    }
    if (now_ms < attempt->memory_look_ms) {
        return attempt->memory_look_ms;
    }
    int64_t bytes = in_use(attempt);
    attempt->memory_look_ms = now_ms + LOOK_EVERY_MS;
    if (bytes <= attempt->memory_limit_bytes) {
        return attempt->memory_look_ms;
    }
    facts->memory_used_bytes = bytes;
    facts->memory_asked_bytes = attempt->memory_limit_bytes;
    ladder_stop(attempt, "memory", json_get_int(json_get(&attempt->spawn, "stop"), "grace_ms", 10000), now_ms);
    return INT64_MAX;
}
