/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_folders.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/untimed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the umask leaves of it: in a home that is shared with the user of the steps, its group, too, may write. */
enum { FOLDER_MODE = 0775, FILE_MODE = 0600, FOLDER_BYTES = 1024 };

static bool is_resumed(const struct json *spawn)
{
    const struct json *outcome = json_get(spawn, "resumed");
    return outcome != NULL && outcome->type != JSON_NULL;
}

/* Without a DIR, which is as many system calls again: it is asked between two steps, while nothing else runs. */
static bool is_empty_folder(const char *path)
{
    _Alignas(struct dirent64) char entries[FOLDER_BYTES];
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    untimed_reads(fd);
    ssize_t n = -1;
    bool empty = fd >= 0;
    while (empty && (n = getdents64(fd, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; empty && at < n;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
            at += entry->d_reclen;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return empty && n == 0;
}

static int make_parent(const char *path, struct err *err)
{
    struct arena *arena = arena_new();
    int result = fs_make_folders(path_dir(arena, path), FOLDER_MODE, err);
    arena_free(arena);
    return result;
}

/* ---- spare ones ---- */

static bool move(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
}

/* Moves the last of `list` to `path`, unless something is there: errno is then EEXIST, and the spare one is kept. One
 * that cannot be moved, also where the folder above is there, is gone, or the file system knows no such rename. */
static bool take_spare(char **list, int *count, const char *path)
{
    struct err ignored = {0};
    if (*count == 0) {
        return false;
    }
    char *from = list[*count - 1];
    bool moved = move(from, path);
    if (!moved && errno == ENOENT && make_parent(path, &ignored) == 0) { /* of the first step of a run */
        moved = move(from, path);
    }
    if (moved || errno != EEXIST) {
        int error = errno;
        (*count)--;
        free(from);
        errno = error;
    }
    return moved;
}

static void keep_spare(char **list, int *count, const char *path)
{
    list[(*count)++] = mem_strdup(path);
}

/* As it was given: empty, with its rights, and without a second name. */
static bool is_as_given(const char *path, mode_t kind, mode_t rights)
{
    struct stat st;
    if (lstat(path, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & ~(mode_t)S_ISGID) != (kind | rights)) {
        return false;
    }
    return kind == S_IFDIR ? is_empty_folder(path) : st.st_nlink == 1 && st.st_size == 0;
}

/* ---- making ---- */

/* mkdir -p, a spare one if there is one. 1 when something is there already. */
static int make_folder(struct step_folders *spare, const char *path, struct err *err)
{
    if (spare != NULL && take_spare(spare->folders, &spare->folder_count, path)) {
        return 0;
    }
    if (mkdir(path, FOLDER_MODE) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        return 1;
    }
    return fs_make_folders(path, FOLDER_MODE, err);
}

static int make_file(struct step_folders *spare, const char *path, bool keep, struct err *err)
{
    if (spare != NULL && take_spare(spare->files, &spare->file_count, path)) {
        return 0;
    }
    int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (keep ? 0 : O_TRUNC) | O_CLOEXEC;
    int fd = open(path, flags, FILE_MODE);
    if (fd < 0 && errno == ENOENT && make_parent(path, err) == 0) {
        fd = open(path, flags, FILE_MODE);
    }
    if (fd < 0) {
        return err_errno(err, "cannot make the file of outputs '%s'", path);
    }
    close(fd);
    return 0;
}

int step_folders_make(struct step_folders *spare, const struct json *spawn, struct err *err)
{
    const char *step_dir = json_get_text(spawn, "step_dir", NULL);
    const char *state_dir = json_get_text(spawn, "state_dir", NULL);
    const char *output = json_get_text(spawn, "output_file", NULL);
    bool resumed = is_resumed(spawn);
    int made = step_dir == NULL ? 0 : make_folder(spare, step_dir, err);
    if (made == 1 && !resumed && !is_empty_folder(step_dir)) {
        return 1;
    }
    if (made < 0 || (state_dir != NULL && make_folder(spare, state_dir, err) < 0)) {
        return -1;
    }
    return output == NULL ? 0 : make_file(spare, output, resumed, err);
}

bool step_folders_are_as_made(const struct json *spawn)
{
    const char *step_dir = json_get_text(spawn, "step_dir", NULL);
    const char *state_dir = json_get_text(spawn, "state_dir", NULL);
    const char *output = json_get_text(spawn, "output_file", NULL);
    struct stat state = {.st_mode = S_IFDIR};
    struct stat file = {.st_mode = S_IFREG};
    return (step_dir == NULL || is_empty_folder(step_dir)) && (state_dir == NULL || lstat(state_dir, &state) == 0) &&
           (output == NULL || lstat(output, &file) == 0) && S_ISDIR(state.st_mode) && S_ISREG(file.st_mode) &&
           file.st_size == 0;
}

int step_folders_clear(const struct json *spawn, struct err *err)
{
    if (fs_remove(json_get_text(spawn, "step_dir", ""), err) < 0) {
        return -1;
    }
    int made = step_folders_make(NULL, spawn, err);
    return made == 1 ? err_set(err, ERR_STATE, "the folder of the step could not be emptied") : made;
}

/* ---- leaving ---- */

static void leave_folder(struct step_folders *spare, const char *path)
{
    bool has_room = spare->folder_count < STEP_FOLDERS_SPARE;
    if (path != NULL && has_room && is_as_given(path, S_IFDIR, FOLDER_MODE & ~spare->umask)) {
        keep_spare(spare->folders, &spare->folder_count, path);
    }
}

void step_folders_leave(struct step_folders *spare, const struct json *spawn, bool reuse)
{
    const char *output = json_get_text(spawn, "output_file", NULL);
    if (output != NULL && reuse && spare->file_count < STEP_FOLDERS_SPARE &&
        is_as_given(output, S_IFREG, FILE_MODE & ~spare->umask)) {
        keep_spare(spare->files, &spare->file_count, output);
    } else if (output != NULL) {
        (void)unlink(output);
    }
    if (!reuse) {
        return;
    }
    leave_folder(spare, json_get_text(spawn, "step_dir", NULL));
    if (!json_get_bool(spawn, "state_shared", false)) {
        leave_folder(spare, json_get_text(spawn, "state_dir", NULL));
    }
}

void step_folders_free(struct step_folders *spare)
{
    while (spare->folder_count > 0) {
        free(spare->folders[--spare->folder_count]);
    }
    while (spare->file_count > 0) {
        char *path = spare->files[--spare->file_count];
        (void)unlink(path);
        free(path);
    }
}
