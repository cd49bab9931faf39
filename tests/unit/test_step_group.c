/* SPDX-License-Identifier: Apache-2.0
 * Groups of attempts: in a made-up tree what is written where; and with the kernel's own groups, where it has them.
 */
#include "runner/step_group.h"

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/path.h"
#include "runner/runner.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP "sys/fs/cgroup/mine"

static void put(struct arena *arena, const char *root, const char *name, const char *text)
{
    const char *path = path_join(arena, root, name);
    assert_int_equal(fs_make_folders(path_dir(arena, path), 0700, NULL), 0);
    assert_int_equal(fs_write(path, str_from(text), 0600, false, NULL), 0);
}

static void expect_file(struct arena *arena, const char *folder, const char *name, const char *text)
{
    struct str found = {0};
    assert_int_equal(fs_read(path_join(arena, folder, name), 1 << 16, arena, &found, NULL), 0);
    assert_string_equal(arena_str(arena, found).p, text);
}

static void make_tree(struct arena *arena, char root[], const char *controllers)
{
    assert_non_null(mkdtemp(root));
    put(arena, root, "proc/self/mountinfo", "31 23 0:28 /mine /sys/fs/cgroup/mine rw - cgroup2 cgroup2 rw\n");
    put(arena, root, "proc/self/cgroup", "0::/mine\n");
    put(arena, root, GROUP "/cgroup.type", "domain\n");
    put(arena, root, GROUP "/cgroup.controllers", controllers);
    put(arena, root, GROUP "/cgroup.procs", "");
    put(arena, root, GROUP "/cgroup.subtree_control", "");
    assert_int_equal(setenv(CGROUP_ROOT_ENV, root, 1), 0);
}

TEST(limits_are_written_before_the_process_and_the_group_goes_after_it)
{
    struct arena *arena = arena_new();
    char root[] = "/tmp/sluice-group-XXXXXX";
    struct group_base base;
    struct err err = {0};
    char pid[24];
    make_tree(arena, root, "cpu memory\n");
    group_base_open(&base, 77, arena);
    assert_null(base.why_not);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    expect_file(arena, path_join(arena, base.folder, CGROUP_SUPERVISOR), "cgroup.procs", pid);
    struct group_limits limits = {.memory_bytes = (int64_t)2 << 30, .cpu_milli = 500};
    const char *folder = step_group_make(&base, "mark", &limits, arena, &err);
    assert_non_null(folder);
    assert_string_equal(path_base(folder), arena_printf(arena, "sluice-%d-77-mark", (int)getpid()));
    expect_file(arena, folder, "memory.max", "2147483648");
    expect_file(arena, folder, "memory.swap.max", "0");
    expect_file(arena, folder, "memory.oom.group", "1");
    expect_file(arena, folder, "cpu.weight", "50");
    assert_null(step_group_make(&base, "mark", &limits, arena, &err)); /* it is there already */
    int door = step_group_door(folder, &err);
    assert_int_equal(step_group_enter(door), 0);
    assert_int_equal(close(door), 0);
    expect_file(arena, folder, "cgroup.procs", "0");
    assert_int_equal(step_group_usage(folder).oom_kills, -1);
    step_group_kill(folder);
    expect_file(arena, folder, "cgroup.kill", "1");
    step_group_remove(&base, folder);
    assert_false(fs_exists(folder));
    assert_int_equal(fs_remove(root, NULL), 0);
    assert_int_equal(unsetenv(CGROUP_ROOT_ENV), 0);
    arena_free(arena);
}

TEST(what_the_kernel_refuses_is_told_and_leaves_nothing)
{
    struct arena *arena = arena_new();
    char root[] = "/tmp/sluice-group-XXXXXX";
    struct group_base base;
    struct err err = {0};
    make_tree(arena, root, "memory\n");
    /* A folder in the place of a file: nobody can write it, root neither. */
    const char *control = path_join(arena, root, GROUP "/cgroup.subtree_control");
    assert_int_equal(unlink(control), 0);
    assert_int_equal(mkdir(control, 0700), 0);
    group_base_open(&base, 77, arena);
    assert_null(base.folder);
    assert_non_null(strstr(base.why_not, "writing '+memory' to "));
    assert_int_equal(rmdir(control), 0);
    put(arena, root, GROUP "/cgroup.subtree_control", "");
    group_base_open(&base, 77, arena);
    assert_non_null(base.folder);
    assert_false(base.has_cpu);
    base.folder = path_join(arena, base.folder, "gone");
    assert_null(step_group_make(&base, "mark", &(struct group_limits){.memory_bytes = 1}, arena, &err));
    assert_non_null(strstr(err.message, "making the group '"));
    assert_int_equal(fs_remove(root, NULL), 0);
    assert_int_equal(unsetenv(CGROUP_ROOT_ENV), 0);
    arena_free(arena);
}

TEST(groups_of_runners_that_are_no_more_are_removed)
{
    struct arena *arena = arena_new();
    char root[] = "/tmp/sluice-group-XXXXXX";
    struct group_base base;
    make_tree(arena, root, "memory\n");
    const char *alive = arena_printf(arena, GROUP "/sluice-%d-%lld-a/cgroup.procs", (int)getpid(),
                                     (long long)runner_start_ticks(getpid()));
    const char *recycled = arena_printf(arena, GROUP "/sluice-%d-1-b/cgroup.procs", (int)getpid());
    const char *others[] = {GROUP "/sluice-x-1-b/cgroup.procs", GROUP "/sluice-3/cgroup.procs",
                            GROUP "/job-999999999-1-a/cgroup.procs"};
    put(arena, root, alive, "");
    put(arena, root, recycled, "");
    put(arena, root, GROUP "/sluice-999999999-1-c/cgroup.procs", "");
    for (size_t i = 0; i < 3; i++) {
        put(arena, root, others[i], "");
    }
    group_base_open(&base, runner_start_ticks(getpid()), arena);
    assert_true(fs_exists(path_join(arena, root, alive)));
    assert_false(fs_exists(path_join(arena, root, recycled)));
    assert_false(fs_exists(path_join(arena, root, GROUP "/sluice-999999999-1-c")));
    for (size_t i = 0; i < 3; i++) {
        assert_true(fs_exists(path_join(arena, root, others[i])));
    }
    assert_int_equal(fs_remove(root, NULL), 0);
    assert_int_equal(unsetenv(CGROUP_ROOT_ENV), 0);
    arena_free(arena);
}

/* Sleeps in the group, and so do its children: one of another session. */
static pid_t start_in(const char *folder)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (step_group_enter(step_group_door(folder, NULL)) < 0) {
            _exit(9);
        }
        if (fork() == 0) {
            (void)setsid();
        }
        (void)sleep(120);
        _exit(0);
    }
    return pid;
}

/* The kernel's own groups, where some group of version 2 may be written: they need no controller to hold processes. */
TEST(the_kernel_keeps_processes_in_their_group_and_kills_it_whole)
{
    struct arena *arena = arena_new();
    const char *own = cgroup_of("", "self", arena);
    struct group_base base = {.folder = own, .pid = getpid(), .start_ticks = runner_start_ticks(getpid())};
    struct group_limits none = {0};
    struct err err = {0};
    const char *folder = own == NULL ? NULL : step_group_make(&base, "unit-test", &none, arena, &err);
    if (folder == NULL || !fs_exists(path_join(arena, folder, "cgroup.kill"))) {
        print_message("SKIP no group can be made here: %s\n", own == NULL ? "there is no cgroup v2" : err.message);
        if (folder != NULL) {
            step_group_remove(&base, folder);
        }
        arena_free(arena);
        skip();
    }
    pid_t pids[4] = {0};
    pid_t child = start_in(folder);
    for (int i = 0; i < 6000 && cgroup_processes(folder, pids, 4) < 2; i++) {
        (void)usleep(10000);
    }
    assert_int_equal(cgroup_processes(folder, pids, 4), 2);
    char name[24];
    (void)snprintf(name, sizeof name, "%d", (int)child);
    assert_string_equal(cgroup_of("", name, arena), folder);
    step_group_remove(&base, folder); /* not while somebody is in it */
    assert_true(fs_exists(folder));
    step_group_kill(folder);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (int i = 0; i < 6000 && cgroup_read(folder, "cgroup.events", "populated") != 0; i++) {
        (void)usleep(10000);
    }
    assert_int_equal(cgroup_processes(folder, pids, 4), 0);
    step_group_remove(&base, folder);
    assert_false(fs_exists(folder));
    arena_free(arena);
}

TESTS(RUN(limits_are_written_before_the_process_and_the_group_goes_after_it),
      RUN(what_the_kernel_refuses_is_told_and_leaves_nothing), RUN(groups_of_runners_that_are_no_more_are_removed),
      RUN(the_kernel_keeps_processes_in_their_group_and_kills_it_whole))
