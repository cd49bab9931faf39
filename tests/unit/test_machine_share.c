/* SPDX-License-Identifier: Apache-2.0
 * How much of the machine is ours, told from made-up trees in the place of `/`.
 */
#include "base/machine_share.h"

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/path.h"
#include "root_tree.h"
#include "test.h"

#include <sched.h>

#define PROC "22 1 0:20 / /proc rw - proc proc rw\n"
#define VERSION_2 PROC "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
#define GROUP "sys/fs/cgroup/machine.slice/box.scope"
#define MEMORY_1 "sys/fs/cgroup/memory"
#define CPU_1 "sys/fs/cgroup/cpu,cpuacct"
#define VERSION_1                                                                                                      \
    PROC "40 23 0:30 /docker/abc /" MEMORY_1 " rw - cgroup cgroup rw,memory\n"                                         \
         "41 23 0:31 / /" CPU_1 " rw - cgroup cgroup rw,cpu,cpuacct\n"
enum { MIB = 1 << 20 };

/* A machine of 4096 MiB, in a group that limits nothing. */
static struct tree make_tree(const char *mounts, const char *groups)
{
    struct tree tree = {.root = "/tmp/sluice-share-XXXXXX", .arena = arena_new()};
    assert_non_null(mkdtemp(tree.root));
    put(&tree, "proc/meminfo", "MemFree: 1 kB\nMemTotal:        4194304 kB\nSwapTotal: 9 kB\n");
    put(&tree, "proc/self/mountinfo", mounts);
    put(&tree, "proc/self/cgroup", groups);
    return tree;
}

static int64_t own_cpu(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set) * 1000;
}

TEST(without_groups_it_is_the_machine_and_the_affinity)
{
    struct tree tree = make_tree(PROC, "");
    assert_int_equal(machine_memory(tree.root), (int64_t)4096 * MIB);
    assert_int_equal(machine_cpu(tree.root), own_cpu());
    assert_int_equal(machine_processors(tree.root), own_cpu() / 1000);
    remove_tree(&tree);
}

TEST(fewer_processors_by_affinity_are_fewer)
{
    struct tree tree = make_tree(PROC, "");
    cpu_set_t before;
    cpu_set_t one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    size_t first = 0;
    while (!CPU_ISSET(first, &before)) {
        first++;
    }
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(machine_processors(tree.root), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    remove_tree(&tree);
}

TEST(the_least_that_a_group_or_one_above_it_allows_counts)
{
    struct tree tree = make_tree(VERSION_2, "0::/machine.slice/box.scope\n");
    put(&tree, GROUP "/memory.max", "max\n");
    put(&tree, GROUP "/cpu.max", "max 100000\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)4096 * MIB);
    assert_int_equal(machine_cpu(tree.root), own_cpu());
    put(&tree, GROUP "/memory.max", "1073741824\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)1024 * MIB);
    put(&tree, "sys/fs/cgroup/machine.slice/memory.max", "536870912\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)512 * MIB);
    put(&tree, GROUP "/memory.max", "99999999999999\n"); /* more than there is */
    assert_int_equal(machine_memory(tree.root), (int64_t)512 * MIB);
    put(&tree, "sys/fs/cgroup/machine.slice/cpu.max", "100000 100000\n");
    assert_int_equal(machine_cpu(tree.root), 1000);
    assert_int_equal(machine_processors(tree.root), 1);
    remove_tree(&tree);
}

TEST(a_part_of_a_core_counts_in_cpu_and_is_a_processor)
{
    struct tree tree = make_tree(VERSION_2, "0::/machine.slice/box.scope\n");
    put(&tree, GROUP "/cpu.max", "75000 50000\n");
    int64_t expected = own_cpu() < 1500 ? own_cpu() : 1500;
    assert_int_equal(machine_cpu(tree.root), expected);
    assert_int_equal(machine_processors(tree.root), (expected + 999) / 1000);
    put(&tree, GROUP "/cpu.max", "25000 100000\n"); /* a step that asks for a core can start all the same */
    assert_int_equal(machine_cpu(tree.root), 1000);
    remove_tree(&tree);
}

TEST(version_1_says_it_in_a_tree_for_each_controller)
{
    struct tree tree = make_tree(VERSION_1, "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc/inner\n");
    put(&tree, MEMORY_1 "/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put(&tree, CPU_1 "/docker/abc/cpu.cfs_quota_us", "-1\n");
    put(&tree, CPU_1 "/docker/abc/cpu.cfs_period_us", "100000\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)4096 * MIB);
    assert_int_equal(machine_cpu(tree.root), own_cpu());
    put(&tree, MEMORY_1 "/inner/memory.limit_in_bytes", "268435456\n");
    put(&tree, CPU_1 "/docker/abc/cpu.cfs_quota_us", "100000\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)256 * MIB);
    assert_int_equal(machine_cpu(tree.root), 1000);
    remove_tree(&tree);
}

TEST(a_group_that_is_not_below_the_mount_is_taken_for_the_mounted_one)
{
    struct tree tree = make_tree(VERSION_1, "5:cpu,cpuacct:/\n4:memory:/kubepods/pod1\n");
    put(&tree, MEMORY_1 "/memory.limit_in_bytes", "268435456\n");
    assert_int_equal(machine_memory(tree.root), (int64_t)256 * MIB);
    remove_tree(&tree);
}

TEST(nonsense_in_the_kernels_files_limits_nothing)
{
    static const char *const nonsense[] = {"", "\n", "x", "-5", "12 34 56", "99999999999999999999999", "0 0", "1 0"};
    struct tree tree = make_tree(VERSION_2, "0::/machine.slice/box.scope\n");
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        put(&tree, GROUP "/memory.max", nonsense[i]);
        put(&tree, GROUP "/cpu.max", nonsense[i]);
        assert_int_equal(machine_memory(tree.root), (int64_t)4096 * MIB);
        assert_true(machine_cpu(tree.root) >= 1000);
    }
    put(&tree, "proc/meminfo", "nothing\n");
    assert_int_equal(machine_memory(tree.root), 0);
    remove_tree(&tree);
}

TEST(the_group_of_this_process_is_told_with_those_above_it)
{
    struct tree tree = make_tree(VERSION_2, "0::/a/b\n");
    size_t count = 0;
    const char *const *folders = cgroup_line(tree.root, CGROUP_2, tree.arena, &count);
    assert_int_equal(count, 3);
    assert_string_equal(folders[0], path_join(tree.arena, tree.root, "sys/fs/cgroup/a/b"));
    assert_string_equal(folders[2], path_join(tree.arena, tree.root, "sys/fs/cgroup"));
    assert_null(cgroup_line(tree.root, CGROUP_1_CPU, tree.arena, &count));
    assert_int_equal(count, 0);
    remove_tree(&tree);
}

TESTS(RUN(without_groups_it_is_the_machine_and_the_affinity),
      RUN(fewer_processors_by_affinity_are_fewer),
      RUN(the_least_that_a_group_or_one_above_it_allows_counts),
      RUN(a_part_of_a_core_counts_in_cpu_and_is_a_processor),
      RUN(version_1_says_it_in_a_tree_for_each_controller),
      RUN(a_group_that_is_not_below_the_mount_is_taken_for_the_mounted_one),
      RUN(nonsense_in_the_kernels_files_limits_nothing),
      RUN(the_group_of_this_process_is_told_with_those_above_it))
