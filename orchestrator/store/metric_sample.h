/* SPDX-License-Identifier: Apache-2.0
 * Which points of a long history are shown. Pure.
 */
#ifndef SLUICE_STORE_METRIC_SAMPLE_H
#define SLUICE_STORE_METRIC_SAMPLE_H

#include <stddef.h>

/* How many of `count` points are shown when at most `most` (1 and more) are asked for. */
size_t metric_sample_count(size_t count, size_t most);
/* The place of the i-th of them: the points are put into `most` buckets, the first of which have one more where they
 * cannot be even, and of each its first point is shown, of the last one its last. */
size_t metric_sample_place(size_t count, size_t most, size_t i);

#endif
