/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <time.h>

const double histogram_bounds_quick[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                         0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10,   0};
const double histogram_bounds_wait[] = {0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 0};
const double histogram_bounds_slow[] = {0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400, 0};

void histogram_add(struct histogram *histogram, double seconds)
{
    size_t i = 0;
    while (histogram->bounds[i] > 0 && seconds > histogram->bounds[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum += seconds;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS_MAX; i++) {
        count += histogram->counts[i];
    }
    return count;
}

double histogram_begin(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void histogram_end(struct histogram *histogram, double begun)
{
    histogram_add(histogram, histogram_begin() - begun);
}
