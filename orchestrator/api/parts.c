/* SPDX-License-Identifier: Apache-2.0 */
#include "api/parts.h"

#include "base/fs.h"
#include "base/parse.h"
#include "store/upload_age.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_LENGTH = 32, NAME_BYTES = 80, PLAN_BYTES_MAX = 8192 };

bool parts_is_id(const char *text)
{
    return strlen(text) == ID_LENGTH && strspn(text, "0123456789abcdef") == ID_LENGTH;
}

static int no_upload(const char *id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "No upload '%.100s': it was ended, or nothing was sent for a week", id);
}

static void name_part(char room[NAME_BYTES], const char *id, int64_t number, const char *etag)
{
    (void)snprintf(room, NAME_BYTES, "%.32s/%05lld-%.32s", id, (long long)number, etag);
}

/* As err_errno; a disk that is full may have room later. */
static int fail(struct err *err, const char *doing)
{
    bool full = errno == ENOSPC || errno == EDQUOT;
    (void)err_errno(err, "%s", doing);
    if (err != NULL && full) {
        err->code = ERR_LIMIT;
    }
    return -1;
}

/* ---- plans ------------------------------------------------------------------------------------------------------ */

static int write_plan(int fd, const struct parts_plan *plan, struct err *err)
{
    char text[PLAN_BYTES_MAX];
    int size = snprintf(text, sizeof text, "%lld %s", (long long)plan->count, plan->path);
    if (size <= 0 || (size_t)size >= sizeof text) {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    ssize_t written = write(fd, text, (size_t)size);
    errno = written >= 0 && written < size ? ENOSPC : errno;
    return written == size ? 0 : fail(err, "writing the plan of an upload");
}

int parts_begin(const struct files *files, const char *id, const struct parts_plan *plan, struct err *err)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.32s/plan", id);
    int fd = mkdirat(files->uploads, id, 0700) < 0
                 ? -1
                 : openat(files->uploads, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    int result = fd < 0 ? fail(err, "making a folder for the parts of an upload") : write_plan(fd, plan, err);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (result < 0) { /* nothing may be there: an id is never given twice */
        (void)unlinkat(files->uploads, name, 0);
        (void)unlinkat(files->uploads, id, AT_REMOVEDIR);
    }
    return result;
}

/* The plan that this file holds; false when there is none. */
static bool read_plan(const struct files *files, const char *name, struct arena *arena, struct parts_plan *ret)
{
    char text[PLAN_BYTES_MAX];
    struct str count = {0};
    int fd = fs_open_below(files->uploads, name, O_RDONLY | O_NONBLOCK);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (fd >= 0) {
        (void)close(fd);
    }
    struct str rest = {text, size < 0 ? 0 : (size_t)size};
    if (size <= 0 || !str_cut(&rest, ' ', &count) || rest.p == NULL ||
        parse_int(count, 1, PARTS_MAX, &ret->count, NULL) < 0) {
        return false;
    }
    ret->path = arena_str(arena, rest).p;
    return true;
}

int parts_find(const struct files *files, const char *id, struct arena *arena, struct parts_plan *ret, struct err *err)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.32s/plan", id);
    return parts_is_id(id) && read_plan(files, name, arena, ret) ? 0 : no_upload(id, err);
}

int parts_is_done(const struct files *files, const char *id, const char *path, struct arena *arena)
{
    char name[NAME_BYTES];
    struct parts_plan plan;
    (void)snprintf(name, sizeof name, "%.32s.done", id);
    return parts_is_id(id) && read_plan(files, name, arena, &plan) && strcmp(plan.path, path) == 0;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

int parts_keep(const struct files *files, const char *id, int64_t number, const char *etag, const char *name,
               struct err *err)
{
    char to[NAME_BYTES];
    name_part(to, id, number, etag);
    if (renameat(files->incoming, name, files->uploads, to) == 0) {
        return 0;
    }
    return errno == ENOENT ? no_upload(id, err) : fail(err, "keeping a part of an upload");
}

int parts_open(const struct files *files, const char *id, int64_t number, const char *etag, struct err *err)
{
    char name[NAME_BYTES];
    name_part(name, id, number, etag);
    int fd = parts_is_id(etag) ? fs_open_below(files->uploads, name, O_RDONLY | O_NONBLOCK) : -1;
    if (fd >= 0) {
        return fd;
    }
    bool absent = !parts_is_id(etag) || fs_is_absent(errno);
    return absent ? err_set(err, ERR_INPUT, "Part %lld has not come with the ETag '%.100s'", (long long)number, etag)
                  : err_errno(err, "opening part %lld of an upload", (long long)number);
}

int parts_lock(const struct files *files, const char *id, struct err *err)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.32s/plan", id);
    int fd = fs_open_below(files->uploads, name, O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        return no_upload(id, err);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        (void)close(fd);
        return err_set(err, ERR_BUSY, "The parts of this upload are being put together");
    }
    return fd;
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

static int take(const struct files *files, const char *from, const char *name, struct err *err)
{
    if (renameat(files->uploads, from, files->incoming, name) == 0) {
        return 0;
    }
    return errno == ENOENT ? no_upload(from, err) : err_errno(err, "ending an upload");
}

int parts_take_away(const struct files *files, const char *id, const char *name, bool done, struct err *err)
{
    char plan[NAME_BYTES];
    char trace[NAME_BYTES];
    (void)snprintf(plan, sizeof plan, "%.32s/plan", id);
    (void)snprintf(trace, sizeof trace, "%.32s.done", id);
    if (done && renameat(files->uploads, plan, files->uploads, trace) < 0 && errno != ENOENT) {
        return err_errno(err, "ending an upload");
    }
    return take(files, id, name, err);
}

static bool is_old(int folder, const char *name, int64_t now_ms)
{
    struct stat state;
    return name[0] != '.' && fstatat(folder, name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
           (int64_t)state.st_mtime * 1000 < now_ms - upload_kept_ms;
}

static DIR *begin_sweep(const struct files *files, struct err *err)
{
    int fd = openat(files->uploads, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        (void)err_errno(err, "reading the folder 'uploads' of '%s'", files->home);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return folder;
}

int parts_take_old(const struct files *files, DIR **sweep, int64_t now_ms, const char *name, int *left,
                   struct err *err)
{
    if (*sweep == NULL && (*sweep = begin_sweep(files, err)) == NULL) {
        return -1;
    }
    for (; *left > 0; --*left) {
        const struct dirent *entry = readdir(*sweep);
        if (entry == NULL) {
            (void)closedir(*sweep);
            *sweep = NULL;
            return 0;
        }
        if (is_old(dirfd(*sweep), entry->d_name, now_ms)) {
            return take(files, entry->d_name, name, err) < 0 ? -1 : 1;
        }
    }
    return 0;
}
