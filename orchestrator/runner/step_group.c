/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_group.h"

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "runner/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_PREFIX "sluice-"

/* The kernel's files are there in a new group; in a made-up tree they are made here, empty. */
static void make_up_files(const char *folder, struct arena *arena)
{
    static const char *const files[] = {"cgroup.procs", "cgroup.kill",     "cgroup.subtree_control", "memory.max",
                                        "memory.swap.max", "memory.oom.group", "cpu.weight"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = path_join(arena, folder, files[i]);
        if (!fs_exists(path)) {
            (void)fs_write(path, STR(""), 0600, false, NULL);
        }
    }
}

/* ---- the base --------------------------------------------------------------------------------------------------- */

/* Is the runner of this group's name still there? */
static bool is_left_over(const char *name)
{
    struct str rest = str_from(name);
    struct str part = {0};
    int64_t pid = 0;
    int64_t ticks = 0;
    if (!str_starts(rest, STR(GROUP_PREFIX))) {
        return false;
    }
    rest = str_slice(rest, strlen(GROUP_PREFIX), rest.n);
    if (!str_cut(&rest, '-', &part) || parse_int(part, 1, INT32_MAX, &pid, NULL) < 0 || !str_cut(&rest, '-', &part) ||
        parse_int(part, 0, INT64_MAX, &ticks, NULL) < 0) {
        return false;
    }
    return runner_start_ticks((pid_t)pid) != ticks;
}

static void remove_left_over(const struct group_base *base, struct arena *arena)
{
    DIR *folder = opendir(base->folder);
    for (struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (is_left_over(entry->d_name)) {
            step_group_remove(base, path_join(arena, base->folder, entry->d_name));
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

static int move(const char *folder, pid_t pid, struct err *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    return cgroup_write(folder, "cgroup.procs", text, err);
}

/* A group that hands controllers down may hold no processes itself. */
static int move_in(struct group_base *base, const struct cgroup *group, const pid_t own[2], struct arena *arena,
                   struct err *err)
{
    const char *supervisor = path_join(arena, group->folder, CGROUP_SUPERVISOR);
    if (group->inside || group->is_whole) {
        return 0;
    }
    if (mkdir(supervisor, 0755) < 0 && errno != EEXIST) {
        return err_errno(err, "making '%s'", supervisor);
    }
    if (base->is_made_up) {
        make_up_files(supervisor, arena);
    }
    pid_t inside[4];
    size_t count = cgroup_processes(group->folder, inside, 4);
    for (size_t i = 0; i < count && i < 4; i++) {
        if ((inside[i] == own[0] || inside[i] == own[1]) && move(supervisor, inside[i], err) < 0) {
            return -1;
        }
    }
    return base->is_made_up ? move(supervisor, own[0], err) : 0;
}

static int divide(struct group_base *base, const struct cgroup *group, const pid_t own[2], struct arena *arena,
                  struct err *err)
{
    if (move_in(base, group, own, arena, err) < 0 ||
        cgroup_write(group->folder, "cgroup.subtree_control", "+memory", err) < 0) {
        return -1;
    }
    struct err no_cpu = {0};
    base->has_cpu = group->has_cpu && cgroup_write(group->folder, "cgroup.subtree_control", "+cpu", &no_cpu) == 0;
    return 0;
}

void group_base_open(struct group_base *base, int64_t start_ticks, struct arena *arena)
{
    const char *root = cgroup_root();
    pid_t own[2] = {getpid(), getppid()};
    struct cgroup group;
    struct err err = {0};
    *base = (struct group_base){.pid = own[0], .start_ticks = start_ticks, .is_made_up = *root != '\0'};
    cgroup_find(root, geteuid(), own, 2, arena, &group);
    if (group.why_not == NULL && divide(base, &group, own, arena, &err) < 0) {
        group.why_not = arena_strdup(arena, err.message);
    }
    base->why_not = group.why_not;
    if (group.why_not != NULL) {
        log_info("runner", "memory is looked at, not limited by the kernel: %s", group.why_not);
        return;
    }
    base->folder = group.folder;
    remove_left_over(base, arena);
}

/* ---- the group of an attempt ------------------------------------------------------------------------------------ */

static int write_number(const char *folder, const char *file, int64_t number, struct err *err)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    return cgroup_write(folder, file, text, err);
}

static int limit(const struct group_base *base, const char *folder, const struct group_limits *limits, struct err *err)
{
    enum { WEIGHT_OF_CORE = 100, WEIGHT_MAX = 10000 };
    struct err ignored = {0};
    if (limits->memory_bytes > 0) {
        if (write_number(folder, "memory.max", limits->memory_bytes, err) < 0) {
            return -1;
        }
        /* A kernel without swap, or an older one, has not these: the limit holds without them. */
        (void)cgroup_write(folder, "memory.swap.max", "0", &ignored);
        (void)cgroup_write(folder, "memory.oom.group", "1", &ignored);
    }
    if (limits->cpu_milli > 0 && base->has_cpu) {
        int64_t weight = limits->cpu_milli * WEIGHT_OF_CORE / 1000;
        (void)write_number(folder, "cpu.weight", weight < 1 ? 1 : weight > WEIGHT_MAX ? WEIGHT_MAX : weight, &ignored);
    }
    return 0;
}

const char *step_group_make(const struct group_base *base, const char *mark, const struct group_limits *limits,
                            struct arena *arena, struct err *err)
{
    const char *name =
        arena_printf(arena, GROUP_PREFIX "%d-%lld-%s", (int)base->pid, (long long)base->start_ticks, mark);
    const char *folder = path_join(arena, base->folder, name);
    if (mkdir(folder, 0755) < 0) {
        (void)err_errno(err, "making the group '%s'", folder);
        return NULL;
    }
    if (base->is_made_up) {
        make_up_files(folder, arena);
    }
    if (limit(base, folder, limits, err) < 0) {
        step_group_remove(base, folder);
        return NULL;
    }
    return folder;
}

int step_group_door(const char *folder, struct err *err)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, folder, "cgroup.procs");
    int door = open(path, O_WRONLY | O_CLOEXEC);
    if (door < 0) {
        (void)err_errno(err, "opening '%s'", path);
    }
    arena_free(arena);
    return door;
}

int step_group_enter(int door)
{
    return write(door, "0", 1) == 1 ? 0 : -1; /* 0: whoever writes it */
}

void step_group_kill(const char *folder)
{
    (void)cgroup_write(folder, "cgroup.kill", "1", NULL); /* Linux 5.14; the sweep kills what it leaves */
}

static int64_t in_ms(int64_t usec)
{
    return usec < 0 ? -1 : usec / 1000;
}

struct group_usage step_group_usage(const char *folder)
{
    return (struct group_usage){
        .oom_kills = cgroup_read(folder, "memory.events", "oom_kill"),
        .memory_peak_bytes = cgroup_read(folder, "memory.peak", NULL),
        .user_ms = in_ms(cgroup_read(folder, "cpu.stat", "user_usec")),
        .system_ms = in_ms(cgroup_read(folder, "cpu.stat", "system_usec")),
    };
}

int64_t step_group_outer_oom_kills(void)
{
    return cgroup_oom_kills(cgroup_root());
}

void step_group_remove(const struct group_base *base, const char *folder)
{
    if (base->is_made_up) {
        (void)fs_remove(folder, NULL);
    } else {
        (void)rmdir(folder);
    }
}
