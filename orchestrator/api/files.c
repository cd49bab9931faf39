/* SPDX-License-Identifier: Apache-2.0 */
#include "api/files.h"

#include "base/file_limit.h"
#include "base/fs.h"
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 1000000 };

static int open_folder(const char *home, const char *name, struct err *err)
{
    struct arena *arena = arena_new();
    const char *path = path_join(arena, home, name);
    int fd = fs_make_folders(path, 0700, err) < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)err_errno(err, "opening '%s'", path);
    }
    arena_free(arena);
    return fd;
}

int files_open(const char *home, struct files *ret, struct err *err)
{
    struct arena *arena = arena_new();
    *ret = (struct files){.root = -1, .incoming = -1, .uploads = -1, .home = home};
    int result = fs_remove(path_join(arena, home, "incoming"), err);
    arena_free(arena);
    if (result < 0 || (ret->root = open_folder(home, "artifacts", err)) < 0 ||
        (ret->incoming = open_folder(home, "incoming", err)) < 0 ||
        (ret->uploads = open_folder(home, "uploads", err)) < 0) {
        files_close(ret);
        return -1;
    }
    return 0;
}

void files_close(struct files *files)
{
    if (files->root >= 0) {
        (void)close(files->root);
    }
    if (files->incoming >= 0) {
        (void)close(files->incoming);
    }
    if (files->uploads >= 0) {
        (void)close(files->uploads);
    }
    files->root = files->incoming = files->uploads = -1;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* As err_errno, for errno; what passes by itself is told so. */
static int fail_for_now(const char *doing, const char *path, struct err *err)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    bool busy = errno == EMFILE || errno == ENFILE;
    struct err wrong = {0};
    (void)err_errno(&wrong, "%s '%s'", doing, path);
    return err_set(err, full ? ERR_LIMIT : busy ? ERR_BUSY : ERR_IO, "%s", wrong.message);
}

int files_read(const struct files *files, const char *path, struct stat *ret_state, struct err *err)
{
    struct stat state = {0};
    int fd = file_limit_for_client(fs_open_below(files->root, path, O_RDONLY | O_NONBLOCK));
    if (fd < 0) {
        return fs_is_absent(errno) ? err_set(err, ERR_NOT_FOUND, "No such artifact: '%s'", path)
                                : fail_for_now("opening the artifact", path, err);
    }
    if (fstat(fd, &state) < 0 || !S_ISREG(state.st_mode)) {
        (void)close(fd);
        return S_ISDIR(state.st_mode)
                   ? err_set(err, ERR_INPUT, "Artifact path refers to a directory, not a file: '%s'", path)
                   : err_set(err, ERR_NOT_FOUND, "No such artifact: '%s'", path);
    }
    *ret_state = state;
    return fd;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct file_entry *)a)->name, ((const struct file_entry *)b)->name);
}

static bool read_entry(DIR *folder, const char *name, struct arena *arena, struct file_entry *ret)
{
    struct stat state;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        fstatat(dirfd(folder), name, &state, AT_SYMLINK_NOFOLLOW) < 0 ||
        !(S_ISREG(state.st_mode) || S_ISDIR(state.st_mode))) {
        return false;
    }
    *ret = (struct file_entry){arena_strdup(arena, name), S_ISDIR(state.st_mode), (int64_t)state.st_size};
    return true;
}

int files_list(const struct files *files, const char *path, struct arena *arena, struct file_entry **ret,
               size_t *ret_count, struct err *err)
{
    size_t room = 0;
    const struct dirent *entry;
    struct file_entry found;
    *ret = NULL;
    *ret_count = 0;
    int fd = fs_open_below(files->root, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return fs_is_absent(errno) ? 0 : err_errno(err, "reading the artifact folder '%s'", path);
    }
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        (void)close(fd);
        return err_errno(err, "reading the artifact folder '%s'", path);
    }
    while (*ret_count < ENTRIES_MAX && (entry = readdir(folder)) != NULL) {
        if (read_entry(folder, entry->d_name, arena, &found)) {
            *ret = arena_grow(arena, *ret, *ret_count, &room, sizeof **ret);
            (*ret)[(*ret_count)++] = found;
        }
    }
    (void)closedir(folder);
    if (*ret_count > 0) {
        qsort(*ret, *ret_count, sizeof **ret, compare_names);
    }
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int files_create(const struct files *files, const char *name, struct err *err)
{
    int fd = openat(files->incoming, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd >= 0 && file_limit_for_client(fd) < 0) {
        (void)unlinkat(files->incoming, name, 0);
        errno = EMFILE;
        fd = -1;
    }
    return fd < 0 ? fail_for_now("making a file in the folder 'incoming' of", files->home, err) : fd;
}

/* Opens the folder that the path's last part lies in; with `make` makes it. */
static int open_parent(const struct files *files, const char *path, bool make)
{
    int folder = fs_open_below(files->root, "", O_RDONLY | O_DIRECTORY);
    struct str rest = str_from(path);
    struct str part;
    while (folder >= 0 && str_cut(&rest, '/', &part) && rest.p != NULL) {
        char name[NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%.*s", (int)part.n, part.p);
        if (make && mkdirat(folder, name, 0770) < 0 && errno != EEXIST) {
            int error = errno;
            (void)close(folder);
            errno = error;
            return -1;
        }
        int next = fs_open_below(folder, name, O_RDONLY | O_DIRECTORY);
        int error = errno;
        (void)close(folder);
        errno = error;
        folder = next;
    }
    return folder;
}

/* A folder that gives its group to what is made in it (engine/apart.h) gives it to what is moved there, too. */
static int share(const struct files *files, const char *name, int folder)
{
    struct stat state;
    if (fstat(folder, &state) < 0 || (state.st_mode & S_ISGID) == 0) {
        return 0;
    }
    return fchownat(files->incoming, name, (uid_t)-1, state.st_gid, AT_SYMLINK_NOFOLLOW);
}

int files_publish(const struct files *files, const char *name, const char *path, struct err *err)
{
    int folder = open_parent(files, path, true);
    bool good = folder >= 0 && share(files, name, folder) == 0 &&
                renameat(files->incoming, name, folder, path_base(path)) == 0;
    int error = errno;
    if (folder >= 0) {
        (void)fsync(folder);
        (void)close(folder);
    }
    if (good) {
        return 0;
    }
    if (error == EISDIR || error == ENOTDIR || error == ENOTEMPTY || error == EEXIST || error == ELOOP) {
        return err_set(err, ERR_EXISTS,
                       "'%s' cannot be written: a folder is in its place, or a file in that of a folder", path);
    }
    errno = error;
    return fail_for_now("publishing the artifact", path, err);
}

int files_take_away(const struct files *files, const char *path, const char *name, struct err *err)
{
    int folder = open_parent(files, path, false);
    bool good = folder >= 0 && renameat(folder, path_base(path), files->incoming, name) == 0;
    int error = errno;
    if (folder >= 0) {
        (void)close(folder);
    }
    errno = error;
    if (good) {
        return 0;
    }
    return fs_is_absent(error) ? err_set(err, ERR_NOT_FOUND, "No such artifact: '%s'", path)
                            : err_errno(err, "removing the artifact '%s'", path);
}

int files_discard(const struct files *files, const char *name, struct err *err)
{
    struct arena *arena = arena_new();
    int result = fs_remove(arena_printf(arena, "%s/incoming/%s", files->home, name), err);
    arena_free(arena);
    return result;
}
