/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rollback.h"

#include "store/registry.h"

int store_alias_rollback(struct store *store, const struct rollback *rollback, int64_t now_ms, struct arena *arena,
                         struct rollback_outcome *ret, struct err *err)
{
    struct rollback_outcome outcome = {0};
    int64_t previous = 0;
    const struct mover by = {.actor = rollback->actor, .door = "rollback", .reason = rollback->reason};
    if (store_alias_before(store, rollback->model, rollback->alias, arena, &outcome.to, &outcome.from, err) < 0 ||
        (!rollback->dry && store_alias_set(store, rollback->model, rollback->alias, outcome.to.to_version, outcome.from,
                                           &by, now_ms, &previous, err) < 0)) {
        return -1;
    }
    *ret = outcome;
    return 0;
}
