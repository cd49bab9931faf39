/* SPDX-License-Identifier: Apache-2.0
 * How often something took how long: counts by bounds in seconds, as Prometheus has them. Kept in memory, from the
 * start of the process.
 */
#ifndef SLUICE_BASE_HISTOGRAM_H
#define SLUICE_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS_MAX = 20 };

struct histogram {
    const double *bounds; /* rising, up to the first 0 */
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* of values up to each bound and beyond the one before; then the rest */
    double sum;
};

/* 100 us to 10 s, 100 ms to a day, and 10 ms to a day. */
extern const double histogram_bounds_quick[], histogram_bounds_slow[], histogram_bounds_wait[];

void histogram_add(struct histogram *histogram, double seconds);
uint64_t histogram_count(const struct histogram *histogram);

/* For the time that something takes here: the monotonic clock in seconds, and what to add since then. */
double histogram_begin(void);
void histogram_end(struct histogram *histogram, double begun);

#endif
