/* SPDX-License-Identifier: Apache-2.0
 * Is the group that we are in ours to divide? Told from made-up trees in the place of `/`.
 */
#include "base/cgroup.h"

#include "base/fs.h"
#include "base/path.h"
#include "root_tree.h"
#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define GROUP "sys/fs/cgroup/user.slice/mine.scope"
#define UNIFIED "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MINE "0::/user.slice/mine.scope\n"

/* A delegated group, as systemd-run leaves it. */
static struct tree make_tree(void)
{
    struct tree tree = {.root = "/tmp/sluice-cgroup-XXXXXX", .arena = arena_new()};
    assert_non_null(mkdtemp(tree.root));
    put(&tree, "proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n" UNIFIED);
    put(&tree, "proc/self/cgroup", MINE);
    put(&tree, GROUP "/cgroup.type", "domain\n");
    put(&tree, GROUP "/cgroup.controllers", "cpu memory pids\n");
    put(&tree, GROUP "/cgroup.procs", "41\n42\n");
    put(&tree, GROUP "/cgroup.subtree_control", "\n");
    return tree;
}

static struct cgroup find(const struct tree *tree, uid_t uid)
{
    static const pid_t own[] = {42, 41};
    struct cgroup group;
    cgroup_find(tree->root, uid, own, 2, tree->arena, &group);
    return group;
}

static void expect_no(const struct tree *tree, uid_t uid, const char *words)
{
    struct cgroup group = find(tree, uid);
    if (group.why_not == NULL || strstr(group.why_not, words) == NULL) {
        fail_msg("expected '%s', found '%s'", words, group.why_not == NULL ? "that it is ours" : group.why_not);
    }
}

TEST(a_delegated_group_is_ours)
{
    struct tree tree = make_tree();
    struct cgroup group = find(&tree, 1000);
    assert_null(group.why_not);
    assert_string_equal(group.folder, path_join(tree.arena, tree.root, GROUP));
    assert_false(group.inside);
    assert_false(group.is_whole);
    assert_true(group.has_cpu);
    put(&tree, GROUP "/cgroup.controllers", "memory\n");
    group = find(&tree, 1000);
    assert_null(group.why_not);
    assert_false(group.has_cpu);
    remove_tree(&tree);
}

TEST(who_is_in_the_supervisor_divides_the_group_above)
{
    struct tree tree = make_tree();
    put(&tree, "proc/self/cgroup", "0::/user.slice/mine.scope/supervisor\n");
    put(&tree, GROUP "/supervisor/cgroup.procs", "41\n42\n");
    put(&tree, GROUP "/cgroup.procs", "");
    struct cgroup group = find(&tree, 1000);
    assert_null(group.why_not);
    assert_true(group.inside);
    assert_string_equal(group.folder, path_join(tree.arena, tree.root, GROUP));
    remove_tree(&tree);
}

TEST(a_mount_may_begin_below_the_top_and_have_blanks_in_its_name)
{
    struct tree tree = make_tree();
    put(&tree, "proc/self/mountinfo", "31 23 0:28 /user.slice /sys/my\\040groups rw - cgroup2 cgroup2 rw\n");
    put(&tree, "sys/my groups/mine.scope/cgroup.controllers", "memory\n");
    assert_string_equal(cgroup_of(tree.root, "self", tree.arena),
                        path_join(tree.arena, tree.root, "sys/my groups/mine.scope"));
    put(&tree, "proc/self/mountinfo", "31 23 0:28 /other.slice /sys/groups rw - cgroup2 cgroup2 rw\n");
    assert_null(cgroup_of(tree.root, "self", tree.arena));
    put(&tree, "proc/self/mountinfo", "31 23 0:28 /user /sys/groups rw - cgroup2 cgroup2 rw\n");
    assert_null(cgroup_of(tree.root, "self", tree.arena));
    assert_null(cgroup_of(tree.root, "77", tree.arena));
    remove_tree(&tree);
}

TEST(version_1_alone_is_refused_in_words)
{
    struct tree tree = make_tree();
    put(&tree, "proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    expect_no(&tree, 1000, "there is no cgroup version 2");
    put(&tree, "proc/self/mountinfo", UNIFIED);
    put(&tree, "proc/self/cgroup", "4:memory:/jobs\n1:cpu:/\n");
    expect_no(&tree, 1000, "there is no cgroup version 2");
    assert_int_equal(fs_remove(path_join(tree.arena, tree.root, "proc"), NULL), 0);
    expect_no(&tree, 1000, "there is no cgroup version 2");
    remove_tree(&tree);
}

TEST(a_hybrid_whose_memory_version_1_has_is_refused_in_words)
{
    struct tree tree = make_tree();
    put(&tree, "proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n");
    put(&tree, "proc/self/cgroup", "4:memory:/jobs\n0::/\n");
    put(&tree, "sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
    expect_no(&tree, 0, "unified' has no memory controller");
    remove_tree(&tree);
}

TEST(what_the_kernel_ended_in_our_group_is_counted_in_either_version)
{
    struct tree tree = make_tree();
    assert_int_equal(cgroup_oom_kills(tree.root), -1);
    put(&tree, GROUP "/memory.events", "low 0\noom 0\noom_kill 3\noom_group_kill 0\n");
    assert_int_equal(cgroup_oom_kills(tree.root), 3);
    put(&tree, "proc/self/mountinfo", "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                                      "35 31 0:32 /jobs /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put(&tree, "proc/self/cgroup", "5:cpu:/\n4:memory:/jobs/mine\n0::/\n");
    put(&tree, "sys/fs/cgroup/memory/mine/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
    assert_int_equal(cgroup_oom_kills(tree.root), 7);
    remove_tree(&tree);
}

TEST(a_threaded_group_is_refused_in_words)
{
    struct tree tree = make_tree();
    put(&tree, GROUP "/cgroup.type", "threaded\n");
    expect_no(&tree, 1000, "is of the type 'threaded'");
    put(&tree, GROUP "/cgroup.type", "domain invalid\n");
    expect_no(&tree, 1000, "is of the type 'domain invalid'");
    remove_tree(&tree);
}

TEST(a_group_with_strangers_is_refused_in_words)
{
    struct tree tree = make_tree();
    put(&tree, GROUP "/cgroup.procs", "41\n42\n7\n");
    expect_no(&tree, 1000, "process 7 is in the group");
    put(&tree, GROUP "/cgroup.procs", "0\n"); /* of another pid namespace */
    expect_no(&tree, 1000, "process 0 is in the group");
    remove_tree(&tree);
}

TEST(root_needs_the_mark_of_delegation_or_a_group_that_is_the_top)
{
    struct tree tree = make_tree();
    const char *folder = path_join(tree.arena, tree.root, GROUP);
    expect_no(&tree, 0, "was not delegated");
    if (setxattr(folder, "user.delegate", "1", 1, 0) == 0) { /* a file system without them cannot be asked */
        assert_null(find(&tree, 0).why_not);
        assert_int_equal(setxattr(folder, "user.delegate", "0", 1, 0), 0);
        expect_no(&tree, 0, "was not delegated");
    } else {
        assert_int_equal(errno, ENOTSUP);
    }
    /* A container that sees its own group as the top one. */
    put(&tree, "proc/self/cgroup", "0::/\n");
    put(&tree, "sys/fs/cgroup/cgroup.type", "domain\n");
    put(&tree, "sys/fs/cgroup/cgroup.controllers", "memory\n");
    put(&tree, "sys/fs/cgroup/cgroup.procs", "41\n");
    put(&tree, "sys/fs/cgroup/cgroup.subtree_control", "");
    assert_null(find(&tree, 0).why_not);
    put(&tree, "sys/fs/cgroup/cgroup.procs", "1\n41\n");
    expect_no(&tree, 0, "process 1 is in the group");
    /* The machine's own top group has no type; processes and groups stand side by side in it. */
    assert_int_equal(unlink(path_join(tree.arena, tree.root, "sys/fs/cgroup/cgroup.type")), 0);
    assert_null(find(&tree, 0).why_not);
    assert_true(find(&tree, 0).is_whole);
    remove_tree(&tree);
}

TEST(a_group_that_may_not_be_written_is_refused_in_words)
{
    struct tree tree = make_tree();
    const char *control = path_join(tree.arena, tree.root, GROUP "/cgroup.subtree_control");
    assert_int_equal(unlink(control), 0); /* root may write what has no permission: what is not there nobody may */
    expect_no(&tree, 1000, "is not ours to divide");
    remove_tree(&tree);
}

TEST(numbers_of_the_kernels_files_are_found_by_their_key)
{
    struct tree tree = make_tree();
    const char *folder = path_join(tree.arena, tree.root, GROUP);
    put(&tree, GROUP "/memory.events", "low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 1\n");
    put(&tree, GROUP "/memory.peak", "81920\n");
    assert_int_equal(cgroup_read(folder, "memory.events", "oom_kill"), 3);
    assert_int_equal(cgroup_read(folder, "memory.events", "oom"), 2);
    assert_int_equal(cgroup_read(folder, "memory.events", "oom_ki"), -1);
    assert_int_equal(cgroup_read(folder, "memory.peak", NULL), 81920);
    assert_int_equal(cgroup_read(folder, "memory.what", NULL), -1);
    pid_t pids[1] = {0};
    assert_int_equal(cgroup_processes(folder, pids, 1), 2);
    assert_int_equal(pids[0], 41);
    struct err err = {0};
    assert_int_equal(cgroup_write(folder, "memory.nothing", "1", &err), -1);
    assert_non_null(strstr(err.message, "writing '1' to '"));
    remove_tree(&tree);
}

TESTS(RUN(what_the_kernel_ended_in_our_group_is_counted_in_either_version),
      RUN(a_delegated_group_is_ours), RUN(who_is_in_the_supervisor_divides_the_group_above),
      RUN(a_mount_may_begin_below_the_top_and_have_blanks_in_its_name), RUN(version_1_alone_is_refused_in_words),
      RUN(a_hybrid_whose_memory_version_1_has_is_refused_in_words), RUN(a_threaded_group_is_refused_in_words),
      RUN(a_group_with_strangers_is_refused_in_words),
      RUN(root_needs_the_mark_of_delegation_or_a_group_that_is_the_top),
      RUN(a_group_that_may_not_be_written_is_refused_in_words),
      RUN(numbers_of_the_kernels_files_are_found_by_their_key))
