/* SPDX-License-Identifier: Apache-2.0 */
#include "git/contents.h"

#include "base/str_index.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ATTRIBUTE_BYTES = 1 << 20, LEVELS_MAX = CONTENTS_DEPTH_MAX + 1, PATH_BYTES = 256 * (LEVELS_MAX + 1) };

/* A tree with all that is below it. */
struct extent {
    int64_t entries, bytes;
    int depth; /* 1: there are no folders in it */
};

/* A tree on the way from the top one to where we are. */
struct level {
    git_tree *tree;
    size_t next;       /* of its entries */
    size_t path_bytes; /* of the path to it */
    struct extent extent;
};

struct walk {
    git_repository *repository;
    git_odb *odb;
    const struct contents_bounds *bounds;
    struct arena *arena;
    struct str_index *done; /* ids of trees that were looked at */
    struct {
        VEC_OF(struct extent)
    } extents; /* by their numbers */
    struct level levels[LEVELS_MAX];
    int count;
    struct strbuf path; /* "" or "data/old/" */
    char *why;
};

static int refuse(const struct walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(const struct walk *walk, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(walk->why, CONTENTS_WHY_BYTES, format, args);
    va_end(args);
    return -1;
}

static int cannot_list(const struct walk *walk)
{
    return refuse(walk, "the commit's files cannot be listed");
}

/* ---- Git LFS ---------------------------------------------------------------------------------------------------- */

/* A line "*.bin filter=lfs diff=lfs merge=lfs -text" that is no comment. */
static bool asks_for_lfs(const char *text, size_t size)
{
    for (const char *line = text; line < text + size;) {
        const char *end = memchr(line, '\n', (size_t)(text + size - line));
        size_t n = end == NULL ? (size_t)(text + size - line) : (size_t)(end - line);
        if (line[0] != '#' && memmem(line, n, "filter=lfs", strlen("filter=lfs")) != NULL) {
            return true;
        }
        line += n + 1;
    }
    return false;
}

static int check_attributes(const struct walk *walk, const git_tree_entry *entry)
{
    git_blob *blob = NULL;
    int result = 0;
    if (git_blob_lookup(&blob, walk->repository, git_tree_entry_id(entry)) < 0) {
        return refuse(walk, "'%.200s.gitattributes' cannot be read", walk->path.data);
    }
    git_object_size_t size = git_blob_rawsize(blob);
    if (size <= MOST_ATTRIBUTE_BYTES && asks_for_lfs(git_blob_rawcontent(blob), (size_t)size)) {
        result = refuse(walk,
                        "'%.200s.gitattributes' keeps files in Git LFS, which is not fetched: expected a "
                        "repository without it, or 'git lfs' in a run step",
                        walk->path.data);
    }
    git_blob_free(blob);
    return result;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

static int64_t plus(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* An entry of the tree that we are in, with all below it. */
static int add_extent(struct walk *walk, struct extent extent)
{
    struct extent *sum = &walk->levels[walk->count - 1].extent;
    sum->entries = plus(sum->entries, plus(extent.entries, 1));
    sum->bytes = plus(sum->bytes, extent.bytes);
    sum->depth = extent.depth + 1 > sum->depth ? extent.depth + 1 : sum->depth;
    if (sum->entries > CONTENTS_ENTRIES_MAX) {
        return refuse(walk, "the commit has more than %d files and folders (below '%.200s'): expected fewer",
                      CONTENTS_ENTRIES_MAX, walk->path.data);
    }
    if (walk->bounds->max_bytes > 0 && sum->bytes > walk->bounds->max_bytes) {
        return refuse(walk,
                      "the commit's files have more than %lld MiB (below '%.200s'): expected less, or a larger "
                      "'max_size'",
                      (long long)(walk->bounds->max_bytes >> 20), walk->path.data);
    }
    if (walk->count - 1 + sum->depth > LEVELS_MAX) {
        return refuse(walk, "the commit has more than %d folders in each other, such as '%.200s...': expected fewer",
                      CONTENTS_DEPTH_MAX, walk->path.data);
    }
    return 0;
}

/* One that is not there is told when it shall be written. */
static int64_t size_of_file(const struct walk *walk, const git_tree_entry *entry)
{
    size_t size = 0;
    git_object_t type;
    bool asked = walk->bounds->max_bytes > 0;
    return asked && git_odb_read_header(&size, &type, walk->odb, git_tree_entry_id(entry)) == 0 && size < INT64_MAX
               ? (int64_t)size
               : 0;
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static struct str key_of(const git_oid *id)
{
    return (struct str){(const char *)id->id, sizeof id->id};
}

static void enter(struct walk *walk, git_tree *take_tree)
{
    walk->levels[walk->count++] =
        (struct level){.tree = take_tree, .path_bytes = walk->path.length, .extent = {.depth = 1}};
}

static int enter_folder(struct walk *walk, const git_tree_entry *entry)
{
    git_tree *tree = NULL;
    ptrdiff_t known = str_index_find(walk->done, key_of(git_tree_entry_id(entry)));
    strbuf_printf(&walk->path, "%.255s/", git_tree_entry_name(entry));
    if (known >= 0 || walk->count == LEVELS_MAX) {
        const struct extent too_deep = {.depth = LEVELS_MAX};
        int result = add_extent(walk, known >= 0 ? walk->extents.items[known] : too_deep);
        strbuf_truncate(&walk->path, walk->levels[walk->count - 1].path_bytes);
        return result;
    }
    if (git_tree_lookup(&tree, walk->repository, git_tree_entry_id(entry)) < 0) {
        return cannot_list(walk);
    }
    enter(walk, tree);
    return 0;
}

static int leave_folder(struct walk *walk)
{
    struct level level = walk->levels[--walk->count];
    (void)str_index_add(walk->done, arena_str(walk->arena, key_of(git_tree_id(level.tree))));
    vec_push(&walk->extents, level.extent);
    git_tree_free(level.tree);
    if (walk->count == 0) {
        return 0;
    }
    int result = add_extent(walk, level.extent);
    strbuf_truncate(&walk->path, walk->levels[walk->count - 1].path_bytes);
    return result;
}

static int look_at(struct walk *walk, const git_tree_entry *entry)
{
    const char *name = git_tree_entry_name(entry);
    git_object_t type = git_tree_entry_type(entry);
    if (walk->bounds->is_cancelled != NULL && walk->bounds->is_cancelled(walk->bounds->ctx)) {
        return refuse(walk, "cancelled");
    }
    if (type == GIT_OBJECT_COMMIT) {
        return refuse(walk,
                      "'%.200s%.100s' is a submodule, which is not fetched: expected a repository without "
                      "submodules, or a step for each",
                      walk->path.data, name);
    }
    if (type == GIT_OBJECT_TREE) {
        return enter_folder(walk, entry);
    }
    return (strcmp(name, ".gitattributes") == 0 && check_attributes(walk, entry) < 0) ||
                   add_extent(walk, (struct extent){.bytes = size_of_file(walk, entry)}) < 0
               ? -1
               : 0;
}

static int walk_all(struct walk *walk)
{
    while (walk->count > 0) {
        struct level *level = &walk->levels[walk->count - 1];
        const git_tree_entry *entry = git_tree_entry_byindex(level->tree, level->next++);
        if ((entry == NULL ? leave_folder(walk) : look_at(walk, entry)) < 0) {
            return -1;
        }
    }
    return 0;
}

int contents_check(git_repository *repository, const git_tree *tree, const struct contents_bounds *bounds,
                   char ret_why[CONTENTS_WHY_BYTES])
{
    struct walk walk = {.repository = repository, .bounds = bounds, .arena = arena_new(), .why = ret_why};
    git_tree *top = NULL;
    int result = 0;
    ret_why[0] = '\0';
    walk.done = str_index_new(walk.arena, 0);
    strbuf_init(&walk.path, PATH_BYTES);
    if (git_repository_odb(&walk.odb, repository) < 0 || git_tree_lookup(&top, repository, git_tree_id(tree)) < 0) {
        result = cannot_list(&walk);
    } else {
        enter(&walk, top);
        result = walk_all(&walk);
    }
    while (walk.count > 0) {
        git_tree_free(walk.levels[--walk.count].tree);
    }
    git_odb_free(walk.odb);
    strbuf_clear(&walk.path);
    vec_clear(&walk.extents);
    arena_free(walk.arena);
    return result;
}
