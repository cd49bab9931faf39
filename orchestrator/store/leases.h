/* SPDX-License-Identifier: Apache-2.0
 * Leases: what live attempts hold of what the home has.
 */
#ifndef SLUICE_STORE_LEASES_H
#define SLUICE_STORE_LEASES_H

#include "pipeline/resources.h"
#include "store/store.h"

#include <stdint.h>

struct lease_row {
    int64_t attempt;
    const char *resource;
    int64_t amount;
    const char *devices; /* "" for what has none */
};

/* An attempt that goes on in the turn in which it began to wait still has its rows: they are written over. */
int store_lease_put(struct store *store, const struct lease_row *lease, struct err *err);
/* All that an attempt holds comes free. store_attempt_update does so when the attempt has no process any more. */
int store_leases_drop(struct store *store, int64_t attempt, struct err *err);
/* All leases, by attempt. */
int store_lease_list(struct store *store, struct arena *arena, struct lease_row **ret, size_t *ret_count,
                     struct err *err);

/* A lease and who holds it. */
struct lease_holder {
    int64_t amount;
    const char *pipeline;
    int64_t number, revision; /* of its run */
    const char *step;
};
int store_lease_holders(struct store *store, const char *resource, struct arena *arena, struct lease_holder **ret,
                        size_t *ret_count, struct err *err);

/* Records what the home has; nothing is written when it stands there already. */
int store_supply_put(struct store *store, const struct resource_supply *supply, size_t count, struct err *err);
struct supply_use {
    const char *resource;
    int64_t amount; /* that there is */
    int64_t held;
};
/* All of them, by name, with what of each is in use. */
int store_supply_list(struct store *store, struct arena *arena, struct supply_use **ret, size_t *ret_count,
                      struct err *err);
/* Of one resource; -1 when it is not known. */
int64_t store_supply_get(struct store *store, const char *resource);

#endif
