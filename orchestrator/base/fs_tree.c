/* SPDX-License-Identifier: Apache-2.0
 * Folders with all below them: walking, matching, copying, removing.
 */
#include "base/fs.h"

#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 200, COPY_BLOCK = 1 << 20, COPY_MAX_FILES = 1000000 };

/* ---- removing ---------------------------------------------------------------------------------------- */

/* Folders deeper than DEPTH_MAX are moved up to the top one, which is then gone through again: neither the stack nor
 * the number of open files depends on what somebody nested. */
struct removal {
    int top; /* the folder that is removed */
    unsigned moved;
    bool again;
};

static int move_up(struct removal *removal, int parent, const char *name)
{
    char room[32];
    do {
        (void)snprintf(room, sizeof room, ".moved-%u", removal->moved++);
    } while (renameat2(parent, name, removal->top, room, RENAME_NOREPLACE) < 0 && errno == EEXIST);
    removal->again = true;
    return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : -1;
}

static int remove_at(struct removal *removal, int parent, const char *name, int depth);

static int remove_entries(struct removal *removal, DIR *entries, int depth)
{
    int result = 0;
    int number = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            remove_at(removal, dirfd(entries), entry->d_name, depth + 1) < 0) {
            result = -1;
            number = errno;
        }
    }
    errno = number;
    return result;
}

/* Folders that were made read-only (caches of modules are) can be emptied by their owner, once they are not. Whether it
 * helped is seen by what comes next. */
static void make_writable(int folder)
{
    struct stat status;
    char path[40];
    if (fstat(folder, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU) {
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
        (void)chmod(path, (status.st_mode & 07777) | S_IRWXU);
    }
}

static int open_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) {
        int place = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (place >= 0) {
            make_writable(place);
            (void)close(place);
        }
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd >= 0) {
        make_writable(fd);
    }
    return fd;
}

static int remove_at(struct removal *removal, int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    int refused = errno; /* a folder above that is another's lets us remove what is ours below */
    if (refused != EISDIR && refused != EPERM && refused != EACCES) {
        return -1;
    }
    if (depth > DEPTH_MAX) {
        return move_up(removal, parent, name);
    }
    int fd = open_folder(parent, name);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        errno = errno == ENOTDIR ? refused : errno;
        return -1;
    }
    removal->top = depth == 0 ? fd : removal->top;
    int result = 0;
    do {
        removal->again = depth == 0 ? false : removal->again;
        rewinddir(entries);
        result = remove_entries(removal, entries, depth);
    } while (depth == 0 && removal->again && result == 0);
    int number = errno;
    (void)closedir(entries);
    errno = number;
    return result < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}

int fs_remove(const char *path, struct err *err)
{
    struct removal removal = {.top = -1};
    return remove_at(&removal, AT_FDCWD, path, 0) < 0 ? err_errno(err, "removing '%s'", path) : 0;
}

/* ---- walking ------------------------------------------------------------------------------------------- */

struct walk {
    const char *root; /* real path of the folder */
    struct arena *arena;
    struct fs_list list;
    size_t room;
    size_t max;
    bool folders;     /* folders are entries too */
    const char *glob; /* what this does not match need not be a file; NULL: everything must */
    struct err *err;
};

static void add_entry(struct walk *walk, const char *path, const struct stat *status)
{
    walk->list.entries =
        arena_grow(walk->arena, walk->list.entries, walk->list.count, &walk->room, sizeof *walk->list.entries);
    walk->list.entries[walk->list.count++] =
        (struct fs_entry){.path = path, .mode = status->st_mode, .size_bytes = status->st_size};
}

/* A link may lead to a file below the root (a real path), nowhere else. */
static int check_link(const char *root, const char *full, struct err *err)
{
    char *real = realpath(full, NULL);
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool inside = real != NULL && strncmp(real, root, length) == 0 && (real[length] == '/' || real[length] == '\0');
    free(real);
    return inside ? 0 : err_set(err, ERR_INPUT, "'%s' is a link to the outside of '%s'", full, root);
}

int fs_check_link(const char *folder, const char *path, struct err *err)
{
    struct stat status;
    if (lstat(path, &status) < 0) {
        return err_errno(err, "reading '%s'", path);
    }
    if (!S_ISLNK(status.st_mode)) {
        return 0;
    }
    char *root = realpath(folder, NULL);
    int result = root == NULL ? err_errno(err, "reading '%s'", folder) : check_link(root, path, err);
    free(root);
    return result;
}

static int walk_folder(struct walk *walk, const char *below, int depth);

/* Does a part that begins with '.' stand in `path` where the glob has none? */
static bool hides(const char *glob, const char *path)
{
    bool hidden = path[0] == '.' || strstr(path, "/.") != NULL;
    return hidden && glob[0] != '.' && strstr(glob, "/.") == NULL;
}

static bool is_wanted(const char *glob, const char *path)
{
    return glob == NULL || (path_matches(glob, path) && !hides(glob, path));
}

static int walk_one(struct walk *walk, const char *relative, int depth)
{
    const char *full = path_join(walk->arena, walk->root, relative);
    struct stat status;
    if (lstat(full, &status) < 0) {
        return err_errno(walk->err, "reading '%s'", full);
    }
    if (!S_ISDIR(status.st_mode) && !is_wanted(walk->glob, relative)) {
        return 0;
    }
    if (S_ISLNK(status.st_mode)) {
        if (check_link(walk->root, full, walk->err) < 0) {
            return -1;
        }
        if (stat(full, &status) < 0) {
            return err_errno(walk->err, "reading '%s'", full);
        }
        if (S_ISDIR(status.st_mode)) {
            return err_set(walk->err, ERR_INPUT, "'%s' is a link to a folder", full);
        }
    }
    if (S_ISDIR(status.st_mode)) {
        if (walk->folders) {
            add_entry(walk, relative, &status);
        }
        return walk_folder(walk, relative, depth + 1);
    }
    if (!S_ISREG(status.st_mode)) {
        return err_set(walk->err, ERR_INPUT, "'%s' is neither a file nor a folder", full);
    }
    if (walk->list.count >= walk->max) {
        return err_set(walk->err, ERR_LIMIT, "'%s' holds more than %zu files", walk->root, walk->max);
    }
    add_entry(walk, relative, &status);
    return 0;
}

static int walk_folder(struct walk *walk, const char *below, int depth)
{
    const char *full = *below == '\0' ? walk->root : path_join(walk->arena, walk->root, below);
    DIR *entries = depth > DEPTH_MAX ? NULL : opendir(full);
    if (entries == NULL) {
        return depth > DEPTH_MAX ? err_set(walk->err, ERR_LIMIT, "'%s' is more than %d folders deep", full, DEPTH_MAX)
                                 : err_errno(walk->err, "reading the folder '%s'", full);
    }
    int result = 0;
    struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        const char *relative =
            *below == '\0' ? arena_strdup(walk->arena, entry->d_name) : path_join(walk->arena, below, entry->d_name);
        result = walk_one(walk, relative, depth);
    }
    if (result == 0 && errno != 0) { /* what is behind it would be missed */
        result = err_errno(walk->err, "reading the folder '%s'", full);
    }
    (void)closedir(entries);
    return result;
}

static int by_path(const void *a, const void *b)
{
    const struct fs_entry *x = a;
    const struct fs_entry *y = b;
    return strcmp(x->path, y->path);
}

static int walk_all(struct walk walk, const char *folder, struct fs_list *ret_list)
{
    struct arena *arena = walk.arena;
    struct err *err = walk.err;
    char *real = realpath(folder, NULL);
    if (real == NULL) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no '%s'", folder)
                               : err_errno(err, "reading '%s'", folder);
    }
    walk.root = arena_strdup(arena, real);
    free(real);
    struct stat status;
    if (stat(walk.root, &status) < 0) {
        return err_errno(err, "reading '%s'", folder);
    }
    if (S_ISREG(status.st_mode)) {
        add_entry(&walk, arena_strdup(arena, path_base(folder)), &status);
    } else if (!S_ISDIR(status.st_mode)) {
        return err_set(err, ERR_INPUT, "'%s' is neither a file nor a folder", folder);
    } else if (walk_folder(&walk, "", 0) < 0) {
        return -1;
    }
    if (walk.list.count > 1) {
        qsort(walk.list.entries, walk.list.count, sizeof *walk.list.entries, by_path);
    }
    *ret_list = walk.list;
    return 0;
}

int fs_walk(const char *folder, size_t max_files, struct arena *arena, struct fs_list *ret_list, struct err *err)
{
    return walk_all((struct walk){.arena = arena, .max = max_files, .err = err}, folder, ret_list);
}

int fs_glob(const char *folder, const char *glob, struct arena *arena, struct fs_list *ret_list, struct err *err)
{
    *ret_list = (struct fs_list){0};
    if (strpbrk(glob, "*?[") == NULL) {
        struct stat status;
        const char *full = path_join(arena, folder, glob);
        if (stat(full, &status) < 0) {
            return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, "reading '%s'", full);
        }
        struct fs_entry *entry = arena_one(arena, struct fs_entry);
        *entry =
            (struct fs_entry){.path = arena_strdup(arena, glob), .mode = status.st_mode, .size_bytes = status.st_size};
        *ret_list = (struct fs_list){.entries = entry, .count = 1};
        return 0;
    }
    /* Only the folders that the constant front of the glob names need walking. */
    size_t front = strcspn(glob, "*?[");
    while (front > 0 && glob[front - 1] != '/') {
        front--;
    }
    const char *base = front == 0 ? "" : arena_dup(arena, glob, front == 1 ? 1 : front - 1);
    const char *root = path_join(arena, folder, base);
    if (*base == '\0') {
        root = folder;
    }
    struct fs_list all = {0};
    if (!fs_is_folder(root)) {
        return 0;
    }
    struct walk walk = {.arena = arena, .max = COPY_MAX_FILES, .folders = true, .glob = glob + front, .err = err};
    if (walk_all(walk, root, &all) < 0) {
        return -1;
    }
    size_t room = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (!is_wanted(glob + front, all.entries[i].path)) {
            continue;
        }
        ret_list->entries = arena_grow(arena, ret_list->entries, ret_list->count, &room, sizeof *ret_list->entries);
        struct fs_entry *entry = &ret_list->entries[ret_list->count++];
        *entry = all.entries[i];
        entry->path = *base == '\0' ? entry->path : path_join(arena, base, entry->path);
    }
    return 0;
}

/* ---- copying ---------------------------------------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
    if (ioctl(to, FICLONE, from) == 0) {
        return 0;
    }
    ssize_t got = 0;
    while ((got = copy_file_range(from, NULL, to, NULL, COPY_BLOCK, 0)) > 0) {
    }
    if (got == 0) {
        return 0;
    }
    /* Not between these file systems: by hand, from where it stopped. */
    char *block = malloc(COPY_BLOCK);
    if (block == NULL) {
        return -1;
    }
    while ((got = read(from, block, COPY_BLOCK)) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, block + done, (size_t)(got - done));
            if (put < 0) {
                free(block);
                return -1;
            }
            done += put;
        }
    }
    free(block);
    return got < 0 ? -1 : 0;
}

static int copy_file(const char *from, const char *to, mode_t mode, struct err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return err_errno(err, "opening '%s'", from);
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777);
    int result = out < 0 ? err_errno(err, "creating '%s'", to) : 0;
    if (result == 0 && copy_bytes(in, out) < 0) {
        result = err_errno(err, "copying '%s' to '%s'", from, to);
    }
    if (out >= 0 && close(out) < 0 && result == 0) {
        result = err_errno(err, "writing '%s'", to);
    }
    (void)close(in);
    return result;
}

int fs_copy(const char *from, const char *to, struct err *err)
{
    struct stat status;
    if (fs_exists(to)) {
        return err_set(err, ERR_EXISTS, "'%s' exists", to);
    }
    if (stat(from, &status) < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no '%s'", from)
                               : err_errno(err, "reading '%s'", from);
    }
    if (S_ISREG(status.st_mode)) {
        return copy_file(from, to, status.st_mode, err);
    }
    struct arena *arena = arena_new();
    struct fs_list list = {0};
    struct walk walk = {.arena = arena, .max = COPY_MAX_FILES, .folders = true, .err = err};
    int result = walk_all(walk, from, &list);
    if (result == 0) {
        result = fs_make_folders(to, 0775, err);
    }
    for (size_t i = 0; i < list.count && result == 0; i++) {
        const char *target = path_join(arena, to, list.entries[i].path);
        const char *source = path_join(arena, from, list.entries[i].path);
        result = S_ISDIR(list.entries[i].mode) ? fs_make_folders(target, 0775, err)
                                               : copy_file(source, target, list.entries[i].mode, err);
    }
    arena_free(arena);
    return result;
}
