/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024 };

const char *folder_of_workspace(const struct step_host *host, struct scratch *scratch, const char *path)
{
    return path[0] == '/' ? scratch_copy(scratch, path, strlen(path))
                          : scratch_printf(scratch, "%s/%s", host->context->workspace, path);
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

/* ---- copying --------------------------------------------------------------------------------------- */

static int pour(int from, int to)
{
    char *room = malloc(COPY_BYTES);
    ssize_t size = room == NULL ? -1 : 1;
    while (size > 0) {
        size = read(from, room, COPY_BYTES);
        for (ssize_t at = 0; at < size;) {
            ssize_t n = write(to, room + at, (size_t)(size - at));
            if (n < 0) {
                size = -1;
                break;
            }
            at += n;
        }
    }
    free(room);
    return size < 0 ? -1 : 0;
}

static int copy_file(const char *from, const char *to, const struct stat *info, struct fault *fault)
{
    int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644 | (info->st_mode & 0111));
    int result = 0;
    if (in < 0) {
        result = failed(fault, "read", from);
    } else if (out < 0 || pour(in, out) < 0) {
        result = failed(fault, "write", to);
    }
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0 && close(out) < 0 && result == 0) {
        result = failed(fault, "write", to);
    }
    return result;
}

static int copy_any(const char *from, const char *to, int depth, struct fault *fault);

static int copy_inside(const char *from, const char *to, int depth, struct fault *fault)
{
    DIR *folder = opendir(from);
    if (folder == NULL) {
        return failed(fault, "read the folder", from);
    }
    int result = mkdir(to, 0755) < 0 ? failed(fault, "make the folder", to) : 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL && result == 0; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            struct scratch scratch = {0};
            result = copy_any(scratch_printf(&scratch, "%s/%s", from, entry->d_name),
                              scratch_printf(&scratch, "%s/%s", to, entry->d_name), depth + 1, fault);
            scratch_free(&scratch);
        }
    }
    (void)closedir(folder);
    return result;
}

static int copy_any(const char *from, const char *to, int depth, struct fault *fault)
{
    struct stat info;
    if (lstat(from, &info) < 0) {
        return failed(fault, "read", from);
    }
    if (S_ISREG(info.st_mode)) {
        return copy_file(from, to, &info, fault);
    }
    if (!S_ISDIR(info.st_mode) || depth >= FOLDER_MAX_DEPTH) {
        return fault_set(fault, "'%.300s' is neither a file nor a folder (or too deep)", from);
    }
    return copy_inside(from, to, depth, fault);
}

int folder_copy(const char *from, const char *to, struct fault *fault)
{
    return copy_any(from, to, 0, fault);
}
