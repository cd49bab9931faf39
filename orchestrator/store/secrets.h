/* SPDX-License-Identifier: Apache-2.0
 * Secrets as they are kept: sealed. This file knows neither the key nor any value; sealing and opening is
 * cli/secret_source.h's.
 */
#ifndef SLUICE_STORE_SECRETS_H
#define SLUICE_STORE_SECRETS_H

#include "base/str.h"
#include "store/store.h"

#include <stdint.h>

struct secret_row {
    const char *name;
    struct str sealed;     /* crypto/seal.h */
    const char *key_id;    /* of the key that sealed it */
    const char *pipelines; /* JSON list of the pipelines that may read it; "null": all */
    const char *set_by;
    int64_t set_ms;
};

/* Adds it, or replaces the one of this name. */
int store_secret_put(struct store *store, const struct secret_row *row, struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_secret_get(struct store *store, const char *name, struct arena *arena, struct secret_row *ret_row,
                     struct err *err);
/* By name. */
int store_secret_list(struct store *store, struct arena *arena, struct secret_row **ret, size_t *ret_count,
                      struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_secret_remove(struct store *store, const char *name, struct err *err);

/* Which home this is, for what is bound to it. */
int store_home_id(struct store *store, struct arena *arena, const char **ret_id, struct err *err);

#endif
