/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *folder_of_workspace(const struct step_host *host, struct scratch *scratch, const char *path)
{
    return path[0] == '/' ? scratch_copy(scratch, path, strlen(path))
                          : scratch_printf(scratch, "%s/%s", host->context->workspace, path);
}

const char *folder_real(struct scratch *scratch, const char *path)
{
    char *real = realpath(path, NULL);
    const char *slash = strrchr(path, '/');
    if (real != NULL || slash == NULL || path[1] == '\0' || strlen(path) >= PATH_MAX) {
        const char *result = scratch_copy(scratch, real == NULL ? path : real, strlen(real == NULL ? path : real));
        free(real);
        return result;
    }
    const char *name = slash + 1;
    const char *above = folder_real(scratch, slash == path ? "/" : scratch_copy(scratch, path, (size_t)(slash - path)));
    if (*name == '\0' || strcmp(name, ".") == 0) {
        return above;
    }
    if (strcmp(name, "..") == 0) {
        size_t size = (size_t)(strrchr(above, '/') - above);
        return size == 0 ? "/" : scratch_copy(scratch, above, size);
    }
    return scratch_printf(scratch, "%s/%s", strcmp(above, "/") == 0 ? "" : above, name);
}

static int failed(struct fault *fault, const char *what, const char *path)
{
    return fault_set(fault, "cannot %s '%.300s': %s", what, path, strerror(errno));
}

int folder_make(const char *path, struct fault *fault)
{
    struct scratch scratch = {0};
    char *parent = scratch_copy(&scratch, path, strlen(path));
    int result = 0;
    for (char *p = parent + 1; result == 0; p++) {
        if (*p != '/' && *p != '\0') {
            continue;
        }
        char end = *p;
        *p = '\0';
        if (mkdir(parent, 0755) < 0 && errno != EEXIST) {
            result = failed(fault, "make the folder", parent);
        }
        *p = end;
        if (end == '\0') {
            break;
        }
    }
    struct stat info;
    if (result == 0 && (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))) {
        result = fault_set(fault, "'%.300s' is no folder", path);
    }
    scratch_free(&scratch);
    return result;
}

/* ---- walking ------------------------------------------------------------------------------------ */

struct visitor {
    /* Called with each file and link, and with each folder after what is in it. Either may be NULL. */
    int (*file)(struct visitor *visitor, const char *path, struct fault *fault);
    int (*folder)(struct visitor *visitor, const char *path, struct fault *fault);
    int64_t count;
};

static int walk(struct visitor *visitor, const char *path, int depth, struct fault *fault);

static int walk_inside(struct visitor *visitor, const char *path, int depth, struct fault *fault)
{
    if (depth >= FOLDER_MAX_DEPTH) {
        return fault_set(fault, "'%.300s' is more than %d folders deep", path, FOLDER_MAX_DEPTH);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        int result = failed(fault, "read the folder", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return result;
    }
    int result = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL && result == 0; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            struct scratch scratch = {0};
            result = walk(visitor, scratch_printf(&scratch, "%s/%s", path, entry->d_name), depth + 1, fault);
            scratch_free(&scratch);
        }
    }
    (void)closedir(folder);
    return result;
}

static int walk(struct visitor *visitor, const char *path, int depth, struct fault *fault)
{
    struct stat info;
    if (lstat(path, &info) < 0) {
        return failed(fault, "read", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        return visitor->file == NULL ? 0 : visitor->file(visitor, path, fault);
    }
    if (walk_inside(visitor, path, depth, fault) < 0) {
        return -1;
    }
    return visitor->folder == NULL ? 0 : visitor->folder(visitor, path, fault);
}

static int remove_file(struct visitor *visitor, const char *path, struct fault *fault)
{
    (void)visitor;
    return unlink(path) == 0 || errno == ENOENT ? 0 : failed(fault, "remove", path);
}

static int remove_folder(struct visitor *visitor, const char *path, struct fault *fault)
{
    (void)visitor;
    return rmdir(path) == 0 || errno == ENOENT ? 0 : failed(fault, "remove", path);
}

int folder_remove(const char *path, struct fault *fault)
{
    struct stat info;
    if (lstat(path, &info) < 0 && errno == ENOENT) {
        return 0;
    }
    struct visitor visitor = {.file = remove_file, .folder = remove_folder};
    return walk(&visitor, path, 0, fault);
}

static int count_file(struct visitor *visitor, const char *path, struct fault *fault)
{
    (void)path;
    (void)fault;
    visitor->count++;
    return 0;
}

int64_t folder_count(const char *path, struct fault *fault)
{
    struct visitor visitor = {.file = count_file};
    return walk(&visitor, path, 0, fault) < 0 ? -1 : visitor.count;
}

static int sync_folder(struct visitor *visitor, const char *path, struct fault *fault)
{
    (void)visitor;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        int result = failed(fault, "sync", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return result;
    }
    (void)close(fd);
    return 0;
}

int folder_sync(const char *path, struct fault *fault)
{
    struct visitor visitor = {.folder = sync_folder};
    return walk(&visitor, path, 0, fault);
}
