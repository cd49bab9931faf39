/* SPDX-License-Identifier: Apache-2.0
 * Who may do what in a home whose steps are of another user, as modes and groups of its files.
 */
#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "engine/apart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders that steps reach by their group. What lies in them before the first time is shared, too. */
static const struct shared {
    const char *name;
    mode_t mode;  /* of itself; the set-group-id bit gives the group to what is made in it */
    bool written; /* by steps */
} shared[] = {
    {"runs", S_ISGID | 0750, false},
    {"artifacts", S_ISGID | 0770, true},
    {"envs", S_ISGID | 0770, true},
    {"repos", S_ISGID | 0750, false}, /* checkouts are workspaces */
};

enum { SHARED = sizeof shared / sizeof shared[0] };

static bool is_shared(const char *name)
{
    for (size_t i = 0; i < SHARED; i++) {
        if (strcmp(shared[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- who we are ----------------------------------------------------------------------------------------------- */

static bool is_in_group(gid_t gid)
{
    gid_t groups[1024];
    int count = getgroups(sizeof groups / sizeof groups[0], groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == gid) {
            return true;
        }
    }
    return geteuid() == 0 || getegid() == gid;
}

static const char *group_words(gid_t gid, struct arena *arena)
{
    const struct group *group = getgrgid(gid);
    return group == NULL ? arena_printf(arena, "%u", (unsigned)gid) : arena_strdup(arena, group->gr_name);
}

static int check_us(const struct engine_apart *apart, struct arena *arena, struct err *err)
{
    if (apart->uid == geteuid() || apart->uid == 0) {
        return err_set(err, ERR_STATE, "steps would run as uid %u%s: expected a user of their own",
                       (unsigned)apart->uid, apart->uid == 0 ? ", which may do everything" : ", which is ours");
    }
    if (!is_in_group(apart->gid)) {
        return err_set(err, ERR_STATE,
                       "we are not in the group '%s' of the steps, and could not read what they leave: expected "
                       "SupplementaryGroups= in the unit, or 'usermod -a -G'",
                       group_words(apart->gid, arena));
    }
    return 0;
}

/* ---- what is shared ------------------------------------------------------------------------------------------- */

/* Of what lay there before: what its owner may, its group may. Only what is ours. */
static int share_one(int folder, const char *name, const struct stat *status, gid_t gid, mode_t mode, struct err *err)
{
    mode_t wanted = mode != 0 ? mode : status->st_mode | (status->st_mode & S_IRWXU) >> 3;
    wanted = (wanted & 0777) | (S_ISDIR(status->st_mode) ? S_ISGID : 0);
    if (status->st_gid != gid && fchownat(folder, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0) {
        return err_errno(err, "giving '%s' to the group of the steps", name);
    }
    if ((status->st_mode & 07777) != wanted && fchmodat(folder, name, wanted, 0) < 0) {
        return err_errno(err, "letting the group of the steps use '%s'", name);
    }
    return 0;
}

/* Below `runs`: the folder of a run is looked at only, its journal is nobody's but ours. */
static mode_t mode_of_old(const struct shared *place, const FTSENT *entry)
{
    if (!place->written && entry->fts_level == 1) {
        return 0750;
    }
    return !place->written && entry->fts_level == 2 && S_ISREG(entry->fts_statp->st_mode) ? 0600 : 0;
}

static int share_old(const char *path, const struct shared *place, gid_t gid, struct err *err)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    int result = walk == NULL ? err_errno(err, "reading '%s'", path) : 0;
    while (result == 0 && (entry = fts_read(walk)) != NULL) {
        bool plain = entry->fts_info == FTS_D || entry->fts_info == FTS_F;
        if (plain && entry->fts_level > 0 && entry->fts_statp->st_uid == geteuid()) {
            result = share_one(AT_FDCWD, entry->fts_path, entry->fts_statp, gid, mode_of_old(place, entry), err);
        }
    }
    if (walk != NULL) {
        (void)fts_close(walk);
    }
    return result;
}

/* The folder itself comes last: while it is not as it should be, what is in it may not be, either. */
static int share(const char *path, const struct shared *place, gid_t gid, struct err *err)
{
    struct stat status;
    if (fs_make_folders(path, 0700, err) < 0) {
        return -1;
    }
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        return err_set(err, ERR_IO, "'%s' is no folder", path);
    }
    if (status.st_gid == gid && (status.st_mode & 07777) == place->mode) {
        return 0;
    }
    return share_old(path, place, gid, err) < 0
               ? -1
               : share_one(AT_FDCWD, path, &status, gid, place->mode & 0777, err);
}

/* ---- what is not ---------------------------------------------------------------------------------------------- */

/* The bits by which steps could open it. */
static mode_t open_bits(const struct stat *status, gid_t gid)
{
    return status->st_mode & (S_IRWXO | (status->st_gid == gid ? S_IRWXG : 0u));
}

static int close_entry(int home, const char *name, gid_t gid, struct err *err)
{
    struct stat status;
    if (fstatat(home, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return errno == ENOENT ? 0 : err_errno(err, "looking at '%s'", name);
    }
    mode_t open = open_bits(&status, gid);
    if (S_ISLNK(status.st_mode) || open == 0) {
        return 0;
    }
    if (status.st_uid != geteuid() && geteuid() != 0) { /* as an editor of root's leaves it: no reason to run nothing */
        log_warn("engine", "steps may use '%s' of the home (mode %04o), which is not ours to close", name,
                 (unsigned)status.st_mode & 07777);
        return 0;
    }
    return fchmodat(home, name, status.st_mode & 07777 & ~open, 0) < 0
               ? err_errno(err, "closing '%s' of the home to steps", name)
               : 0;
}

static int close_others(const char *path, gid_t gid, struct err *err)
{
    DIR *entries = opendir(path);
    int result = entries == NULL ? err_errno(err, "reading '%s'", path) : 0;
    const struct dirent *entry = NULL;
    while (result == 0 && (entry = readdir(entries)) != NULL) {
        bool own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!own && !is_shared(entry->d_name)) {
            result = close_entry(dirfd(entries), entry->d_name, gid, err);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return result;
}

/* Steps have to come through the home to what they share; to list it they need not. */
static int open_way(const char *path, struct err *err)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return err_errno(err, "looking at '%s'", path);
    }
    mode_t wanted = (status.st_mode & 07777 & ~(mode_t)(S_IWOTH | S_IROTH | S_ISGID)) | S_IXGRP | S_IXOTH;
    return (status.st_mode & 07777) == wanted || chmod(path, wanted) == 0
               ? 0
               : err_errno(err, "letting steps through '%s'", path);
}

int engine_apart_prepare(const char *home, const struct engine_apart *apart, struct err *err)
{
    struct arena *arena = arena_new();
    int result = check_us(apart, arena, err);
    (void)umask((umask(0) | S_IRWXO) & ~(mode_t)S_IRWXG);
    result = result < 0 || close_others(home, apart->gid, err) < 0 ? -1 : 0;
    for (size_t i = 0; i < SHARED && result == 0; i++) {
        result = share(path_join(arena, home, shared[i].name), &shared[i], apart->gid, err);
    }
    result = result < 0 ? -1 : open_way(home, err);
    arena_free(arena);
    return result;
}

/* ---- does it hold? -------------------------------------------------------------------------------------------- */

const char *engine_apart_fault(const char *home, const struct engine_apart *apart, struct arena *arena)
{
    struct err err = {0};
    if (check_us(apart, arena, &err) < 0) {
        return arena_strdup(arena, err.message);
    }
    DIR *entries = opendir(home);
    const char *fault = entries == NULL ? arena_printf(arena, "'%s' cannot be read", home) : NULL;
    const struct dirent *entry = NULL;
    while (fault == NULL && (entry = readdir(entries)) != NULL) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_shared(entry->d_name) ||
            fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(status.st_mode)) {
            continue;
        }
        if (open_bits(&status, apart->gid) != 0 || status.st_uid == apart->uid) {
            fault = arena_printf(arena, "steps may use '%s/%s' (mode %04o)", home, entry->d_name,
                                 (unsigned)status.st_mode & 07777);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return fault;
}
