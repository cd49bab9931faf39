/* SPDX-License-Identifier: Apache-2.0
 * How much there is of what changes all the time, for who watches a home: each by an index, or of small tables.
 */
#ifndef SLUICE_STORE_GAUGES_H
#define SLUICE_STORE_GAUGES_H

#include "base/histogram.h"
#include "store/store.h"

enum store_gauge {
    GAUGE_RUNS,       /* open runs of pipelines by state: queued, running, waiting */
    GAUGE_WAITS,      /* open waits by kind: approval, until, ... */
    GAUGE_DELIVERIES, /* of webhooks by state: waiting */
    GAUGE_SUPPLY,     /* what the home has, by resource */
    GAUGE_LEASES,     /* what attempts hold of it, by resource */
    GAUGE_TRIGGERS,   /* that have no outcome yet, by kind */
    GAUGES,
};

/* Calls `take` with each word and its number. */
int store_gauge(struct store *store, enum store_gauge gauge, void (*take)(void *ctx, const char *word, int64_t value),
                void *ctx, struct err *err);
/* The last row of the activity log: sequence and chain, 0 and "" when there is none. */
int store_activity_head(struct store *store, int64_t *ret_sequence, char ret_chain[65], struct err *err);
/* How long commits took. */
const struct histogram *store_commit_times(const struct store *store);

#endif
