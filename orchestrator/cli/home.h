/* SPDX-License-Identifier: Apache-2.0
 * A home: the folder with the store, the artifacts and the runs.
 *
 * Found as `--home`, SLUICE_HOME, or the nearest `.sluice` upwards; made in the current folder when a command that
 * begins one finds none (makes_home in cli.h; init, serve, import). One process that writes owns it, by a lock on
 * `<home>/lock`; the file says who.
 */
#ifndef SLUICE_CLI_HOME_H
#define SLUICE_CLI_HOME_H

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "store/store.h"

enum { HOME_KEY_BYTES = 32 };

struct home {
    const char *path; /* absolute */
    bool created;     /* by this call */
    bool is_new;      /* so is its store */
    int lock_fd;      /* -1: not locked */
    int pin_fd;       /* of home_pin; 0: not pinned */
    struct store *store;
};

enum home_mode {
    HOME_READ,  /* an existing home, store read-only */
    HOME_WRITE, /* created if there is none, locked, store writable and migrated */
    /* The same; a new home is on the disk only once something was committed in it (store/first_sync.h). */
    HOME_WRITE_LATER,
};

/* `given` is --home or NULL. A home in use is ERR_BUSY ("in use by sluice run, pid 123, since ..."), a network file
 * system and a newer store are refused in words. HOME_READ without a home is ERR_NOT_FOUND; a store of
 * an older schema is upgraded first, if nobody holds the home. */
int home_open(const char *given, enum home_mode mode, const char *doing, struct arena *arena, struct home *ret_home,
              struct err *err);
/* Is it a folder that nothing was ever written down in? Lists of it are empty; home_open with HOME_READ fails. */
bool home_is_new(const char *given, struct arena *arena);
/* ERR_NOT_FOUND, in words that say where it was looked for, when there is no folder. */
int home_demand(const char *given, struct arena *arena, struct err *err);
/* The user whose service keeps the home (config.yaml: 'runner'), when we are another: home_open does not let us write
 * in it, which root could, and says ERR_BUSY, since the service is who is to be asked. NULL: there is none. */
const char *home_service_owner(const char *path, struct arena *arena);
/* Only where it would be. */
const char *home_find(const char *given, struct arena *arena);
/* Creates `<home>/key` (random bytes, 0600) if absent and gives it to the store for the activity log. */
int home_use_key(struct home *home, struct err *err);
/* The bytes of `<home>/key`; overwrite them when done. ERR_NOT_FOUND when it is not there, or may not be read; with
 * `strict`, ERR_IO when others than its owner may read or write it. */
int home_read_key(const char *home, bool strict, unsigned char ret_key[HOME_KEY_BYTES], struct err *err);
/* While somebody copies files of the home (shared), nobody removes any (alone): ERR_BUSY in words. Until it is closed.
 * Who is killed lets go. */
int home_pin(struct home *home, bool alone, struct err *err);
/* What config.yaml says is in force from now on: its guards hold for all that is moved, and that it was taken stands in
 * the activity log when it is not the one that was taken last. A home that was opened to be written moves no alias
 * before. `single_user`: by it and its folder the home has no user but its `owner`, and not_by excludes nobody.
 * `*ret_words`: what differs from that one; NULL: nothing. */
int home_take_config(struct home *home, const struct config *config, bool single_user, const char *owner,
                     const char *actor, struct arena *arena, const char **ret_words, struct err *err);
void home_close(struct home *home);

#endif
