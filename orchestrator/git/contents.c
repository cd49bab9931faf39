/* SPDX-License-Identifier: Apache-2.0 */
#include "git/contents.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct walk {
    git_repository *repository;
    bool (*is_cancelled)(void *ctx);
    void *ctx;
    char *why;
};

enum { MOST_ATTRIBUTE_BYTES = 1 << 20 };

static int refuse(const struct walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(const struct walk *walk, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(walk->why, CONTENTS_WHY_BYTES, format, args);
    va_end(args);
    return -1;
}

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

static int check_attributes(const struct walk *walk, const char *folder, const git_tree_entry *entry)
{
    git_blob *blob = NULL;
    int result = 0;
    if (git_blob_lookup(&blob, walk->repository, git_tree_entry_id(entry)) < 0) {
        return refuse(walk, "'%.200s.gitattributes' cannot be read", folder);
    }
    git_object_size_t size = git_blob_rawsize(blob);
    if (size <= MOST_ATTRIBUTE_BYTES && asks_for_lfs(git_blob_rawcontent(blob), (size_t)size)) {
        result = refuse(walk,
                        "'%.200s.gitattributes' keeps files in Git LFS, which is not fetched: expected a "
                        "repository without it, or 'git lfs' in a run step",
                        folder);
    }
    git_blob_free(blob);
    return result;
}

static int look(const char *folder, const git_tree_entry *entry, void *payload)
{
    const struct walk *walk = payload;
    const char *name = git_tree_entry_name(entry);
    if (walk->is_cancelled != NULL && walk->is_cancelled(walk->ctx)) {
        return refuse(walk, "cancelled");
    }
    if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT) {
        return refuse(walk,
                      "'%.200s%.100s' is a submodule, which is not fetched: expected a repository without "
                      "submodules, or a step for each",
                      folder, name);
    }
    return strcmp(name, ".gitattributes") == 0 && git_tree_entry_type(entry) == GIT_OBJECT_BLOB
               ? check_attributes(walk, folder, entry)
               : 0;
}

int contents_check(git_repository *repository, const git_tree *tree, bool (*is_cancelled)(void *ctx), void *ctx,
                   char ret_why[CONTENTS_WHY_BYTES])
{
    struct walk walk = {repository, is_cancelled, ctx, ret_why};
    ret_why[0] = '\0';
    if (git_tree_walk(tree, GIT_TREEWALK_PRE, look, &walk) == 0) {
        return 0;
    }
    return ret_why[0] != '\0' ? -1 : refuse(&walk, "the commit's files cannot be listed");
}
