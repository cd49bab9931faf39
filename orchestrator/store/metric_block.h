/* SPDX-License-Identifier: Apache-2.0
 * Points of a series as they are stored: their order, lists of them, and the bytes of a block. Pure: nothing here knows
 * of tables.
 */
#ifndef SLUICE_STORE_METRIC_BLOCK_H
#define SLUICE_STORE_METRIC_BLOCK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/point_code.h"

#include <stdbool.h>
#include <stdint.h>

/* `value` is 0 for NaN, finite, never -0. */
struct metric_rank {
    double value;
    bool is_nan;
    int64_t step;
    int64_t time_ms;
};

/* -0 and 0 are one value, and so are the infinities and the largest doubles; NaN is 0 with a flag. */
struct metric_rank metric_rank_of(double value, int64_t step, int64_t time_ms);
/* What makes one the latest: by step, time, value; a number beats NaN in 0's place, so that the order of arrival never
 * decides. <0, 0, >0. */
int metric_rank_compare(const struct metric_rank *a, const struct metric_rank *b);
/* The order of a history, and of blocks: by time, step, value; NaN behind a 0. <0, 0, >0. */
int metric_order_compare(const struct metric_rank *a, const struct metric_rank *b);

/* Points, in an arena. */
struct metric_ranks {
    struct metric_rank *items;
    size_t count;
};
struct metric_ranks metric_ranks_new(struct arena *arena, size_t room);
/* Sorts by the order of a history and leaves out repeats. Points that come in that order are not sorted again. */
void metric_ranks_settle(struct metric_ranks *points);
/* How many points of a settled list stand before `point`. */
size_t metric_ranks_before(const struct metric_ranks *points, const struct metric_rank *point);
/* Items from `from`, before `to`: no copy. */
struct metric_ranks metric_ranks_slice(const struct metric_ranks *points, size_t from, size_t to);
/* The union of two settled lists, settled. `*ret_new` are those of `more` that `points` does not have. Either may be
 * `more` itself. */
struct metric_ranks metric_ranks_union(struct arena *arena, const struct metric_ranks *points,
                                       const struct metric_ranks *more, struct metric_ranks *ret_new);

/* A block and its row fill a page of the database (4096 bytes) and never flow over. */
enum { METRIC_BLOCK_BYTES = 4000 };

/* Where a block ends: its last point, and what further ones are told from. Zeroed: it has none yet. */
struct metric_block_end {
    struct metric_rank last;
    struct point_code code;
};

/* Writes points of a settled list, from its first, into `room` until the next would not fit in `max_bytes` (at least
 * POINT_CODE_MAX_BYTES). Returns how many, and their bytes. */
size_t metric_block_write(const struct metric_rank *points, size_t count, unsigned char *room, size_t max_bytes,
                          size_t *ret_bytes);
/* Goes on behind the `*size` bytes of a block that are in `room`, and moves its end; all `points` come after it. */
size_t metric_block_append(struct metric_block_end *end, const struct metric_rank *points, size_t count,
                           unsigned char *room, size_t max_bytes, size_t *size);
/* ERR_CORRUPT when the bytes are not `count` (at least 1) points in ascending order. */
int metric_block_read(struct str bytes, size_t count, struct arena *arena, struct metric_ranks *ret, struct err *err);
/* The same, for who wants to know only where it ends. */
int metric_block_find_end(struct str bytes, size_t count, struct metric_block_end *ret, struct err *err);

#endif
