/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/sweep.h"

#include "base/arena.h"
#include "base/cgroup.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/vec.h"
#include "runner/step_group.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX_BYTES = 8 << 20, CHILDREN_MAX_BYTES = 1 << 20 };

struct process {
    pid_t pid, parent, group, session;
    char name[16];
    bool descends;
    bool matches;
};

struct processes {
    VEC_OF(struct process)
    bool blind; /* there may be others */
};

/* Who cannot look has not seen that nothing is there. A process that has gone, or is another user's, is no reason. */
static void note_failure(struct processes *list)
{
    list->blind = list->blind || errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

void sweep_name(int64_t attempt, char room[16])
{
    (void)snprintf(room, 16, "step-%lld", (long long)attempt);
}

/* "PID (NAME) STATE PPID PGRP SESSION ...": the name may hold blanks and brackets. */
static bool parse_stat(char *text, struct process *ret)
{
    char *open = strchr(text, '(');
    char *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open || close[1] != ' ') {
        return false;
    }
    *close = '\0';
    (void)snprintf(ret->name, sizeof ret->name, "%s", open + 1);
    char state = close[2];
    if (state == 'Z' || state == 'X' || state == '\0') {
        return false;
    }
    pid_t *const fields[] = {&ret->parent, &ret->group, &ret->session};
    struct str rest = str_from(close + 3);
    rest = str_slice(rest, 1, rest.n);
    for (int i = 0; i < 3; i++) {
        struct str part;
        int64_t number;
        if (!str_cut(&rest, ' ', &part) || parse_int(part, 0, INT32_MAX, &number, NULL) < 0) {
            return false;
        }
        *fields[i] = (pid_t)number;
    }
    return true;
}

static bool read_process(struct processes *list, int proc, const char *pid, struct process *ret)
{
    char path[32];
    char text[512];
    int64_t number;
    if (parse_int(str_from(pid), 1, INT32_MAX, &number, NULL) < 0) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%lld/stat", (long long)number);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        note_failure(list);
        return false;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    *ret = (struct process){.pid = (pid_t)number};
    return parse_stat(text, ret);
}

static void list_processes(struct processes *list)
{
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        list->blind = true;
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        struct process process;
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && 
            read_process(list, dirfd(proc), entry->d_name, &process)) {
            vec_push(list, process);
        }
    }
    closedir(proc);
}

static const struct process *find(const struct processes *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].pid == pid) {
            return &list->items[i];
        }
    }
    return NULL;
}

/* Parents can come after their children in /proc: repeat until nothing is new. A zombie's children have been handed
 * on already, so that no chain is broken by zombies being left out. */
static void mark_descendants(struct processes *list, pid_t self)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < list->count; i++) {
            struct process *process = &list->items[i];
            if (process->descends || process->pid == self) {
                continue;
            }
            const struct process *parent = process->parent == self ? NULL : find(list, process->parent);
            if (process->parent == self || (parent != NULL && parent->descends)) {
                process->descends = true;
                more = true;
            }
        }
    }
}

static bool environment_holds(struct processes *list, pid_t pid, const char *unique, struct arena *arena)
{
    struct str text;
    char *path = arena_printf(arena, "/proc/%d/environ", (int)pid);
    if (fs_read(path, ENVIRONMENT_MAX_BYTES, arena, &text, NULL) < 0) {
        note_failure(list);
        return false;
    }
    char *wanted = arena_printf(arena, "SLUICE_ATTEMPT=%s", unique);
    struct str entry;
    while (str_cut(&text, '\0', &entry)) {
        if (str_is(entry, wanted)) {
            return true;
        }
    }
    return false;
}

static bool matches_by_itself(struct processes *list, const struct process *process, const struct sweep_target *target,
                              struct arena *arena)
{
    return target->alone || process->group == target->group || strcmp(process->name, target->name) == 0 ||
           (target->unique != NULL && environment_holds(list, process->pid, target->unique, arena));
}

static bool matches_by_kin(const struct processes *list, const struct process *process, pid_t own_session)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct process *other = &list->items[i];
        if (other->matches && (other->pid == process->parent ||
                               (other->session == process->session && process->session != own_session))) {
            return true;
        }
    }
    return false;
}

/* Whatever it made of its environment, its session and its parents: a process cannot leave its control group. */
static void mark_group(struct processes *list, const char *cgroup)
{
    pid_t *pids = mem_array(list->count, sizeof *pids);
    size_t count = cgroup_processes(cgroup, pids, list->count);
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < count && k < list->count; k++) {
            list->items[i].matches = list->items[i].matches || list->items[i].pid == pids[k];
        }
    }
    free(pids);
}

static void mark_matches(struct processes *list, const struct sweep_target *target)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < list->count; i++) {
        struct process *process = &list->items[i];
        process->matches = process->descends && process->pid != target->spare &&
                           matches_by_itself(list, process, target, arena);
        arena_reset(arena);
    }
    arena_free(arena);
    if (target->cgroup != NULL) {
        mark_group(list, target->cgroup);
    }
    pid_t own_session = getsid(0);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < list->count; i++) {
            struct process *process = &list->items[i];
            if (process->descends && !process->matches && matches_by_kin(list, process, own_session)) {
                process->matches = true;
                more = true;
            }
        }
    }
}

static void list_matches(struct processes *list, const struct sweep_target *target)
{
    list_processes(list);
    mark_descendants(list, getpid());
    mark_matches(list, target);
}

size_t sweep_list(const struct sweep_target *target, pid_t **ret_pids)
{
    struct processes list = {0};
    struct {
        VEC_OF(pid_t)
    } pids = {0};
    list_matches(&list, target);
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].matches) {
            vec_push(&pids, list.items[i].pid);
        }
    }
    vec_clear(&list);
    *ret_pids = pids.items;
    return pids.count;
}

struct sweep_found sweep(const struct sweep_target *target, int signal)
{
    struct processes list = {0};
    struct sweep_found found = {0};
    if (target->cgroup != NULL && signal == SIGKILL) {
        step_group_kill(target->cgroup); /* no fork is quicker than this */
    }
    list_matches(&list, target);
    for (size_t i = 0; i < list.count; i++) {
        const struct process *process = &list.items[i];
        if (!process->matches) {
            continue;
        }
        if (found.count < SWEEP_SHOWN) {
            found.pids[found.count] = process->pid;
        }
        found.count++;
        if (signal != 0) {
            (void)kill(process->pid, signal);
        }
    }
    found.blind = list.blind;
    vec_clear(&list);
    return found;
}

/* `list` is of pids, each with a space behind it. */
static bool has_other(struct str list, const pid_t *known, size_t count)
{
    struct str text;
    bool other = false;
    while (!other && str_cut(&list, ' ', &text) && text.n > 0) {
        int64_t pid = 0;
        (void)parse_int(text, 1, INT32_MAX, &pid, NULL);
        other = true;
        for (size_t i = 0; i < count; i++) {
            other = other && known[i] != (pid_t)pid;
        }
    }
    return other;
}

bool sweep_has_other_children(const pid_t *known, size_t count)
{
    siginfo_t info;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD) {
        return false; /* no child at all: the usual end of a step that runs alone */
    }
    struct arena *arena = arena_new();
    struct str children;
    /* Of a kernel without it, all processes are looked at. */
    bool other = fs_read("/proc/thread-self/children", CHILDREN_MAX_BYTES, arena, &children, NULL) < 0 ||
                 has_other(children, known, count);
    arena_free(arena);
    return other;
}
