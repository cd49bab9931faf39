/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/git_head.h"

#include "base/fs.h"
#include "base/path.h"

enum { REF_DEPTH_MAX = 5, GIT_FILE_MAX = 16 << 20 };

const char *git_root(const char *folder, struct arena *arena)
{
    for (const char *at = folder;; at = path_dir(arena, at)) {
        if (fs_exists(path_join(arena, at, ".git"))) {
            return at;
        }
        if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
            return NULL;
        }
    }
}

/* The first line of a small file, without its end; empty when it cannot be read. */
static struct str read_line(const char *path, struct arena *arena)
{
    struct str text = {0};
    struct str line = {0};
    if (fs_read_file(path, GIT_FILE_MAX, arena, &text, NULL) == 0) {
        (void)str_cut(&text, '\n', &line);
    }
    return str_trim(line);
}

/* The folder with HEAD: .git, or what a .git file of a worktree or submodule names. */
static const char *head_folder(const char *root, struct arena *arena)
{
    const char *dot_git = path_join(arena, root, ".git");
    if (fs_is_folder(dot_git)) {
        return dot_git;
    }
    struct str line = read_line(dot_git, arena);
    if (!str_starts(line, STR("gitdir:"))) {
        return dot_git;
    }
    struct str target = str_trim(str_slice(line, strlen("gitdir:"), line.n));
    return path_join(arena, root, arena_str(arena, target).p);
}

/* The folder with refs: that of the main checkout, for a worktree. */
static const char *common_folder(const char *head, struct arena *arena)
{
    struct str line = read_line(path_join(arena, head, "commondir"), arena);
    return line.n == 0 ? head : path_normal(arena, path_join(arena, head, arena_str(arena, line).p));
}

static bool is_commit(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("0123456789abcdef", text.p[i]) == NULL) {
            return false;
        }
    }
    return text.n == 40 || text.n == 64;
}

static struct str find_packed(const char *common, struct str ref, struct arena *arena)
{
    struct str text = {0};
    struct str line = {0};
    if (fs_read_file(path_join(arena, common, "packed-refs"), GIT_FILE_MAX, arena, &text, NULL) < 0) {
        return (struct str){0};
    }
    while (str_cut(&text, '\n', &line)) {
        struct str rest = str_trim(line);
        struct str commit = {0};
        (void)str_cut(&rest, ' ', &commit);
        if (is_commit(commit) && str_eq(rest, ref)) {
            return commit;
        }
    }
    return (struct str){0};
}

/* A ref may be symbolic itself; loose ones win over packed ones. */
static struct str resolve(const char *common, struct str ref, int depth, struct arena *arena)
{
    if (depth > REF_DEPTH_MAX || !path_is_below(ref)) {
        return (struct str){0};
    }
    struct str value = read_line(path_join(arena, common, arena_str(arena, ref).p), arena);
    if (is_commit(value)) {
        return value;
    }
    if (str_starts(value, STR("ref: "))) {
        return resolve(common, str_slice(value, 5, value.n), depth + 1, arena);
    }
    return find_packed(common, ref, arena);
}

/* The url of remote "origin"; credentials in it are left out. */
static struct str origin_url(const char *common, struct arena *arena)
{
    struct str text = {0};
    struct str line = {0};
    bool origin = false;
    if (fs_read_file(path_join(arena, common, "config"), GIT_FILE_MAX, arena, &text, NULL) < 0) {
        return (struct str){0};
    }
    while (str_cut(&text, '\n', &line)) {
        line = str_trim(line);
        struct str value = line;
        struct str key = {0};
        if (line.n > 0 && line.p[0] == '[') {
            origin = str_is(line, "[remote \"origin\"]");
        } else if (origin && str_cut(&value, '=', &key) && str_is(str_trim(key), "url")) {
            value = str_trim(value);
            ptrdiff_t scheme = str_find(value, STR("://"));
            ptrdiff_t at = scheme < 0 ? -1 : str_find_byte(value, '@', (size_t)scheme);
            ptrdiff_t slash = scheme < 0 ? -1 : str_find_byte(value, '/', (size_t)scheme + 3);
            bool credentials = at > 0 && (slash < 0 || at < slash);
            return !credentials ? value
                                : str_from(arena_printf(arena, "%.*s://%.*s", (int)scheme, value.p,
                                                        (int)(value.n - (size_t)at - 1), value.p + at + 1));
        }
    }
    return (struct str){0};
}

struct json git_head(const char *root, struct arena *arena)
{
    struct json git = json_object();
    if (root == NULL) {
        return git;
    }
    const char *folder = head_folder(root, arena);
    const char *common = common_folder(folder, arena);
    struct str head = read_line(path_join(arena, folder, "HEAD"), arena);
    struct str commit = head;
    if (str_starts(head, STR("ref: "))) {
        struct str ref = str_trim(str_slice(head, 5, head.n));
        commit = resolve(common, ref, 0, arena);
        if (str_starts(ref, STR("refs/heads/"))) {
            json_set(arena, &git, "branch", json_string(arena, str_slice(ref, strlen("refs/heads/"), ref.n)));
        }
    }
    if (is_commit(commit)) {
        json_set(arena, &git, "commit", json_string(arena, commit));
    }
    struct str url = origin_url(common, arena);
    if (url.n > 0) {
        json_set(arena, &git, "repo", json_string(arena, url));
    }
    return git;
}
