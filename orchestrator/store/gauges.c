/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gauges.h"

#include "store/store_internal.h"

#include <stdio.h>

static const char leases_by_resource[] =
    "SELECT s.resource, coalesce((SELECT sum(l.amount) FROM leases AS l WHERE l.resource = s.resource), 0) "
    "FROM supply AS s ORDER BY s.resource";

static const char *const queries[GAUGES] = {
    [GAUGE_RUNS] = "SELECT state, count(*) FROM pipeline_runs WHERE ended_ms IS NULL GROUP BY state",
    [GAUGE_WAITS] = "SELECT kind, count(*) FROM waits WHERE status = 'open' GROUP BY kind",
    [GAUGE_DELIVERIES] = "SELECT state, count(*) FROM deliveries WHERE state = 'waiting' GROUP BY state",
    [GAUGE_TRIGGERS] = "SELECT kind, count(*) FROM triggers WHERE outcome = 'pending' GROUP BY kind",
    [GAUGE_SUPPLY] = "SELECT resource, amount FROM supply ORDER BY resource",
    [GAUGE_LEASES] = leases_by_resource,
};

int store_gauge(struct store *store, enum store_gauge gauge, void (*take)(void *ctx, const char *word, int64_t value),
                void *ctx, struct err *err)
{
    struct stmt *s = stmt_get(store, queries[gauge]);
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        take(ctx, stmt_column_view(s, 0).p, stmt_column_int(s, 1));
    }
    stmt_done(s);
    return row;
}

int store_activity_head(struct store *store, int64_t *ret_sequence, char ret_chain[65], struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT sequence, chain FROM activity ORDER BY sequence DESC LIMIT 1");
    int row = stmt_step(s, err);
    *ret_sequence = row == 1 ? stmt_column_int(s, 0) : 0;
    (void)snprintf(ret_chain, 65, "%s", row == 1 ? stmt_column_view(s, 1).p : "");
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

const struct histogram *store_commit_times(const struct store *store)
{
    return &store->commits;
}
