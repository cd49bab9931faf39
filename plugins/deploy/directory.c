/* SPDX-License-Identifier: Apache-2.0 */
#include "directory.h"

#include "file_text.h"
#include "folder.h"
#include "moment.h"
#include "textbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINK_BYTES = 4096, LOCK_LOOK_MS = 200, DIGEST_SHOWN = 8 };

static const char nothing_before[] = "-";

static int failed(struct fault *fault, const char *what, const char *path)
{
    return fault_set(fault, "cannot %s '%.300s': %s", what, path, strerror(errno));
}

/* ---- links -------------------------------------------------------------------------------------- */

/* 1 with what the link says, 0 when nothing is there, -1 when it is no link. */
static int read_link(struct scratch *scratch, const char *path, const char **ret_text, struct fault *fault)
{
    char room[LINK_BYTES];
    ssize_t size = readlink(path, room, sizeof room);
    if (size < 0 && errno == ENOENT) {
        return 0;
    }
    if (size < 0 && errno == EINVAL) {
        return fault_set(fault, "'%.300s' is no symbolic link: a deployment would replace what somebody else made",
                         path);
    }
    if (size < 0 || size == (ssize_t)sizeof room) {
        return failed(fault, "read the link", path);
    }
    *ret_text = scratch_copy(scratch, room, (size_t)size);
    return 1;
}

static int sync_names(const char *folder, struct fault *fault)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fsync(fd) < 0 ? failed(fault, "sync", folder) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

/* A link beside it, then renamed over it: there is no moment without one. */
static int put_link(const char *folder, const char *name, const char *text, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *beside = scratch_printf(&scratch, "%s/.%s.new", folder, name);
    const char *path = scratch_printf(&scratch, "%s/%s", folder, name);
    int result = 0;
    if (unlink(beside) < 0 && errno != ENOENT) {
        result = failed(fault, "remove", beside);
    } else if (symlink(text, beside) < 0) {
        result = failed(fault, "make the link", beside);
    } else if (rename(beside, path) < 0) {
        result = failed(fault, "replace the link", path);
    } else {
        result = sync_names(folder, fault);
    }
    scratch_free(&scratch);
    return result;
}

static int remove_link(const char *folder, const char *name, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *path = scratch_printf(&scratch, "%s/%s", folder, name);
    int result = unlink(path) < 0 && errno != ENOENT ? failed(fault, "remove", path) : sync_names(folder, fault);
    scratch_free(&scratch);
    return result;
}

/* ---- staging ------------------------------------------------------------------------------------ */

static int take_lock(const struct step_host *host, struct scratch *scratch, struct directory *directory,
                     struct fault *fault)
{
    const char *path = scratch_printf(scratch, "%s/.lock", directory->path);
    bool told = false;
    directory->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (directory->lock_fd < 0) {
        return failed(fault, "open", path);
    }
    while (flock(directory->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return failed(fault, "lock", path);
        }
        if (!told) {
            step_log(host, STEP_LOG_INFO, "another deployment to '%s' is going on: waiting for it", directory->path);
            told = true;
        }
        if (moment_sleep(host, LOCK_LOOK_MS) < 0) {
            return fault_set(fault, "cancelled while another deployment to '%.300s' was going on", directory->path);
        }
    }
    return 0;
}

/* A deployment that was cut off between its switch and its verdict has served nobody on purpose. */
static int find_previous(struct scratch *scratch, struct directory *directory, struct fault *fault)
{
    const char *before = NULL;
    int cut_off = read_link(scratch, scratch_printf(scratch, "%s/.before", directory->path), &before, fault);
    if (cut_off < 0 ||
        read_link(scratch, scratch_printf(scratch, "%s/current", directory->path), &directory->current, fault) < 0) {
        return -1;
    }
    directory->previous = directory->current;
    if (cut_off == 1) {
        directory->previous = strcmp(before, nothing_before) == 0 ? NULL : before;
        directory->cut_off = true;
    }
    return 0;
}

/* The version may be there from an earlier deployment: it is used only if it still is what was recorded. */
static bool is_there(const struct step_host *host, const struct payload *payload, const char *folder)
{
    struct fault fault;
    struct stat info;
    if (lstat(folder, &info) < 0) {
        return false;
    }
    if (!S_ISDIR(info.st_mode) || folder_count(folder, &fault) != (int64_t)payload->count) {
        step_log(host, STEP_LOG_WARN, "'%s' has not the files that were recorded: it is made anew", folder);
        return false;
    }
    if (payload_verify(host, payload, folder, &fault) < 0) {
        step_log(host, STEP_LOG_WARN, "'%s' is made anew: %s", folder, fault.text);
        return false;
    }
    return true;
}

/* Into its place, exchanged with what was there under that name, so that a `current` to it never points to nothing. */
static int put_in_place(struct scratch *scratch, const char *staged, const char *folder, struct fault *fault)
{
    if (renameat2(AT_FDCWD, staged, AT_FDCWD, folder, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        if (renameat2(AT_FDCWD, staged, AT_FDCWD, folder, RENAME_EXCHANGE) < 0) {
            return failed(fault, "replace", folder);
        }
        return folder_remove(staged, fault);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return failed(fault, "make", folder);
    }
    /* A file system without these flags: what is in the way goes aside first. */
    const char *aside = scratch_printf(scratch, "%s.old", staged);
    if ((rename(folder, aside) < 0 && errno != ENOENT) || rename(staged, folder) < 0) {
        return failed(fault, "make", folder);
    }
    return folder_remove(aside, fault);
}

static int stage_version(const struct step_host *host, struct scratch *scratch, const struct payload *payload,
                         struct directory *directory, struct fault *fault)
{
    const char *versions = scratch_printf(scratch, "%s/versions", directory->path);
    const char *staged = scratch_printf(scratch, "%s/.staging", versions);
    const char *folder = scratch_printf(scratch, "%s/%s", directory->path, directory->version);
    if (folder_make(versions, fault) < 0) {
        return -1;
    }
    if (is_there(host, payload, folder)) {
        return 0;
    }
    struct fault ignored;
    if (folder_remove(staged, fault) < 0 || payload_copy(host, payload, staged, fault) < 0) {
        (void)folder_remove(staged, &ignored);
        return -1;
    }
    return put_in_place(scratch, staged, folder, fault) < 0 ? -1 : sync_names(versions, fault);
}

const char *directory_version(struct scratch *scratch, const struct payload *payload)
{
    return scratch_printf(scratch, "versions/%s-%.*s", payload->name, DIGEST_SHOWN, payload->sha256);
}

int directory_reopen(const struct step_host *host, struct scratch *scratch, const char *path,
                     const struct payload *payload, struct directory *ret_directory, struct fault *fault)
{
    *ret_directory = (struct directory){.path = path, .lock_fd = -1};
    ret_directory->version = directory_version(scratch, payload);
    return folder_make(path, fault) < 0 || take_lock(host, scratch, ret_directory, fault) < 0 ||
                   find_previous(scratch, ret_directory, fault) < 0
               ? -1
               : 0;
}

int directory_stage(const struct step_host *host, struct scratch *scratch, const char *path,
                    const struct payload *payload, struct directory *ret_directory, struct fault *fault)
{
    if (directory_reopen(host, scratch, path, payload, ret_directory, fault) < 0) {
        return -1;
    }
    if (ret_directory->cut_off) {
        const char *before = ret_directory->previous;
        step_log(host, STEP_LOG_WARN, "the deployment before this one was cut off: what counts as before is %s",
                 before == NULL ? "nothing" : before);
    }
    return stage_version(host, scratch, payload, ret_directory, fault);
}

/* ---- traffic ------------------------------------------------------------------------------------ */

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *traffic_file(struct scratch *scratch, const struct directory *directory)
{
    return scratch_printf(scratch, "%s/traffic.json", directory->path);
}

static void put_share(struct textbuf *out, const char *version, double weight)
{
    textbuf_put(out, out->size == 0 ? "{\"versions\": [" : ", ");
    textbuf_put(out, "{\"path\": ");
    textbuf_json_string(out, version);
    textbuf_put(out, ", \"weight\": ");
    textbuf_json_number(out, weight);
    textbuf_put(out, "}");
}

/* `version` has `weight` percent, what was there before the rest; NULL is nothing, and has no traffic. */
static int put_traffic(const struct directory *directory, const char *version, double weight, struct fault *fault)
{
    struct textbuf text = {0};
    const char *before = same(version, directory->previous) ? NULL : directory->previous;
    if (before != NULL && (version == NULL || weight < 100)) {
        put_share(&text, before, version == NULL ? 100 : 100 - weight);
    }
    if (version != NULL) {
        put_share(&text, version, before == NULL ? 100 : weight);
    }
    textbuf_put(&text, text.size == 0 ? "{\"versions\": []}\n" : "]}\n");
    struct scratch scratch = {0};
    int result = file_text_replace(traffic_file(&scratch, directory), textbuf_text(&text), 0644, fault);
    scratch_free(&scratch);
    textbuf_free(&text);
    return result;
}

/* A directory that has seen stages of traffic says at any time who has it. */
static int put_all_traffic(const struct directory *directory, const char *version, struct fault *fault)
{
    struct scratch scratch = {0};
    bool there = access(traffic_file(&scratch, directory), F_OK) == 0;
    int result = there ? put_traffic(directory, version, 100, fault) : 0;
    scratch_free(&scratch);
    return result < 0 ? -1 : remove_link(directory->path, "canary", fault);
}

/* ---- switching ---------------------------------------------------------------------------------- */

static int remember_before(const struct directory *directory, struct fault *fault)
{
    const char *before = directory->previous == NULL ? nothing_before : directory->previous;
    return put_link(directory->path, ".before", before, fault);
}

/* Which version has a part of the traffic; NULL for none. */
static const char *canary_of(struct scratch *scratch, const struct directory *directory)
{
    struct fault ignored;
    const char *canary = NULL;
    (void)read_link(scratch, scratch_printf(scratch, "%s/canary", directory->path), &canary, &ignored);
    return canary;
}

bool directory_is_ours(const struct directory *directory)
{
    struct scratch scratch = {0};
    const char *canary = canary_of(&scratch, directory);
    bool ours = directory->cut_off && (same(directory->version, canary) ||
                                       (canary == NULL && same(directory->version, directory->current)));
    scratch_free(&scratch);
    return ours;
}

bool directory_is_only_begun(const struct directory *directory)
{
    struct scratch scratch = {0};
    bool begun = directory->cut_off && canary_of(&scratch, directory) == NULL &&
                 same(directory->current, directory->previous);
    scratch_free(&scratch);
    return begun;
}

int directory_split(const struct directory *directory, double weight, struct fault *fault)
{
    /* An earlier switch that was not settled is taken back by this: `current` is what was there before. */
    int result = remember_before(directory, fault);
    if (result == 0 && !same(directory->current, directory->previous)) {
        result = directory->previous == NULL ? remove_link(directory->path, "current", fault)
                                             : put_link(directory->path, "current", directory->previous, fault);
    }
    if (result == 0) {
        result = put_link(directory->path, "canary", directory->version, fault);
    }
    return result < 0 ? -1 : put_traffic(directory, directory->version, weight, fault);
}

int directory_switch(const struct directory *directory, struct fault *fault)
{
    struct scratch scratch = {0};
    int result = remember_before(directory, fault);
    if (result == 0) {
        result = put_link(directory->path, "current", directory->version, fault);
    }
    if (result == 0) {
        result = put_all_traffic(directory, directory->version, fault);
    }
    if (result == 0) {
        /* The time of a version's folder says when it was deployed last. */
        (void)utimensat(AT_FDCWD, scratch_printf(&scratch, "%s/%s", directory->path, directory->version), NULL, 0);
    }
    scratch_free(&scratch);
    return result;
}

int directory_roll_back(const struct directory *directory, struct fault *fault)
{
    int result = directory->previous == NULL ? remove_link(directory->path, "current", fault)
                                             : put_link(directory->path, "current", directory->previous, fault);
    if (result == 0) {
        result = put_all_traffic(directory, directory->previous, fault);
    }
    return result < 0 ? -1 : remove_link(directory->path, ".before", fault);
}

/* ---- settling ------------------------------------------------------------------------------------ */

struct old_version {
    const char *name;
    int64_t time_ms;
};

static int newest_first(const void *a, const void *b)
{
    const struct old_version *x = a;
    const struct old_version *y = b;
    return x->time_ms == y->time_ms ? strcmp(y->name, x->name) : x->time_ms < y->time_ms ? 1 : -1;
}

static bool names(const char *version, const char *name)
{
    static const char prefix[] = "versions/";
    return version != NULL && strncmp(version, prefix, strlen(prefix)) == 0 &&
           strcmp(version + strlen(prefix), name) == 0;
}

/* The versions that nothing points to. */
static struct old_version *list_old(struct scratch *scratch, const struct directory *directory, const char *versions,
                                    size_t *ret_count)
{
    DIR *folder = opendir(versions);
    struct old_version *old = NULL;
    size_t count = 0;
    size_t room = 0;
    for (const struct dirent *entry = folder == NULL ? NULL : readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat info;
        if (entry->d_name[0] == '.' || names(directory->version, entry->d_name) ||
            names(directory->previous, entry->d_name) ||
            fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode)) {
            continue;
        }
        if (count == room) {
            struct old_version *more = scratch_array(scratch, room = room * 2 + 16, sizeof *more);
            if (count > 0) {
                memcpy(more, old, count * sizeof *more);
            }
            old = more;
        }
        old[count++] = (struct old_version){scratch_copy(scratch, entry->d_name, strlen(entry->d_name)),
                                            (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000};
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    *ret_count = count;
    return old;
}

void directory_settle(const struct step_host *host, const struct directory *directory, int64_t keep)
{
    struct scratch scratch = {0};
    struct fault fault;
    size_t count = 0;
    const char *versions = scratch_printf(&scratch, "%s/versions", directory->path);
    if (remove_link(directory->path, ".before", &fault) < 0) {
        step_log(host, STEP_LOG_WARN, "%s", fault.text);
    }
    struct old_version *old = list_old(&scratch, directory, versions, &count);
    if (count > 0) {
        qsort(old, count, sizeof *old, newest_first);
    }
    /* What was there before is one of the old ones. */
    bool has_previous = directory->previous != NULL && strcmp(directory->previous, directory->version) != 0;
    size_t stay = keep <= 0 ? 0 : (size_t)keep - (has_previous ? 1 : 0);
    for (size_t i = stay; i < count; i++) {
        if (folder_remove(scratch_printf(&scratch, "%s/%s", versions, old[i].name), &fault) < 0) {
            step_log(host, STEP_LOG_WARN, "an old version stays: %s", fault.text);
        } else {
            step_log(host, STEP_LOG_INFO, "removed the old version %s", old[i].name);
        }
    }
    scratch_free(&scratch);
}

void directory_close(struct directory *directory)
{
    if (directory->lock_fd >= 0) {
        (void)close(directory->lock_fd);
        directory->lock_fd = -1;
    }
}
