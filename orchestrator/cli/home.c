/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/home.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "store/activity.h"
#include "store/config_loads.h"
#include "store/first_sync.h"
#include "store/guards.h"
#include "store/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *absolute(struct arena *arena, const char *path)
{
    char here[4096];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL) {
        return path_normal(arena, path);
    }
    return path_normal(arena, path_join(arena, here, path));
}

/* NULL: it is looked for. */
static const char *named(const char *given)
{
    const char *name = given != NULL ? given : getenv("SLUICE_HOME");
    return name == NULL || *name == '\0' ? NULL : name;
}

const char *home_find(const char *given, struct arena *arena)
{
    if (named(given) != NULL) {
        return absolute(arena, named(given));
    }
    char here[4096];
    if (getcwd(here, sizeof here) == NULL) {
        return ".sluice";
    }
    for (const char *at = here; strcmp(at, "/") != 0; at = path_dir(arena, at)) {
        const char *candidate = path_join(arena, at, ".sluice");
        if (fs_is_folder(candidate)) {
            return candidate;
        }
    }
    return path_join(arena, here, ".sluice");
}

int home_demand(const char *given, struct arena *arena, struct err *err)
{
    const char *path = home_find(given, arena);
    if (fs_is_folder(path)) {
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "there is no home at '%s'%s: 'sluice init' or 'sluice run' makes one", path,
                   named(given) != NULL ? "" : ", nor in a folder above (--home names one elsewhere)");
}

/* The name of the user whose folder the home is; NULL when it is ours, or is not there. */
static const char *other_owner(const char *path, struct arena *arena)
{
    struct stat folder;
    if (stat(path, &folder) < 0 || folder.st_uid == geteuid()) {
        return NULL;
    }
    const struct passwd *user = getpwuid(folder.st_uid);
    return user != NULL ? arena_strdup(arena, user->pw_name) : arena_printf(arena, "uid %u", (unsigned)folder.st_uid);
}

const char *home_service_owner(const char *path, struct arena *arena)
{
    const char *owner = other_owner(path, arena);
    struct diags diags;
    struct config config;
    struct err unread = {0}; /* whoever opens the home says so */
    bool is_service = owner != NULL && config_load_home(path, arena, &diags, &config, &unread) == 0 &&
                      config.runner_socket != NULL;
    return is_service ? owner : NULL;
}

static int refuse_service(const struct home *home, struct arena *arena, struct err *err)
{
    const char *owner = home_service_owner(home->path, arena);
    return owner == NULL ? 0
                         : err_set(err, ERR_BUSY,
                                   "the home '%s' is of the user '%s', whose service writes it: start that service, or "
                                   "do this as that user",
                                   home->path, owner);
}

/* By errno; when that is a matter of rights, with whose the home is. */
static int refused(const struct home *home, const char *doing, const char *path, struct arena *arena, struct err *err)
{
    int error = errno;
    const char *owner = error == EACCES ? other_owner(home->path, arena) : NULL;
    errno = error;
    return owner == NULL ? err_errno(err, "%s '%s'", doing, path)
                         : err_set(err, ERR_IO, "%s '%s': %s: it is of the user '%s'", doing, path, strerror(error),
                                   owner);
}

static int create(struct home *home, struct arena *arena, struct err *err)
{
    if (fs_is_folder(home->path)) {
        return 0;
    }
    home->created = true;
    if (fs_make_folders(home->path, 0700, err) < 0) {
        return -1;
    }
    /* A home inside a repository is no part of it. */
    return fs_write(path_join(arena, home->path, ".gitignore"), STR("*\n"), 0644, false, err);
}

static int refuse_network(const char *path, struct err *err)
{
    const char *network = fs_network_name(path);
    if (network == NULL) {
        return 0;
    }
    return err_set(
        err, ERR_INPUT,
        "'%s' lies on a network file system (%s), where locks and shared memory are not dependable: use --home with a "
        "local folder",
        path, network);
}

/* The lock is the file's flock; its text is for people. */
static int lock(struct home *home, const char *doing, struct arena *arena, struct err *err)
{
    const char *path = path_join(arena, home->path, "lock");
    home->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (home->lock_fd < 0) {
        return refused(home, "opening", path, arena, err);
    }
    if (flock(home->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        char holder[256] = "";
        ssize_t size = pread(home->lock_fd, holder, sizeof holder - 1, 0);
        holder[size < 0 ? 0 : size] = '\0';
        struct str words = str_trim(str_from(holder));
        words = words.n > 0 ? words : STR("another sluice"); /* that has the lock, but has not written yet */
        return err_set(err, ERR_BUSY,
                       "the home '%s' is in use by %.*s: wait until it is done, or give this one another --home",
                       home->path, STR_ARG(words));
    }
    char at[40];
    format_time(at, sizeof at, clock_wall_ms(&clock_system));
    const char *text = arena_printf(arena, "sluice %s, pid %d, since %s\n", doing, (int)getpid(), at);
    if (ftruncate(home->lock_fd, 0) < 0 || pwrite(home->lock_fd, text, strlen(text), 0) < 0) {
        return err_errno(err, "writing '%s'", path);
    }
    return 0;
}

/* A migration has no way back but a copy of before. */
static int open_writer(struct home *home, const char *path, struct arena *arena, struct err *err)
{
    const char *copy = NULL;
    int kept = store_mend_unsynced(path, err) < 0 ? -1 : store_keep_older(path, arena, &copy, err);
    if (kept < 0 || store_open(path, STORE_READ_WRITE, &home->store, err) < 0) {
        return -1;
    }
    if (kept == 1) {
        fprintf(stderr, "sluice: the store was brought up to schema %d; as it was before it is '%s'\n",
                store_schema_version(), copy);
    }
    return 0;
}

/* A store of an older schema is brought up to date by whoever comes first, also by one who only looks. */
static int open_reader(const char *path, const char *given, struct arena *arena, struct store **ret_store,
                       struct err *err)
{
    struct err older = {0};
    struct home home;
    if (store_open(path, STORE_READ_ONLY, ret_store, &older) == 0) {
        return 0;
    }
    if (older.code != ERR_STATE) {
        *err = older;
        return -1;
    }
    if (home_open(given, HOME_WRITE, "upgrading its store", arena, &home, err) < 0) {
        return err->code != ERR_BUSY
                   ? -1
                   : err_add(err, "the store is of an earlier version, and is upgraded once nobody has the home");
    }
    home_close(&home);
    return store_open(path, STORE_READ_ONLY, ret_store, err);
}

bool home_is_new(const char *given, struct arena *arena)
{
    const char *path = home_find(given, arena);
    return fs_is_folder(path) && !fs_exists(path_join(arena, path, "sluice.db"));
}

/* A home that is shared with the user of the steps (engine/apart.h) shows it by its folders: whoever writes there
 * leaves the group everything, as the engine does. */
static void share(const char *home, struct arena *arena)
{
    struct stat status;
    const mode_t shared = S_ISGID | S_IRWXG;
    if (stat(path_join(arena, home, "artifacts"), &status) == 0 && (status.st_mode & shared) == shared) {
        (void)umask((umask(0) | S_IRWXO) & ~(mode_t)S_IRWXG);
    }
}

int home_open(const char *given, enum home_mode mode, const char *doing, struct arena *arena, struct home *ret_home,
              struct err *err)
{
    struct home home = {.path = home_find(given, arena), .lock_fd = -1};
    bool writes = mode != HOME_READ;
    if (!writes && home_demand(given, arena, err) < 0) {
        return -1;
    }
    const char *store = path_join(arena, home.path, "sluice.db");
    home.is_new = writes && !fs_exists(store);
    if (!writes && access(home.path, R_OK | X_OK) < 0) {
        return refused(&home, "reading the home", home.path, arena, err);
    }
    if (!writes && fs_exists(store) && access(home.path, W_OK) < 0) {
        return err_set(err, ERR_IO,
                       "the home '%s' is read-only for you, and SQLite has to write beside its database even to read",
                       home.path);
    }
    if (!writes && !fs_exists(store)) {
        return err_set(err, ERR_NOT_FOUND,
                       "'%s' holds nothing yet: 'sluice run' starts a run in it, 'sluice serve' serves it", home.path);
    }
    if ((writes && (refuse_service(&home, arena, err) < 0 || create(&home, arena, err) < 0)) ||
        refuse_network(home.path, err) < 0 ||
        (writes && lock(&home, doing, arena, err) < 0) ||
        (writes ? open_writer(&home, store, arena, err)
                : open_reader(store, given, arena, &home.store, err)) < 0 ||
        home_use_key(&home, err) < 0 || (mode == HOME_WRITE && store_sync_first(home.store, err) < 0)) {
        home_close(&home);
        return -1;
    }
    if (writes) {
        store_guards_expect(home.store);
        share(home.path, arena);
    }
    *ret_home = home;
    return 0;
}

int home_take_config(struct home *home, const struct config *config, bool single_user, const char *owner,
                     const char *actor, struct arena *arena, const char **ret_words, struct err *err)
{
    store_guards_set(home->store, &config->guards, &config->groups, single_user, owner);
    if (store_begin(home->store, err) < 0) {
        return -1;
    }
    if (store_config_taken(home->store, &config->document, actor, clock_wall_ms(&clock_system), arena, ret_words, err) <
        0) {
        store_rollback(home->store);
        return -1;
    }
    return store_commit(home->store, err);
}

static const char *key_path(const char *home, char room[4200])
{
    (void)snprintf(room, 4200, "%s/key", home);
    return room;
}

static int check_key(const char *path, const struct stat *status, ssize_t size, bool strict, struct err *err)
{
    if (!S_ISREG(status->st_mode) || size != HOME_KEY_BYTES) {
        return err_set(err, ERR_CORRUPT, "'%s' is not a key of %d bytes", path, HOME_KEY_BYTES);
    }
    if (strict && (status->st_mode & 077) != 0) {
        return err_set(err, ERR_IO,
                       "others may read or write '%s' (mode %04o): 'chmod 600' it, and change the secrets that it "
                       "seals if somebody did",
                       path, (unsigned)(status->st_mode & 07777));
    }
    return 0;
}

int home_read_key(const char *home, bool strict, unsigned char ret_key[HOME_KEY_BYTES], struct err *err)
{
    char room[4200];
    const char *path = key_path(home, room);
    unsigned char key[HOME_KEY_BYTES + 1]; /* one more, so that a longer file is noticed */
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == EACCES)) {
        return err_set(err, ERR_NOT_FOUND, "the key '%s' %s", path,
                       errno == ENOENT ? "is not there" : "may not be read by you");
    }
    ssize_t size = fd < 0 || fstat(fd, &status) < 0 ? -1 : read(fd, key, sizeof key);
    int result = size < 0 ? err_errno(err, "reading '%s'", path) : check_key(path, &status, size, strict, err);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (result == 0) {
        memcpy(ret_key, key, HOME_KEY_BYTES);
    }
    explicit_bzero(key, sizeof key);
    return result;
}

static int make_key(const char *path, bool sync, struct err *err)
{
    unsigned char key[HOME_KEY_BYTES];
    crash_point_pass("before_key");
    int result = getrandom(key, sizeof key, 0) == (ssize_t)sizeof key
                     ? fs_write(path, (struct str){(const char *)key, sizeof key}, 0600, sync, err)
                     : err_errno(err, "making '%s'", path);
    explicit_bzero(key, sizeof key);
    return result;
}

/* A power cut may have left a key without bytes, with which nothing was sealed or signed yet. */
static bool has_key(const struct home *home, const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && (status.st_size > 0 || !store_is_unsynced(home->store));
}

/* Until something was committed that it signs, a key is as little worth a sync as the store. */
static int ensure_key(struct home *home, const char *path, struct err *err)
{
    bool later = store_is_unsynced(home->store);
    if (!has_key(home, path) && make_key(path, !later, err) < 0) {
        return -1;
    }
    int fd = later ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd >= 0) {
        store_sync_beside(home->store, fd);
    }
    return 0;
}

int home_use_key(struct home *home, struct err *err)
{
    char room[4200];
    const char *path = key_path(home->path, room);
    unsigned char key[HOME_KEY_BYTES];
    struct err wrong = {0};
    if (home->lock_fd >= 0 && ensure_key(home, path, err) < 0) {
        return -1;
    }
    if (home_read_key(home->path, false, key, &wrong) < 0) {
        if (wrong.code != ERR_NOT_FOUND) {
            *err = wrong;
        }
        return wrong.code == ERR_NOT_FOUND ? 0 : -1;
    }
    store_activity_set_key(home->store, key);
    explicit_bzero(key, sizeof key);
    return 0;
}

int home_pin(struct home *home, bool alone, struct err *err)
{
    char room[4200];
    (void)snprintf(room, sizeof room, "%s/pin", home->path);
    home->pin_fd = open(room, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (home->pin_fd < 0) {
        home->pin_fd = 0;
        return err_errno(err, "opening '%s'", room);
    }
    if (flock(home->pin_fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        return err_set(err, ERR_BUSY,
                       alone ? "a backup of the home '%s' is being made: what it copies cannot be removed meanwhile"
                             : "files of the home '%s' are being removed (sluice gc): wait until that is done",
                       home->path);
    }
    return 0;
}

void home_close(struct home *home)
{
    store_close(home->store);
    if (home->pin_fd > 0) {
        (void)close(home->pin_fd);
    }
    if (home->lock_fd >= 0) {
        (void)close(home->lock_fd);
    }
    *home = (struct home){.lock_fd = -1};
}
