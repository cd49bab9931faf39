/* SPDX-License-Identifier: Apache-2.0
 * Who asks, and what he may do. Everything it needs to say so is kept in memory, and read again when it has changed.
 *
 * A home without users asks nobody (AUTH_OFF). A password is verified once, in a thread, since that takes tens of
 * milliseconds; then it is known by a mark (crypto/password.h) for AUTH_KNOWN_MS, until it is changed or its user is
 * removed. A token is known by its digest.
 *
 * One thread: the loop's.
 */
#ifndef SLUICE_AUTH_AUTH_H
#define SLUICE_AUTH_AUTH_H

#include "auth/credential.h"
#include "auth/group_roles.h"
#include "crypto/password.h"
#include "store/permissions.h"
#include "store/users.h"

enum { AUTH_KNOWN_MS = 15 * 60 * 1000 };

/* Somebody whose password or token was right. */
struct auth_who {
    int64_t user_id;
    const char *name;
    bool is_admin;  /* whatever his token: he manages all objects */
    enum role role; /* what he may do by what he has shown: the highest of his own and his groups', or `most` */
    enum role most; /* the role of his token; ROLE_ADMIN: he has a password, or a token that lowers nothing */
    const int64_t *experiments; /* the only ones that the token is for; NULL: all */
    size_t experiment_count;
    char sha256[65];     /* of his token; "": he has a password */
    char token_id[16];   /* of his token; "" */
    int64_t password_ms; /* when that was set */
    uint64_t version;    /* of the users, when this was so */
};

/* A password that is to be verified. */
struct auth_claim {
    struct password_mark mark; /* of the whole header */
    struct str user, password;
    const char *hash; /* password_of_nobody for a user that there is not */
};

enum auth_answer {
    AUTH_OFF,     /* nobody is asked */
    AUTH_GOOD,    /* `*ret_who` */
    AUTH_REFUSED, /* nothing that is good was shown */
    AUTH_UNKNOWN, /* `*ret_claim` is to be verified */
    AUTH_FAILED,  /* `err`: the store cannot be read */
};

struct auth;

/* `by_default` is the permission for what nothing is said of. */
struct auth *auth_new(struct store *store, enum permission by_default);
void auth_free(struct auth *auth);
/* From the next question on, also for who has asked before. */
void auth_set_default(struct auth *auth, enum permission by_default);
/* What groups are in config.yaml, and the roles they have; from the next question on, also for who has asked before. */
void auth_set_groups(struct auth *auth, const struct json *groups, const struct json *roles);
/* The highest of his own and his groups'. */
enum role auth_role_of(const struct auth *auth, const struct user_row *user);
bool auth_is_on(struct auth *auth);
/* Of the value of an Authorization header. Texts lie in `arena`. `now_ms` is the wall clock. */
enum auth_answer auth_ask(struct auth *auth, struct str header, int64_t now_ms, struct arena *arena,
                          struct auth_who *ret_who, struct auth_claim *ret_claim, struct err *err);
/* A claim has been verified, and was right: its mark is good from now on, if that user still has that hash. */
void auth_learn(struct auth *auth, const struct password_mark *mark, struct str user, const char *hash,
                int64_t now_ms);
/* Whether who asked a while ago may go on: his password or token is still good. Reads again what else has changed. */
bool auth_is_still_good(struct auth *auth, struct auth_who *who, int64_t now_ms);

/* Somebody who has shown nothing here, by his name: what he may do with a password. False: there is no such user. */
bool auth_find(struct auth *auth, struct str name, struct arena *arena, struct auth_who *ret_who);

/* ---- what he may do ---- */
/* His permission on an object, as far as his token goes. -1 when the store cannot be read. */
int auth_permission(struct auth *auth, const struct auth_who *who, const struct permission_object *object,
                    enum permission *ret, struct err *err);
/* The same of what only all objects of a type are named for. */
int auth_permission_of_all(struct auth *auth, const struct auth_who *who, enum granted_type type, enum permission *ret,
                           struct err *err);
/* Reads all that is said of experiments to him, so that the next thousand questions cost nothing. */
int auth_know_all(struct auth *auth, const struct auth_who *who, struct err *err);
/* Of what nothing is said, and what belongs to no experiment. */
enum permission auth_default(const struct auth *auth, const struct auth_who *who);
/* For searches; NULL: he may read everything. In `arena`. */
const struct reader *auth_reader(const struct auth *auth, const struct auth_who *who, struct arena *arena);
/* The experiment of a run; 1 found, 0 not, -1. Runs stay in their experiment: what was found is remembered. */
int auth_experiment_of_run(struct auth *auth, const char *run_id, int64_t *ret, struct err *err);

/* ---- tokens' last use, which is written down from time to time ---- */
bool auth_has_uses(const struct auth *auth);
int auth_keep_uses(struct auth *auth, struct err *err);

#endif
