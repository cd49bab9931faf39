/* SPDX-License-Identifier: Apache-2.0
 * Adding points to a series.
 *
 * The row of the series holds its summary and its tail: the points behind the last block, until they are too many for a
 * row. Then they go on from the last block. So points that come one by one mostly change one row, those that come
 * out of order by a little do too, and many at once are written once. A point before the end of the last block is late:
 * the block that it belongs to is read, and written again in one piece or, when it has become too large, in even ones.
 */
#include "store/metrics_internal.h"

#include "base/point_code.h"

#include <string.h>

enum {
    TAIL_BYTES = 400, /* some 40 points: a page holds the rows of about ten series */
    BLOCK_ALMOST_BYTES = METRIC_BLOCK_BYTES - POINT_CODE_MAX_BYTES /* a block of more has no room for another point */
};

struct series {
    struct store *store;
    struct arena *arena;
    struct metric_series_id id;
    bool stored;
    struct metric_summary is;
    size_t tail_count; /* as it will be */
    unsigned char tail_room[TAIL_BYTES];
    size_t tail_bytes;
};

struct block {
    int64_t id; /* 0: none */
    struct str bytes;
    size_t count;
};

int metric_summary_read(struct stmt *s, int from, struct arena *arena, struct metric_summary *ret, struct err *err)
{
    *ret = (struct metric_summary){
        .count = stmt_column_int(s, from),
        .latest = {.value = stmt_column_real(s, from + 1),
                   .is_nan = stmt_column_int(s, from + 2) != 0,
                   .step = stmt_column_int(s, from + 3),
                   .time_ms = stmt_column_int(s, from + 4)},
        .has_range = !stmt_column_is_null(s, from + 5),
        .min = stmt_column_real(s, from + 5),
        .max = stmt_column_real(s, from + 6),
    };
    if (ret->count != 1) {
        return metric_block_read(stmt_column_blob(s, from + 8, arena), (size_t)stmt_column_int(s, from + 7), arena,
                                 &ret->tail, err);
    }
    ret->has_range = !ret->latest.is_nan;
    ret->min = ret->max = ret->latest.value;
    ret->tail = metric_ranks_new(arena, 1);
    ret->tail.items[ret->tail.count++] = ret->latest;
    return 0;
}

/* ---- the summary ---- */

/* The number of the key, and the series when there is one. */
static int find_series(struct series *series, const char *key, struct err *err)
{
    struct stmt *s = stmt_get(series->store,
                              "SELECT k.id, " METRIC_SUMMARY_COLUMNS
                              " FROM metric_keys AS k LEFT JOIN metric_summaries AS s "
                              "ON s.run = :run AND s.key = k.id AND s.target = :target WHERE k.key = :key");
    stmt_int(s, ":run", series->id.run);
    stmt_int(s, ":target", series->id.target);
    stmt_text(s, ":key", key);
    int row = stmt_step(s, err);
    if (row == 1) {
        series->id.key = stmt_column_int(s, 0);
        series->stored = !stmt_column_is_null(s, 1);
        row = series->stored && metric_summary_read(s, 1, series->arena, &series->is, err) < 0 ? -1 : 1;
    }
    stmt_done(s);
    return row == 0 ? metric_key_number(series->store, key, &series->id.key, err) : row < 0 ? -1 : 0;
}

static void fold(struct metric_summary *series, const struct metric_ranks *points)
{
    for (size_t i = 0; i < points->count; i++) {
        const struct metric_rank *point = &points->items[i];
        if (series->count == 0 || metric_rank_compare(point, &series->latest) > 0) {
            series->latest = *point;
        }
        series->count++;
        if (!point->is_nan) {
            series->min = !series->has_range || point->value < series->min ? point->value : series->min;
            series->max = !series->has_range || point->value > series->max ? point->value : series->max;
            series->has_range = true;
        }
    }
}

static int save_summary(const struct series *series, struct err *err)
{
    const struct metric_summary *is = &series->is;
    struct stmt *s =
        series->stored
            ? stmt_get(series->store, "UPDATE metric_summaries SET count = :count, latest_value = :value, "
                                      "latest_is_nan = :is_nan, latest_step = :step, latest_ms = :time, min_value = "
                                      ":min, max_value = :max, tail_count = :tail_count, tail = :tail "
                                      "WHERE run = :run AND key = :key AND target = :target")
            : stmt_get(series->store, "INSERT INTO metric_summaries (run, key, target, count, latest_value, "
                                      "latest_is_nan, latest_step, latest_ms, min_value, max_value, tail_count, tail) "
                                      "VALUES (:run, :key, :target, :count, :value, :is_nan, :step, :time, :min, "
                                      ":max, :tail_count, :tail)");
    metric_series_bind(s, &series->id);
    stmt_int(s, ":count", is->count);
    stmt_real(s, ":value", is->latest.value);
    stmt_int(s, ":is_nan", is->latest.is_nan ? 1 : 0);
    stmt_int(s, ":step", is->latest.step);
    stmt_int(s, ":time", is->latest.time_ms);
    stmt_int(s, ":tail_count", (int64_t)series->tail_count);
    if (is->has_range && is->count > 1) { /* what is not bound is NULL */
        stmt_real(s, ":min", is->min);
        stmt_real(s, ":max", is->max);
    }
    if (series->tail_count > 0 && is->count > 1) {
        stmt_blob(s, ":tail", series->tail_room, series->tail_bytes);
    }
    return stmt_run_one(s, "recording a series of metrics", err);
}

/* ---- blocks ---- */

#define FIRST "first_ms, first_step, first_value, first_is_nan"
#define DOWN "first_ms DESC, first_step DESC, first_value DESC, first_is_nan DESC"
#define OF_SERIES "run = :run AND key = :key AND target = :target"
#define POINT "(:time, :step, :value, :is_nan)"

static void bind_point(struct stmt *s, const struct metric_rank *point)
{
    stmt_int(s, ":time", point->time_ms);
    stmt_int(s, ":step", point->step);
    stmt_real(s, ":value", point->value);
    stmt_int(s, ":is_nan", point->is_nan ? 1 : 0);
}

/* 1 with the block that the query finds, 0, -1. */
static int take_block(const struct series *series, struct stmt *s, struct block *ret, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        ret->id = stmt_column_int(s, 0);
        ret->count = (size_t)stmt_column_int(s, 1);
        ret->bytes = stmt_column_blob(s, 2, series->arena);
    }
    stmt_done(s);
    return row;
}

/* A series that has more points than its tail has a block. */
static int need_block(int found, struct err *err)
{
    return found == 0 ? err_set(err, ERR_CORRUPT, "the store is damaged: a series of metrics lacks a block") : found;
}

static int last_block(const struct series *series, struct block *ret, struct metric_block_end *ret_end,
                      struct err *err)
{
    struct stmt *s = stmt_get(series->store, "SELECT id, count, points FROM metric_blocks WHERE " OF_SERIES
                                             " ORDER BY " DOWN " LIMIT 1");
    metric_series_bind(s, &series->id);
    return need_block(take_block(series, s, ret, err), err) < 0
               ? -1
               : metric_block_find_end(ret->bytes, ret->count, ret_end, err);
}

/* The last block that begins with `point` or before it; else the first. */
static int block_around(const struct series *series, const struct metric_rank *point, struct block *ret,
                        struct err *err)
{
    struct stmt *s = stmt_get(series->store, "SELECT id, count, points FROM metric_blocks WHERE " OF_SERIES
                                             " AND (" FIRST ") <= " POINT " ORDER BY " DOWN " LIMIT 1");
    metric_series_bind(s, &series->id);
    bind_point(s, point);
    int found = take_block(series, s, ret, err);
    if (found != 0) {
        return found;
    }
    s = stmt_get(series->store,
                 "SELECT id, count, points FROM metric_blocks WHERE " OF_SERIES " ORDER BY " FIRST " LIMIT 1");
    metric_series_bind(s, &series->id);
    return need_block(take_block(series, s, ret, err), err);
}

/* Where the block behind one that begins with `point` begins: 1, 0 when there is none, -1. */
static int next_begin(const struct series *series, const struct metric_rank *point, struct metric_rank *ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(series->store, "SELECT " FIRST " FROM metric_blocks WHERE " OF_SERIES " AND (" FIRST
                                             ") > " POINT " ORDER BY " FIRST " LIMIT 1");
    metric_series_bind(s, &series->id);
    bind_point(s, point);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct metric_rank){.time_ms = stmt_column_int(s, 0),
                                    .step = stmt_column_int(s, 1),
                                    .value = stmt_column_real(s, 2),
                                    .is_nan = stmt_column_int(s, 3) != 0};
    }
    stmt_done(s);
    return row;
}

/* Writes the points that fit into one block, as block `id` or, with 0, as a new one. */
static int put_block(const struct series *series, int64_t id, const struct metric_ranks *points, size_t *ret_count,
                     struct err *err)
{
    unsigned char room[METRIC_BLOCK_BYTES];
    size_t bytes = 0;
    *ret_count = metric_block_write(points->items, points->count, room, sizeof room, &bytes);
    struct stmt *s = NULL;
    if (id != 0) {
        s = stmt_get(series->store, "UPDATE metric_blocks SET first_ms = :time, first_step = :step, first_value = "
                                    ":value, first_is_nan = :is_nan, count = :count, points = :points WHERE id = :id");
        stmt_int(s, ":id", id);
    } else {
        s = stmt_get(series->store, "INSERT INTO metric_blocks (run, key, target, " FIRST ", count, points) VALUES "
                                    "(:run, :key, :target, :time, :step, :value, :is_nan, :count, :points)");
        metric_series_bind(s, &series->id);
    }
    bind_point(s, &points->items[0]);
    stmt_int(s, ":count", (int64_t)*ret_count);
    stmt_blob(s, ":points", room, bytes);
    return stmt_run_one(s, "recording a block of metric points", err);
}

/* ---- late points ---- */

/* In how many pieces of the same number of points a list can be stored. */
static size_t even_pieces(const struct metric_ranks *points)
{
    unsigned char room[METRIC_BLOCK_BYTES];
    size_t bytes = 0;
    for (size_t pieces = 1;; pieces++) {
        size_t each = (points->count + pieces - 1) / pieces;
        size_t from = 0;
        while (from < points->count) {
            size_t wanted = points->count - from < each ? points->count - from : each;
            if (metric_block_write(points->items + from, wanted, room, sizeof room, &bytes) < wanted) {
                break;
            }
            from += wanted;
        }
        if (from == points->count) {
            return pieces;
        }
    }
}

static int rewrite_block(const struct series *series, int64_t id, const struct metric_ranks *points, struct err *err)
{
    size_t pieces = even_pieces(points);
    size_t each = (points->count + pieces - 1) / pieces;
    for (size_t from = 0; from < points->count; id = 0) {
        size_t to = points->count - from < each ? points->count : from + each;
        struct metric_ranks piece = metric_ranks_slice(points, from, to);
        size_t written = 0;
        if (put_block(series, id, &piece, &written, err) < 0) {
            return -1;
        }
        from += written;
    }
    return 0;
}

/* How many late points are merged into a block at once: it becomes a few blocks then, whatever came. */
enum { LATE_AT_ONCE = 1024 };

static int add_late(struct series *series, struct metric_ranks late, struct err *err)
{
    while (late.count > 0) {
        struct block block = {0};
        struct metric_ranks points;
        struct metric_rank next = {0};
        int bounded = block_around(series, &late.items[0], &block, err) < 0 ||
                              metric_block_read(block.bytes, block.count, series->arena, &points, err) < 0
                          ? -1
                          : next_begin(series, &points.items[0], &next, err);
        if (bounded < 0) {
            return -1;
        }
        size_t here = bounded == 1 ? metric_ranks_before(&late, &next) : late.count;
        here = here > LATE_AT_ONCE ? LATE_AT_ONCE : here;
        struct metric_ranks mine = metric_ranks_slice(&late, 0, here);
        struct metric_ranks new;
        struct metric_ranks both = metric_ranks_union(series->arena, &points, &mine, &new);
        if (new.count > 0 && rewrite_block(series, block.id, &both, err) < 0) {
            return -1;
        }
        fold(&series->is, &new);
        late = metric_ranks_slice(&late, here, late.count);
    }
    return 0;
}

/* ---- points behind the blocks ---- */

static bool fits_tail(struct series *series, const struct metric_ranks *points)
{
    series->tail_count =
        metric_block_write(points->items, points->count, series->tail_room, TAIL_BYTES, &series->tail_bytes);
    return series->tail_count == points->count;
}

/* Writes the points that fit behind those of a block, which begins as it did. */
static int extend_block(struct series *series, const struct block *block, struct metric_block_end *end,
                        const struct metric_ranks *points, size_t *ret_count, struct err *err)
{
    unsigned char room[METRIC_BLOCK_BYTES];
    size_t bytes = block->bytes.n;
    memcpy(room, block->bytes.p, bytes);
    *ret_count = metric_block_append(end, points->items, points->count, room, sizeof room, &bytes);
    struct stmt *s =
        stmt_get(series->store, "UPDATE metric_blocks SET count = :count, points = :points WHERE id = :id");
    stmt_int(s, ":count", (int64_t)(block->count + *ret_count));
    stmt_blob(s, ":points", room, bytes);
    stmt_int(s, ":id", block->id);
    return stmt_run_one(s, "extending a block of metric points", err);
}

/* Goes on from the last block; what is left over is the new tail. */
static int spill(struct series *series, const struct block *last, struct metric_block_end *end,
                 struct metric_ranks points, struct err *err)
{
    size_t written = 0;
    if (!series->stored) { /* blocks refer to the row */
        series->tail_count = series->tail_bytes = 0;
        if (save_summary(series, err) < 0) {
            return -1;
        }
        series->stored = true;
    }
    if (last->id != 0 && last->bytes.n <= BLOCK_ALMOST_BYTES) {
        if (extend_block(series, last, end, &points, &written, err) < 0) {
            return -1;
        }
        points = metric_ranks_slice(&points, written, points.count);
    }
    while (!fits_tail(series, &points)) {
        if (put_block(series, 0, &points, &written, err) < 0) {
            return -1;
        }
        points = metric_ranks_slice(&points, written, points.count);
    }
    return 0;
}

static int add_points(struct series *series, const struct metric_ranks *points, struct err *err)
{
    const struct metric_ranks *tail = &series->is.tail;
    struct block last = {0};
    struct metric_block_end end = {0};
    bool blocks = series->is.count > (int64_t)series->is.tail.count;
    size_t late = 0;
    bool before_tail = tail->count == 0 || metric_order_compare(&points->items[0], &tail->items[0]) < 0;
    if (blocks && before_tail) {
        if (last_block(series, &last, &end, err) < 0) {
            return -1;
        }
        late = metric_ranks_before(points, &end.last);
        late += late < points->count && metric_order_compare(&points->items[late], &end.last) == 0; /* a repeat, too */
    }
    if (late > 0 && add_late(series, metric_ranks_slice(points, 0, late), err) < 0) {
        return -1;
    }
    struct metric_ranks fresh = metric_ranks_slice(points, late, points->count);
    struct metric_ranks new;
    struct metric_ranks behind = metric_ranks_union(series->arena, tail, &fresh, &new);
    fold(&series->is, &new);
    if (fits_tail(series, &behind)) {
        return 0;
    }
    if (blocks && (last.id == 0 || late > 0) && last_block(series, &last, &end, err) < 0) {
        return -1;
    }
    return spill(series, &last, &end, behind, err);
}

int metric_series_add(struct store *store, int64_t run, int64_t target, const char *key, struct metric_ranks *points,
                      struct arena *arena, struct err *err)
{
    struct series series = {.store = store, .arena = arena, .id = {.run = run, .target = target}};
    metric_ranks_settle(points);
    if (points->count == 0) {
        return 0;
    }
    if (find_series(&series, key, err) < 0) {
        return -1;
    }
    int64_t before = series.is.count;
    if (add_points(&series, points, err) < 0) {
        return -1;
    }
    return series.is.count == before ? 0 : save_summary(&series, err);
}
