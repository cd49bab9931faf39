/* SPDX-License-Identifier: Apache-2.0
 * The points of a series in their order: block by block, then the tail. One block is in memory at a time.
 */
#include "store/metrics_internal.h"

#include "base/mem.h"

#include <stdlib.h>

struct metric_cursor {
    struct store *store;
    struct metric_series_id id;
    struct arena *arena; /* of the points at hand */
    struct metric_ranks points;
    size_t at;
    bool begun;
    struct metric_rank first; /* of the block at hand, or that was skipped */
    bool ended;               /* the tail is at hand */
};

struct metric_cursor *metric_cursor_new(struct store *store, const struct metric_series_id *id)
{
    struct metric_cursor *cursor = mem_alloc(sizeof *cursor);
    *cursor = (struct metric_cursor){.store = store, .id = *id, .arena = arena_new()};
    return cursor;
}

void metric_cursor_free(struct metric_cursor *cursor)
{
    if (cursor != NULL) {
        arena_free(cursor->arena);
        free(cursor);
    }
}

#define BLOCK "SELECT first_ms, first_step, first_value, first_is_nan, count, points FROM metric_blocks "
#define OF_SERIES "WHERE run = :run AND key = :key AND target = :target "
#define ORDERED "ORDER BY first_ms, first_step, first_value, first_is_nan LIMIT 1"

/* The query for the block behind the one at hand. */
static struct stmt *next_block(const struct metric_cursor *cursor)
{
    struct stmt *s = NULL;
    if (cursor->begun) {
        s = stmt_get(cursor->store, BLOCK OF_SERIES "AND (first_ms, first_step, first_value, first_is_nan) > "
                                                    "(:time, :step, :value, :is_nan) " ORDERED);
        stmt_int(s, ":time", cursor->first.time_ms);
        stmt_int(s, ":step", cursor->first.step);
        stmt_real(s, ":value", cursor->first.value);
        stmt_int(s, ":is_nan", cursor->first.is_nan ? 1 : 0);
    } else {
        s = stmt_get(cursor->store, BLOCK OF_SERIES ORDERED);
    }
    metric_series_bind(s, &cursor->id);
    return s;
}

static int take_tail(struct metric_cursor *cursor, struct err *err)
{
    struct stmt *s = stmt_get(cursor->store, "SELECT " METRIC_SUMMARY_COLUMNS " FROM metric_summaries AS s " OF_SERIES);
    metric_series_bind(s, &cursor->id);
    struct metric_summary summary = {0};
    int row = stmt_step(s, err);
    row = row == 1 && metric_summary_read(s, 0, cursor->arena, &summary, err) < 0 ? -1 : row;
    stmt_done(s);
    cursor->points = summary.tail;
    return row < 0 ? -1 : 0;
}

/* The block that the query finds, into the cursor: 1, 0 when there is none, -1. Of a block of at most `*skip` points
 * only its place, and their number is taken off `*skip`. */
static int take_block(struct metric_cursor *cursor, struct stmt *s, size_t *skip, struct err *err)
{
    arena_reset(cursor->arena);
    cursor->points = (struct metric_ranks){0};
    cursor->at = 0;
    int row = stmt_step(s, err);
    if (row == 1) {
        cursor->begun = true;
        cursor->first = (struct metric_rank){.time_ms = stmt_column_int(s, 0),
                                             .step = stmt_column_int(s, 1),
                                             .value = stmt_column_real(s, 2),
                                             .is_nan = stmt_column_int(s, 3) != 0};
        size_t count = (size_t)stmt_column_int(s, 4);
        if (count <= *skip) {
            *skip -= count;
        } else if (metric_block_read(stmt_column_blob(s, 5, cursor->arena), count, cursor->arena, &cursor->points,
                                     err) < 0) {
            row = -1;
        }
    }
    stmt_done(s);
    return row;
}

/* The next block, or the tail. */
static int fill(struct metric_cursor *cursor, size_t *skip, struct err *err)
{
    int row = take_block(cursor, next_block(cursor), skip, err);
    if (row == 0) {
        cursor->ended = true;
        return take_tail(cursor, err);
    }
    return row < 0 ? -1 : 0;
}

int metric_cursor_seek(struct metric_cursor *cursor, const struct metric_rank *point, struct err *err)
{
    struct stmt *s = stmt_get(cursor->store, BLOCK OF_SERIES
                              "AND (first_ms, first_step, first_value, first_is_nan) <= (:time, :step, :value, "
                              ":is_nan) ORDER BY first_ms DESC, first_step DESC, first_value DESC, first_is_nan DESC "
                              "LIMIT 1");
    size_t none = 0;
    metric_series_bind(s, &cursor->id);
    stmt_int(s, ":time", point->time_ms);
    stmt_int(s, ":step", point->step);
    stmt_real(s, ":value", point->value);
    stmt_int(s, ":is_nan", point->is_nan ? 1 : 0);
    if (take_block(cursor, s, &none, err) < 0) {
        return -1;
    }
    const struct metric_rank *next = NULL;
    int more = 0;
    while ((more = metric_cursor_peek(cursor, &next, err)) == 1 && metric_order_compare(next, point) <= 0) {
        cursor->at++;
    }
    return more < 0 ? -1 : 0;
}

int metric_cursor_skip(struct metric_cursor *cursor, size_t *skip, struct err *err)
{
    while (*skip > 0 && cursor->points.count == 0 && !cursor->ended) {
        if (fill(cursor, skip, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int metric_cursor_peek(struct metric_cursor *cursor, const struct metric_rank **ret, struct err *err)
{
    size_t none = 0;
    while (cursor->at == cursor->points.count && !cursor->ended) {
        if (fill(cursor, &none, err) < 0) {
            return -1;
        }
    }
    if (cursor->at == cursor->points.count) {
        return 0;
    }
    *ret = &cursor->points.items[cursor->at];
    return 1;
}

void metric_cursor_move(struct metric_cursor *cursor)
{
    cursor->at++;
}

int metric_cursor_take(struct metric_cursor *cursor, const struct metric_rank **ret, size_t *ret_count, struct err *err)
{
    int more = metric_cursor_peek(cursor, ret, err);
    if (more == 1) {
        *ret_count = cursor->points.count - cursor->at;
        cursor->at = cursor->points.count;
    }
    return more;
}
