/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process_hunt.h"

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/process_stat.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SWEEPS = 50, SWEEP_PAUSE_MS = 20, DYING_PAUSES = 10, ENVIRON_MAX = 8 << 20, CGROUP_MAX = 64 << 10 };

static const char unknown[] = "unknown, since /proc cannot be read";

/* Whose processes are looked for. */
struct hunted {
    const char *needle; /* "SLUICE_ATTEMPT=..." in the environment */
    const char *mark;   /* the last part of its control group's name */
    pid_t group;        /* of its first process; 0: it was never started, or the number means another process now */
    pid_t session;      /* of its dead runner; 0: the group is known, or the runner is alive */
    char *room;         /* ENVIRON_MAX bytes */
    bool blind;         /* a process could not be looked at, for want of descriptors or memory */
};

static void note_failure(struct hunted *hunted)
{
    hunted->blind = hunted->blind || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

static bool environ_has(const char *pid, struct hunted *hunted)
{
    char path[280];
    (void)snprintf(path, sizeof path, "/proc/%s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        note_failure(hunted);
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
static pid_t group_of(const struct process_prey *prey)
{
    char pid[24];
    (void)snprintf(pid, sizeof pid, "%lld", (long long)prey->pid);
    int64_t ticks = prey->pid <= 1 ? -1 : process_stat(pid, STAT_START_TICKS);
    return prey->pid <= 1 || (ticks >= 0 && ticks != prey->start_ticks) ? 0 : (pid_t)prey->pid;
}

static void pause_between(void)
{
    struct timespec pause = {.tv_nsec = SWEEP_PAUSE_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* A runner that is killed closes its sockets, by which its end is noticed, a moment before it is gone. */
static pid_t session_of(const struct process_prey *prey)
{
    char leader[24];
    (void)snprintf(leader, sizeof leader, "%lld", (long long)prey->session);
    if (prey->pid > 1 || prey->session <= 1) {
        return 0;
    }
    bool lives = process_stat(leader, STAT_SESSION) >= 0;
    for (int i = 0; i < DYING_PAUSES && lives; i++) {
        pause_between();
        lives = process_stat(leader, STAT_SESSION) >= 0;
    }
    return lives ? 0 : (pid_t)prey->session;
}

/* All of the group are killed at once where the kernel can. */
static bool is_in_cgroup(const char *pid, const struct hunted *hunted)
{
    struct arena *arena = arena_new();
    struct str line = {0};
    char path[280];
    (void)snprintf(path, sizeof path, "/proc/%s/cgroup", pid);
    bool found = fs_read(path, CGROUP_MAX, arena, &line, NULL) == 0 && str_find(line, str_from(hunted->mark)) >= 0;
    const char *folder = found ? cgroup_of("", pid, arena) : NULL;
    found = folder != NULL && str_ends(str_from(folder), str_from(hunted->mark));
    if (found) {
        (void)cgroup_write(folder, "cgroup.kill", "1", NULL);
    }
    arena_free(arena);
    return found;
}

static bool is_hunted(const char *pid, struct hunted *hunted)
{
    errno = 0;
    int64_t group = process_stat(pid, STAT_GROUP);
    if (group < 0) {
        note_failure(hunted);
    }
    return group >= 0 && ((hunted->group > 0 && group == hunted->group) ||
                          (hunted->session > 0 && process_stat(pid, STAT_SESSION) == hunted->session) ||
                          environ_has(pid, hunted) || is_in_cgroup(pid, hunted));
}

/* Kills every process of the attempt; returns how many were there, their pids in `pids`. */
static int sweep_once(struct hunted *hunted, struct strbuf *pids)
{
    int found = 0;
    DIR *processes = opendir("/proc");
    strbuf_reset(pids);
    hunted->blind = processes == NULL;
    if (processes == NULL) {
        strbuf_add_text(pids, unknown);
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
    if (found == 0 && hunted->blind) { /* who cannot look has not seen that nothing is left */
        strbuf_add_text(pids, unknown);
        return 1;
    }
    return found;
}

int process_hunt(const struct process_prey *prey, struct strbuf *pids)
{
    char needle[80];
    (void)snprintf(needle, sizeof needle, "SLUICE_ATTEMPT=%s", prey->mark);
    struct hunted hunted = {
        .needle = needle,
        .mark = prey->mark,
        .group = group_of(prey),
        .session = session_of(prey),
        .room = mem_alloc(ENVIRON_MAX),
    };
    int left = 1;
    for (int i = 0; i < SWEEPS && left > 0; i++) {
        left = sweep_once(&hunted, pids);
        if (left > 0) {
            pause_between();
        }
    }
    free(hunted.room);
    return left;
}
