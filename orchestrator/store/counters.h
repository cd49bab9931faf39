/* SPDX-License-Identifier: Apache-2.0
 * Numbers that only grow, kept in the store: for /metrics, where a counter must not begin anew. Each is counted in the
 * transaction of what it counts, so that what was taken back is not counted. Labels are of a bounded set.
 */
#ifndef SLUICE_STORE_COUNTERS_H
#define SLUICE_STORE_COUNTERS_H

#include "base/histogram.h"
#include "store/store.h"

#define COUNTER_HOOKS "webhook_requests"      /* by provider and outcome: "github accepted" */
#define COUNTER_MISSED "missed_schedules"     /* by why */
#define COUNTER_RECOVERED "recovered_attempts" /* by what became of it */
#define COUNTER_DELAY "schedule_delay"        /* histogram: from when a time is due until its run is there */
#define COUNTER_QUEUE "queue_wait"            /* histogram: of runs of groups, until they have their place */

int store_count(struct store *store, const char *name, const char *label, int64_t by, struct err *err);
/* One value of a histogram with the bounds histogram_bounds_wait. */
int store_observe(struct store *store, const char *name, double seconds, struct err *err);

/* Calls `take` with each label and its number. */
int store_counters(struct store *store, const char *name, void (*take)(void *ctx, const char *label, int64_t value),
                   void *ctx, struct err *err);
int store_counted_histogram(struct store *store, const char *name, struct histogram *ret, struct err *err);

#endif
