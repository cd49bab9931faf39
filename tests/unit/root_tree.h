/* SPDX-License-Identifier: Apache-2.0
 * A folder in the place of `/`, with files that a test makes up.
 */
#ifndef SLUICE_TEST_ROOT_TREE_H
#define SLUICE_TEST_ROOT_TREE_H

#include "base/fs.h"
#include "base/path.h"
#include "test.h"

struct tree {
    char root[40];
    struct arena *arena;
};

static void put(const struct tree *tree, const char *name, const char *text)
{
    const char *path = path_join(tree->arena, tree->root, name);
    assert_int_equal(fs_make_folders(path_dir(tree->arena, path), 0700, NULL), 0);
    assert_int_equal(fs_write(path, str_from(text), 0600, false, NULL), 0);
}

static void remove_tree(struct tree *tree)
{
    assert_int_equal(fs_remove(tree->root, NULL), 0);
    arena_free(tree->arena);
}

#endif
