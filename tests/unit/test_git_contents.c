/* SPDX-License-Identifier: Apache-2.0 */
#include "git/contents.h"
#include "test.h"

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <string.h>

/* A repository that is nowhere but in memory. */
struct fixture {
    git_repository *repository;
    git_odb *odb;
    char why[CONTENTS_WHY_BYTES];
};

static void open_fixture(struct fixture *f)
{
    git_odb_backend *backend = NULL;
    assert_true(git_libgit2_init() > 0);
    assert_int_equal(git_odb_new(&f->odb), 0);
    assert_int_equal(git_mempack_new(&backend), 0);
    assert_int_equal(git_odb_add_backend(f->odb, backend, 1), 0);
    assert_int_equal(git_repository_wrap_odb(&f->repository, f->odb), 0);
}

static void close_fixture(struct fixture *f)
{
    git_repository_free(f->repository);
    git_odb_free(f->odb);
    (void)git_libgit2_shutdown();
}

static git_oid blob(struct fixture *f, const char *text)
{
    git_oid id;
    assert_int_equal(git_odb_write(&id, f->odb, text, strlen(text), GIT_OBJECT_BLOB), 0);
    return id;
}

/* A tree that has one thing under `count` names that begin with `name`. */
static git_oid tree_of(struct fixture *f, const char *name, git_filemode_t mode, git_oid id, int count)
{
    git_treebuilder *builder = NULL;
    git_oid made;
    char text[80];
    assert_int_equal(git_treebuilder_new(&builder, f->repository, NULL), 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, count == 1 ? "%s" : "%s%d", name, i);
        assert_int_equal(git_treebuilder_insert(NULL, builder, text, &id, mode), 0);
    }
    assert_int_equal(git_treebuilder_write(&made, builder), 0);
    git_treebuilder_free(builder);
    return made;
}

static int check(struct fixture *f, git_oid id, struct contents_bounds bounds)
{
    git_tree *tree = NULL;
    assert_int_equal(git_tree_lookup(&tree, f->repository, &id), 0);
    int result = contents_check(f->repository, tree, &bounds, f->why);
    git_tree_free(tree);
    return result;
}

/* `depth` folders in each other, a file in the last. */
static git_oid nested(struct fixture *f, int depth)
{
    git_oid id = tree_of(f, "file", GIT_FILEMODE_BLOB, blob(f, "text"), 1);
    for (int i = 0; i < depth; i++) {
        id = tree_of(f, "d", GIT_FILEMODE_TREE, id, 1);
    }
    return id;
}

/* Each of `levels` folders has the next ten times. */
static git_oid tenfold(struct fixture *f, git_oid id, int levels)
{
    for (int i = 0; i < levels; i++) {
        id = tree_of(f, "d", GIT_FILEMODE_TREE, id, 10);
    }
    return id;
}

TEST(contents_of_an_ordinary_commit_are_accepted)
{
    struct fixture f;
    open_fixture(&f);
    git_oid id = tenfold(&f, tree_of(&f, "file", GIT_FILEMODE_BLOB, blob(&f, "0123456789"), 10), 2);
    assert_int_equal(check(&f, id, (struct contents_bounds){0}), 0);
    assert_int_equal(check(&f, id, (struct contents_bounds){.max_bytes = 10000}), 0);
    assert_int_equal(check(&f, id, (struct contents_bounds){.max_bytes = 9999}), -1);
    assert_string_equal(f.why, "the commit's files have more than 0 MiB (below 'd9/'): expected less, or a larger "
                               "'max_size'");
    close_fixture(&f);
}

TEST(contents_that_unfold_to_billions_of_files_are_refused_before_any_is_written)
{
    struct fixture f;
    open_fixture(&f);
    git_oid file = tree_of(&f, "file", GIT_FILEMODE_BLOB, blob(&f, ""), 10);
    assert_int_equal(check(&f, tenfold(&f, file, 4), (struct contents_bounds){0}), 0);
    static const int levels[] = {5, 30, 90};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        assert_int_equal(check(&f, tenfold(&f, file, levels[i]), (struct contents_bounds){0}), -1);
        assert_non_null(strstr(f.why, "the commit has more than 1000000 files and folders (below 'd"));
    }
    git_oid empty = tenfold(&f, tree_of(&f, "none", GIT_FILEMODE_BLOB, blob(&f, ""), 0), 7);
    assert_int_equal(check(&f, empty, (struct contents_bounds){0}), -1); /* folders of nothing are many, too */
    close_fixture(&f);
}

TEST(contents_that_lie_too_deep_are_refused_without_going_there)
{
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(check(&f, nested(&f, CONTENTS_DEPTH_MAX), (struct contents_bounds){0}), 0);
    assert_int_equal(check(&f, nested(&f, CONTENTS_DEPTH_MAX + 1), (struct contents_bounds){0}), -1);
    assert_non_null(strstr(f.why, "more than 100 folders in each other, such as 'd/d/"));
    git_oid deepest = nested(&f, 20000);
    assert_int_equal(check(&f, deepest, (struct contents_bounds){0}), -1);
    assert_non_null(strstr(f.why, "more than 100 folders in each other"));
    close_fixture(&f);
}

TEST(contents_that_are_known_are_as_deep_where_they_stand_again)
{
    struct fixture f;
    git_treebuilder *builder = NULL;
    git_oid both;
    open_fixture(&f);
    git_oid low = nested(&f, 60);
    git_oid high = low;
    for (int i = 0; i < 60; i++) {
        high = tree_of(&f, "d", GIT_FILEMODE_TREE, high, 1);
    }
    assert_int_equal(git_treebuilder_new(&builder, f.repository, NULL), 0);
    assert_int_equal(git_treebuilder_insert(NULL, builder, "a", &low, GIT_FILEMODE_TREE), 0);
    assert_int_equal(git_treebuilder_insert(NULL, builder, "b", &high, GIT_FILEMODE_TREE), 0);
    assert_int_equal(git_treebuilder_write(&both, builder), 0);
    git_treebuilder_free(builder);
    assert_int_equal(check(&f, low, (struct contents_bounds){0}), 0);
    assert_int_equal(check(&f, both, (struct contents_bounds){0}), -1);
    assert_non_null(strstr(f.why, "such as 'b/d/d/"));
    close_fixture(&f);
}

TEST(contents_name_the_first_submodule_and_the_first_file_of_lfs)
{
    struct fixture f;
    open_fixture(&f);
    git_oid commit = blob(&f, "it is only named");
    git_oid id = tree_of(&f, "lib", GIT_FILEMODE_TREE, tree_of(&f, "other", GIT_FILEMODE_COMMIT, commit, 1), 1);
    assert_int_equal(check(&f, id, (struct contents_bounds){0}), -1);
    assert_non_null(strstr(f.why, "'lib/other' is a submodule"));
    git_oid comment = blob(&f, "# *.bin filter=lfs\n*.txt text\n");
    assert_int_equal(check(&f, tree_of(&f, ".gitattributes", GIT_FILEMODE_BLOB, comment, 1),
                           (struct contents_bounds){0}), 0);
    git_oid lfs = tree_of(&f, ".gitattributes", GIT_FILEMODE_BLOB, blob(&f, "*.bin filter=lfs -text\n"), 1);
    assert_int_equal(check(&f, tree_of(&f, "data", GIT_FILEMODE_TREE, lfs, 1), (struct contents_bounds){0}), -1);
    assert_non_null(strstr(f.why, "'data/.gitattributes' keeps files in Git LFS"));
    close_fixture(&f);
}

static bool says_so(void *ctx)
{
    return ++*(int *)ctx > 3;
}

TEST(contents_are_not_looked_at_any_more_when_it_is_cancelled)
{
    struct fixture f;
    int asked = 0;
    open_fixture(&f);
    git_oid id = tree_of(&f, "file", GIT_FILEMODE_BLOB, blob(&f, ""), 100);
    assert_int_equal(check(&f, id, (struct contents_bounds){.is_cancelled = says_so, .ctx = &asked}), -1);
    assert_string_equal(f.why, "cancelled");
    assert_int_equal(asked, 4);
    close_fixture(&f);
}

TESTS(RUN(contents_of_an_ordinary_commit_are_accepted),
      RUN(contents_that_unfold_to_billions_of_files_are_refused_before_any_is_written),
      RUN(contents_that_lie_too_deep_are_refused_without_going_there),
      RUN(contents_that_are_known_are_as_deep_where_they_stand_again),
      RUN(contents_name_the_first_submodule_and_the_first_file_of_lfs),
      RUN(contents_are_not_looked_at_any_more_when_it_is_cancelled))
