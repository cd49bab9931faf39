/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/target.h"

#include "base/crash_point.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char unfinished[] = ".unfinished";
static const char removing[] = ".removing";
enum { SECOND_BYTES = sizeof "2026-11-27T03-35-11Z" - 1, NUMBER_MAX = 1000000000 };

/* 2026-11-27T03-35-11Z, or that with -2 behind it. */
static bool is_name(const char *name)
{
    static const char form[] = "dddd-dd-ddTdd-dd-ddZ";
    size_t i = 0;
    for (; form[i] != '\0'; i++) {
        if (form[i] == 'd' ? !isdigit((unsigned char)name[i]) : name[i] != form[i]) {
            return false;
        }
    }
    return name[i] == '\0' || (name[i] == '-' && name[i + 1 + strspn(name + i + 1, "0123456789")] == '\0');
}

/* Of one second, by their numbers: -10 is behind -9. */
static int by_age(const void *a, const void *b)
{
    const char *x = *(const char *const *)a;
    const char *y = *(const char *const *)b;
    size_t n = strcspn(x, "Z");
    int order = strncmp(x, y, n);
    return order != 0 ? order : strlen(x) != strlen(y) ? (strlen(x) < strlen(y) ? -1 : 1) : strcmp(x, y);
}

const char *const *backup_target_list(const char *path, struct arena *arena, size_t *ret_count)
{
    const char **names = NULL;
    size_t room = 0;
    DIR *entries = opendir(path);
    *ret_count = 0;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        if (is_name(entry->d_name) &&
            fs_exists(path_join(arena, path_join(arena, path, entry->d_name), "manifest.json"))) {
            names = arena_grow(arena, names, *ret_count, &room, sizeof *names);
            names[(*ret_count)++] = arena_strdup(arena, entry->d_name);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    if (*ret_count > 1) {
        qsort(names, *ret_count, sizeof *names, by_age);
    }
    return names;
}

const char *backup_target_find(const char *given, struct arena *arena, struct err *err)
{
    size_t count = 0;
    char *real = realpath(given, NULL);
    if (real == NULL) {
        (void)err_errno(err, "'%s'", given);
        err->code = ERR_NOT_FOUND;
        return NULL;
    }
    const char *path = arena_strdup(arena, real);
    free(real);
    const char *const *names = backup_target_list(path, arena, &count);
    return count == 0 ? path : path_join(arena, path, names[count - 1]);
}

static int take(struct backup_target *target, struct arena *arena, struct err *err)
{
    target->lock_fd = open(target->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->lock_fd < 0) {
        return err_errno(err, "opening '%s'", target->path);
    }
    if (flock(target->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_BUSY, "another sluice makes a backup in '%s': wait until it is done",
                             target->path)
                   : err_errno(err, "locking '%s'", target->path);
    }
    return fs_remove(target->staging, err) < 0 ||
                   fs_remove(path_join(arena, target->path, removing), err) < 0
               ? -1
               : fs_make_folders(target->staging, 0700, err);
}

int backup_target_open(const char *path, struct arena *arena, struct backup_target *ret, struct err *err)
{
    *ret = (struct backup_target){.lock_fd = -1};
    if (fs_make_folders(path, 0700, err) < 0) {
        return -1;
    }
    char *real = realpath(path, NULL);
    if (real == NULL) {
        return err_errno(err, "reading '%s'", path);
    }
    ret->path = arena_strdup(arena, real);
    ret->staging = path_join(arena, ret->path, unfinished);
    free(real);
    if (take(ret, arena, err) < 0) {
        if (ret->lock_fd >= 0) {
            (void)close(ret->lock_fd);
        }
        ret->lock_fd = -1;
        return -1;
    }
    return 0;
}

void backup_target_close(struct backup_target *target)
{
    if (target->lock_fd >= 0) {
        (void)fs_remove(target->staging, NULL);
        (void)close(target->lock_fd);
        target->lock_fd = -1;
    }
}

/* Of the moment in UTC, and behind all that are there: of the same second, or of a later one, since the clock was set
 * back, it has a number behind it. */
static const char *choose_name(const struct backup_target *target, int64_t made_ms, struct arena *arena)
{
    char at[40];
    size_t count = 0;
    int64_t number = 1; /* the name without one */
    const char *const *names = backup_target_list(target->path, arena, &count);
    format_time(at, sizeof at, made_ms);
    at[13] = at[16] = '-';
    const char *second = arena_printf(arena, "%.19sZ", at);
    const char *newest = count == 0 ? "" : names[count - 1];
    if (count > 0 && by_age(&newest, &second) >= 0) {
        second = arena_printf(arena, "%.*s", SECOND_BYTES, newest);
        const char *last = newest[SECOND_BYTES] == '-' ? newest + SECOND_BYTES + 1 : "1";
        (void)parse_int(str_from(last), 1, NUMBER_MAX, &number, NULL);
        number++;
    }
    const char *name = NULL;
    do {
        name = number == 1 ? second : arena_printf(arena, "%s-%lld", second, (long long)number);
        number++;
    } while (fs_exists(path_join(arena, target->path, name)));
    return name;
}

int backup_target_finish(struct backup_target *target, int64_t made_ms, struct arena *arena, const char **ret_name,
                         struct err *err)
{
    const char *name = choose_name(target, made_ms, arena);
    const char *path = path_join(arena, target->path, name);
    crash_point_pass("backup_before_sync");
    if (fs_sync(target->staging, err) < 0) {
        return -1;
    }
    crash_point_pass("backup_before_rename");
    if (rename(target->staging, path) < 0) {
        return err_errno(err, "naming the backup '%s'", path);
    }
    crash_point_pass("backup_after_rename");
    *ret_name = name;
    return fs_sync_name(path, err);
}

int backup_target_prune(struct backup_target *target, size_t keep, struct arena *arena, size_t *ret_removed,
                        struct err *err)
{
    size_t count = 0;
    const char *const *names = backup_target_list(target->path, arena, &count);
    const char *aside = path_join(arena, target->path, removing);
    for (*ret_removed = 0; *ret_removed + keep < count; ++*ret_removed) {
        const char *path = path_join(arena, target->path, names[*ret_removed]);
        if (rename(path, aside) < 0) {
            return err_errno(err, "removing the backup '%s'", path);
        }
        crash_point_pass("backup_while_removing");
        if (fs_remove(aside, err) < 0) {
            return -1;
        }
    }
    return 0;
}
