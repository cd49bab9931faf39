/* SPDX-License-Identifier: Apache-2.0
 * Who may decide in whose place, until when; and what people say of versions.
 */
#ifndef SLUICE_STORE_DELEGATIONS_H
#define SLUICE_STORE_DELEGATIONS_H

#include "base/json.h"
#include "store/store.h"

#include <stdint.h>

struct delegation {
    int64_t id;
    const char *giver;
    struct json giver_groups; /* list: those that he had when he gave it */
    const char *taker;
    const char *model;  /* glob of registered models; "*" is whatever is asked */
    const char *reason;
    int64_t created_ms, until_ms;
    int64_t ended_ms;   /* 0: the giver has not taken it back */
};
/* Sets the id. ERR_INPUT for one to oneself, or that has ended before it begins. */
int store_delegation_add(struct store *store, struct delegation *delegation, struct err *err);
/* The giver takes it back. ERR_NOT_FOUND, ERR_DENIED for another's, ERR_STATE when it has ended. */
int store_delegation_end(struct store *store, int64_t id, const char *giver, int64_t now_ms, struct err *err);
/* All that he has given end: he is nobody here any more. */
int store_delegations_end_of(struct store *store, const char *giver, int64_t now_ms, struct err *err);
/* Those that are in force at `now_ms` (0: all), of a taker (NULL: of all), newest first. */
int store_delegation_list(struct store *store, const char *taker, int64_t now_ms, struct arena *arena,
                          struct delegation **ret, size_t *ret_count, struct err *err);
/* 1, 0, -1. */
int store_delegation_find(struct store *store, int64_t id, struct arena *arena, struct delegation *ret,
                          struct err *err);
bool delegation_covers(const struct delegation *delegation, const char *model_name);

struct comment {
    int64_t id;
    const char *name;
    int64_t version;
    const char *actor;
    const char *text;
    int64_t at_ms;
};
enum { COMMENT_BYTES_MAX = 16 << 10 };
/* Sets the id. The version must be there. With an entry of the activity log. */
int store_comment_add(struct store *store, struct comment *comment, struct err *err);
/* Oldest first, of the version as it is (a deleted model's are not those of one that was made again under its name);
 * `version` 0: of all versions. */
int store_comment_list(struct store *store, const char *name, int64_t version, struct arena *arena,
                       struct comment **ret, size_t *ret_count, struct err *err);

#endif
