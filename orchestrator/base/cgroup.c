/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { KERNEL_FILE_MAX = 1 << 20 };

/* "" for one that cannot be read. */
static struct str read_text(const char *path, struct arena *arena)
{
    struct str text = {0};
    return fs_read(path, KERNEL_FILE_MAX, arena, &text, NULL) < 0 ? STR("") : text;
}

/* ---- where it is ------------------------------------------------------------------------------------------------ */

/* mountinfo quotes blanks and backslashes as \040 and so on (proc_pid_mountinfo(5)). */
static const char *unquoted(struct str text, struct arena *arena)
{
    char *plain = arena_dup(arena, text.p, text.n);
    size_t to = 0;
    for (size_t at = 0; at < text.n; at++) {
        bool quoted = text.p[at] == '\\' && at + 3 < text.n;
        plain[to++] = quoted ? (char)((text.p[at + 1] - '0') * 64 + (text.p[at + 2] - '0') * 8 + text.p[at + 3] - '0')
                             : text.p[at];
        at += quoted ? 3 : 0;
    }
    plain[to] = '\0';
    return plain;
}

struct hierarchy {
    const char *type; /* of its mount */
    struct str option; /* that the mount has; "": none is asked for */
    struct str controllers; /* between the colons of /proc/PID/cgroup */
};
static const struct hierarchy hierarchies[CGROUP_TREES] = {
    [CGROUP_2] = {" - cgroup2 ", {"", 0}, {"", 0}},
    [CGROUP_1_MEMORY] = {" - cgroup ", {"memory", 6}, {"memory", 6}},
    [CGROUP_1_CPU] = {" - cgroup ", {"cpu", 3}, {"cpu", 3}},
};
static const struct hierarchy *const version_2 = &hierarchies[CGROUP_2];

/* The words of a list with commas; an empty word stands in an empty list. */
static bool lists_word(struct str list, struct str word)
{
    struct str one = {0};
    if (word.n == 0) {
        return list.n == 0;
    }
    while (str_cut(&list, ',', &one)) {
        if (str_eq(one, word)) {
            return true;
        }
    }
    return false;
}

/* "36 35 98:0 /root /mount/point options [optional...] - cgroup2 source options" */
static bool find_mount(const char *root, const struct hierarchy *which, struct arena *arena, const char **ret_point,
                       const char **ret_root)
{
    struct str text = read_text(arena_printf(arena, "%s/proc/self/mountinfo", root), arena);
    struct str line = {0};
    while (str_cut(&text, '\n', &line)) {
        struct str fields[5] = {0};
        struct str rest = line;
        ptrdiff_t dash = str_find(line, str_from(which->type));
        for (int i = 0; dash > 0 && i < 5; i++) {
            (void)str_cut(&rest, ' ', &fields[i]);
        }
        struct str behind = dash > 0 ? str_slice(line, (size_t)dash + strlen(which->type), line.n) : line;
        struct str source = {0};
        (void)str_cut(&behind, ' ', &source);
        if (dash > 0 && fields[4].n > 0 && (which->option.n == 0 || lists_word(behind, which->option))) {
            *ret_root = unquoted(fields[3], arena);
            *ret_point = arena_printf(arena, "%s%s", root, unquoted(fields[4], arena));
            return true;
        }
    }
    return false;
}

/* "4:memory:/path"; the line "0::/path" is that of version 2. */
static const char *find_path(const char *root, const char *process, const struct hierarchy *which, struct arena *arena)
{
    struct str text = read_text(arena_printf(arena, "%s/proc/%s/cgroup", root, process), arena);
    struct str line = {0};
    while (str_cut(&text, '\n', &line)) {
        struct str number = {0};
        struct str controllers = {0};
        if (str_cut(&line, ':', &number) && str_cut(&line, ':', &controllers) && str_starts(line, STR("/")) &&
            lists_word(controllers, which->controllers)) {
            return arena_str(arena, line).p;
        }
    }
    return NULL;
}

static const char *group_of(const char *root, const char *process, const struct hierarchy *which, struct arena *arena)
{
    const char *point = NULL;
    const char *top = NULL;
    const char *path = find_path(root, process, which, arena);
    if (path == NULL || !find_mount(root, which, arena, &point, &top)) {
        return NULL;
    }
    /* What is mounted may itself be a group below the top one. */
    size_t above = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(path, top, above) != 0 || (path[above] != '/' && path[above] != '\0')) {
        return NULL;
    }
    const char *below = path[above] == '/' ? path + above + 1 : path + above;
    return *below == '\0' ? point : path_join(arena, point, below);
}

const char *cgroup_of(const char *root, const char *process, struct arena *arena)
{
    return group_of(root, process, version_2, arena);
}

const char *cgroup_root(void)
{
    const char *root = getenv(CGROUP_ROOT_ENV);
    return root == NULL ? "" : root;
}

/* A group that is not below what is mounted, as in some containers, is taken for the mounted one. */
const char *const *cgroup_line(const char *root, enum cgroup_tree tree, struct arena *arena, size_t *ret_count)
{
    const char *point = NULL;
    const char *top = NULL;
    const char **folders = NULL;
    size_t room = 0;
    *ret_count = 0;
    if (find_path(root, "self", &hierarchies[tree], arena) == NULL ||
        !find_mount(root, &hierarchies[tree], arena, &point, &top)) {
        return NULL;
    }
    const char *folder = group_of(root, "self", &hierarchies[tree], arena);
    folder = folder == NULL ? point : folder;
    for (bool more = true; more; folder = path_dir(arena, folder)) {
        folders = arena_grow(arena, folders, *ret_count, &room, sizeof *folders);
        folders[(*ret_count)++] = folder;
        more = strlen(folder) > strlen(point);
    }
    return folders;
}

int64_t cgroup_oom_kills(const char *root)
{
    static const struct {
        const struct hierarchy *hierarchy;
        const char *file;
    } places[] = {{&hierarchies[CGROUP_2], "memory.events"}, {&hierarchies[CGROUP_1_MEMORY], "memory.oom_control"}};
    struct arena *arena = arena_new();
    int64_t kills = -1;
    for (size_t i = 0; i < sizeof places / sizeof places[0] && kills < 0; i++) {
        const char *folder = group_of(root, "self", places[i].hierarchy, arena);
        kills = folder == NULL ? -1 : cgroup_read(folder, places[i].file, "oom_kill");
    }
    arena_free(arena);
    return kills;
}

/* ---- the kernel's files ----------------------------------------------------------------------------------------- */

static bool has_word(const char *folder, const char *file, const char *word, struct arena *arena)
{
    struct str text = read_text(path_join(arena, folder, file), arena);
    struct str rest = str_trim(text);
    struct str part = {0};
    while (str_cut(&rest, ' ', &part)) {
        if (str_is(str_trim(part), word)) {
            return true;
        }
    }
    return false;
}

size_t cgroup_processes(const char *folder, pid_t *pids, size_t room)
{
    struct arena *arena = arena_new();
    struct str text = read_text(path_join(arena, folder, "cgroup.procs"), arena);
    struct str line = {0};
    size_t count = 0;
    while (str_cut(&text, '\n', &line)) {
        int64_t pid = 0;
        if (parse_int(line, 0, INT32_MAX, &pid, NULL) == 0) { /* 0: of another pid namespace */
            if (count < room) {
                pids[count] = (pid_t)pid;
            }
            count++;
        }
    }
    arena_free(arena);
    return count;
}

int cgroup_write(const char *folder, const char *file, const char *text, struct err *err)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size = (ssize_t)strlen(text);
    int result = 0;
    if (fd < 0 || write(fd, text, (size_t)size) != size) {
        result = err_errno(err, "writing '%s' to '%s'", text, path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    arena_free(arena);
    return result;
}

int64_t cgroup_read(const char *folder, const char *file, const char *key)
{
    struct arena *arena = arena_new();
    struct str text = read_text(path_join(arena, folder, file), arena);
    struct str line = {0};
    int64_t value = -1;
    while (value < 0 && str_cut(&text, '\n', &line)) {
        struct str name = {0};
        struct str rest = line;
        if (key == NULL || (str_cut(&rest, ' ', &name) && str_is(name, key))) {
            (void)parse_int(str_trim(rest), 0, INT64_MAX, &value, NULL);
        }
    }
    arena_free(arena);
    return value;
}

/* ---- is it ours? ------------------------------------------------------------------------------------------------ */

static bool is_marked(const char *folder)
{
    static const char *const marks[] = {"user.delegate", "trusted.delegate"}; /* systemd sets the one it may */
    char value[4] = "";
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (getxattr(folder, marks[i], value, sizeof value) == 1 && value[0] == '1') {
            return true;
        }
    }
    return false;
}

static const char *not_delegated(const char *folder, uid_t uid, bool is_top, struct arena *arena)
{
    static const char *const files[] = {"", "cgroup.procs", "cgroup.subtree_control"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (access(path_join(arena, folder, files[i]), W_OK) < 0) {
            return arena_printf(arena, "the group '%s' is not ours to divide (no permission): start sluice with "
                                       "'systemd-run --user --scope -p Delegate=yes'",
                                folder);
        }
    }
    if (uid == 0 && !is_top && !is_marked(folder)) {
        return arena_printf(arena, "the group '%s' was not delegated: start sluice with 'systemd-run --scope -p "
                                   "Delegate=yes'",
                            folder);
    }
    return NULL;
}

static const char *stranger_in(const char *folder, const pid_t *own, size_t count, struct arena *arena)
{
    enum { PIDS_LOOKED_AT = 64 };
    pid_t pids[PIDS_LOOKED_AT];
    size_t found = cgroup_processes(folder, pids, PIDS_LOOKED_AT);
    for (size_t i = 0; i < found && i < PIDS_LOOKED_AT; i++) {
        bool is_own = false;
        for (size_t k = 0; k < count; k++) {
            is_own = is_own || own[k] == pids[i];
        }
        if (!is_own) {
            return arena_printf(arena, "process %d is in the group '%s', too: start sluice in one of its own",
                                (int)pids[i], folder);
        }
    }
    return NULL;
}

static const char *find_fault(const struct cgroup *group, uid_t uid, bool is_top, const pid_t *own, size_t count,
                              struct arena *arena)
{
    struct str type = str_trim(read_text(path_join(arena, group->folder, "cgroup.type"), arena));
    if (type.n > 0 && !str_is(type, "domain")) {
        return arena_printf(arena, "the group '%s' is of the type '%.*s'", group->folder, STR_ARG(type));
    }
    if (!has_word(group->folder, "cgroup.controllers", "memory", arena)) {
        return arena_printf(arena,
                            "the group '%s' has no memory controller: it was not handed down, or version 1 has it",
                            group->folder);
    }
    const char *why = not_delegated(group->folder, uid, is_top, arena);
    return why != NULL || group->is_whole ? why : stranger_in(group->folder, own, count, arena);
}

void cgroup_find(const char *root, uid_t uid, const pid_t *own, size_t count, struct arena *arena, struct cgroup *ret)
{
    const char *point = NULL;
    const char *top = NULL;
    const char *folder = cgroup_of(root, "self", arena);
    *ret = (struct cgroup){0};
    if (folder == NULL || !find_mount(root, version_2, arena, &point, &top)) {
        ret->why_not = "there is no cgroup version 2";
        return;
    }
    ret->inside = strcmp(path_base(folder), CGROUP_SUPERVISOR) == 0;
    ret->folder = ret->inside ? path_dir(arena, folder) : folder;
    ret->is_whole = !fs_exists(path_join(arena, ret->folder, "cgroup.type"));
    ret->has_cpu = has_word(ret->folder, "cgroup.controllers", "cpu", arena);
    ret->why_not = find_fault(ret, uid, strcmp(ret->folder, point) == 0, own, count, arena);
}
