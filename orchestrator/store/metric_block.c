/* SPDX-License-Identifier: Apache-2.0 */
#include "store/metric_block.h"

#include "base/point_decode.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct metric_rank metric_rank_of(double value, int64_t step, int64_t time_ms)
{
    struct metric_rank rank = {.value = value, .is_nan = isnan(value), .step = step, .time_ms = time_ms};
    if (rank.is_nan || rank.value == 0) {
        rank.value = 0;
    } else if (isinf(rank.value)) {
        rank.value = rank.value > 0 ? DBL_MAX : -DBL_MAX;
    }
    return rank;
}

static int compare_values(const struct metric_rank *a, const struct metric_rank *b)
{
    return (a->value > b->value) - (a->value < b->value);
}

int metric_rank_compare(const struct metric_rank *a, const struct metric_rank *b)
{
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    int order = compare_values(a, b);
    return order != 0 ? order : (int)b->is_nan - (int)a->is_nan;
}

int metric_order_compare(const struct metric_rank *a, const struct metric_rank *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    int order = compare_values(a, b);
    return order != 0 ? order : (int)a->is_nan - (int)b->is_nan;
}

/* ---- lists ---- */

struct metric_ranks metric_ranks_new(struct arena *arena, size_t room)
{
    return (struct metric_ranks){.items = arena_array(arena, room, sizeof(struct metric_rank))};
}

static int compare_items(const void *a, const void *b)
{
    return metric_order_compare(a, b);
}

void metric_ranks_settle(struct metric_ranks *points)
{
    bool ascends = true;
    for (size_t i = 1; i < points->count && ascends; i++) {
        ascends = metric_order_compare(&points->items[i - 1], &points->items[i]) < 0;
    }
    if (ascends) {
        return;
    }
    qsort(points->items, points->count, sizeof *points->items, compare_items);
    size_t kept = 1;
    for (size_t i = 1; i < points->count; i++) {
        if (metric_order_compare(&points->items[kept - 1], &points->items[i]) != 0) {
            points->items[kept++] = points->items[i];
        }
    }
    points->count = kept;
}

size_t metric_ranks_before(const struct metric_ranks *points, const struct metric_rank *point)
{
    size_t low = 0;
    for (size_t high = points->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (metric_order_compare(&points->items[middle], point) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct metric_ranks metric_ranks_slice(const struct metric_ranks *points, size_t from, size_t to)
{
    return (struct metric_ranks){.items = points->items + from, .count = to - from};
}

static void add(struct metric_ranks *list, const struct metric_rank *point)
{
    list->items[list->count++] = *point;
}

struct metric_ranks metric_ranks_union(struct arena *arena, const struct metric_ranks *points,
                                       const struct metric_ranks *more, struct metric_ranks *ret_new)
{
    if (points->count == 0) {
        return *ret_new = *more;
    }
    struct metric_ranks both = metric_ranks_new(arena, points->count + more->count);
    if (more->count > 0 && metric_order_compare(&points->items[points->count - 1], &more->items[0]) < 0) {
        memcpy(both.items, points->items, points->count * sizeof *both.items);
        memcpy(both.items + points->count, more->items, more->count * sizeof *both.items);
        both.count = points->count + more->count;
        *ret_new = *more;
        return both;
    }
    struct metric_ranks new = metric_ranks_new(arena, more->count);
    size_t at = 0;
    for (size_t i = 0; i < more->count; i++) {
        int order = -1;
        while (at < points->count && (order = metric_order_compare(&points->items[at], &more->items[i])) < 0) {
            add(&both, &points->items[at++]);
        }
        if (order != 0) {
            add(&both, &more->items[i]);
            add(&new, &more->items[i]);
        }
    }
    if (at < points->count) {
        memcpy(both.items + both.count, points->items + at, (points->count - at) * sizeof *points->items);
        both.count += points->count - at;
    }
    *ret_new = new;
    return both;
}

/* ---- bytes ---- */

static size_t encode(struct point_code *code, const struct metric_rank *rank, unsigned char *room)
{
    struct point point = {rank->time_ms, rank->step, rank->is_nan ? (double)NAN : rank->value};
    return point_encode(code, &point, room);
}

size_t metric_block_append(struct metric_block_end *end, const struct metric_rank *points, size_t count,
                           unsigned char *room, size_t max_bytes, size_t *size)
{
    size_t i = 0;
    while (i < count && max_bytes - *size >= POINT_CODE_MAX_BYTES) {
        *size += encode(&end->code, &points[i++], room + *size);
    }
    while (i < count) {
        unsigned char one[POINT_CODE_MAX_BYTES];
        struct point_code code = end->code;
        size_t took = encode(&code, &points[i], one);
        if (took > max_bytes - *size) {
            break;
        }
        memcpy(room + *size, one, took);
        *size += took;
        end->code = code;
        i++;
    }
    end->last = i > 0 ? points[i - 1] : end->last;
    return i;
}

size_t metric_block_write(const struct metric_rank *points, size_t count, unsigned char *room, size_t max_bytes,
                          size_t *ret_bytes)
{
    struct metric_block_end end = {0};
    *ret_bytes = 0;
    return metric_block_append(&end, points, count, room, max_bytes, ret_bytes);
}

/* Is it behind the point before it? Mostly its time says so. */
static bool ascends(const struct point *before, const struct point *point)
{
    if (point->time_ms != before->time_ms || point->step != before->step) {
        return point->time_ms != before->time_ms ? point->time_ms > before->time_ms : point->step > before->step;
    }
    struct metric_rank a = metric_rank_of(before->value, before->step, before->time_ms);
    struct metric_rank b = metric_rank_of(point->value, point->step, point->time_ms);
    return metric_order_compare(&a, &b) < 0;
}

/* Reads at most `count` points, into `items` if there are any: how many are in order. */
static size_t read_points(struct str *bytes, size_t count, struct metric_rank *items, struct metric_block_end *end)
{
    struct point_code code = {0}; /* in registers */
    struct str rest = *bytes;
    struct point last = {0};
    struct point point;
    size_t got = 0;
    while (got < count && point_decode_here(&code, &rest, &point) == 1 && (got == 0 || ascends(&last, &point))) {
        if (items != NULL) {
            items[got] = metric_rank_of(point.value, point.step, point.time_ms);
        }
        last = point;
        got++;
    }
    *end = (struct metric_block_end){.last = metric_rank_of(last.value, last.step, last.time_ms), .code = code};
    *bytes = rest;
    return got;
}

static int check_whole(struct str rest, size_t count, size_t got, struct err *err)
{
    return got == count && rest.n == 0
               ? 0
               : err_set(err, ERR_CORRUPT, "the store is damaged: expected %zu metric points in order, found %zu",
                         count, got);
}

int metric_block_read(struct str bytes, size_t count, struct arena *arena, struct metric_ranks *ret, struct err *err)
{
    size_t most = count < bytes.n ? count : bytes.n; /* a point takes a byte at least */
    struct metric_ranks list = metric_ranks_new(arena, most);
    struct metric_block_end end;
    list.count = read_points(&bytes, most, list.items, &end);
    if (check_whole(bytes, count, list.count, err) < 0) {
        return -1;
    }
    *ret = list;
    return 0;
}

int metric_block_find_end(struct str bytes, size_t count, struct metric_block_end *ret, struct err *err)
{
    size_t got = read_points(&bytes, count, NULL, ret);
    return check_whole(bytes, count, got, err);
}
