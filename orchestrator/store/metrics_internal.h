/* SPDX-License-Identifier: Apache-2.0
 * What metrics.c and metrics_read.c share: the order of points that makes one the latest.
 */
#ifndef SLUICE_STORE_METRICS_INTERNAL_H
#define SLUICE_STORE_METRICS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

/* A point as it is stored: `value` is 0 for NaN, finite, never -0. */
struct metric_rank {
    double value;
    bool is_nan;
    int64_t step;
    int64_t time_ms;
};

/* By step, time, value; a number beats NaN in 0's place, so that the order of arrival never decides. <0, 0, >0. */
int metric_rank_compare(const struct metric_rank *a, const struct metric_rank *b);

#endif
