/* SPDX-License-Identifier: Apache-2.0
 * The series of a key of a run, read side by side.
 */
#include "store/metrics_internal.h"

#include <math.h>

int metric_union_open(struct store *store, const char *run_id, const char *key, struct arena *arena,
                      struct metric_union *ret, struct err *err)
{
    struct metric_union all = {0};
    size_t room = 0;
    struct stmt *s = stmt_get(store, "SELECT s.run, s.key, s.target FROM metric_summaries AS s "
                                     "JOIN metric_runs AS r ON r.id = s.run JOIN metric_keys AS k ON k.id = s.key "
                                     "WHERE r.run_id = :run_id AND k.key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct metric_series_id id = {stmt_column_int(s, 0), stmt_column_int(s, 1), stmt_column_int(s, 2)};
        all.cursors = arena_grow(arena, all.cursors, all.count, &room, sizeof(struct metric_cursor *));
        all.cursors[all.count++] = metric_cursor_new(store, &id);
    }
    stmt_done(s);
    *ret = all;
    return row;
}

void metric_union_close(const struct metric_union *all)
{
    for (size_t i = 0; i < all->count; i++) {
        metric_cursor_free(all->cursors[i]);
    }
}

int metric_union_next(const struct metric_union *all, struct metric_rank *ret, struct err *err)
{
    bool found = false;
    for (size_t i = 0; i < all->count; i++) {
        const struct metric_rank *point = NULL;
        int more = metric_cursor_peek(all->cursors[i], &point, err);
        if (more < 0) {
            return -1;
        }
        if (more == 1 && (!found || metric_order_compare(point, ret) < 0)) {
            *ret = *point;
            found = true;
        }
    }
    for (size_t i = 0; found && i < all->count; i++) {
        const struct metric_rank *point = NULL;
        if (metric_cursor_peek(all->cursors[i], &point, NULL) == 1 && metric_order_compare(point, ret) == 0) {
            metric_cursor_move(all->cursors[i]);
        }
    }
    return found ? 1 : 0;
}

int metric_union_take(struct metric_union *all, const struct metric_rank **ret, size_t *ret_count, struct err *err)
{
    if (all->count == 1) {
        return metric_cursor_take(all->cursors[0], ret, ret_count, err);
    }
    *ret = &all->at_hand;
    *ret_count = 1;
    return metric_union_next(all, &all->at_hand, err);
}

struct metric_point metric_point_of(const char *key, const struct metric_rank *rank)
{
    return (struct metric_point){
        .key = key,
        .value = rank->is_nan ? (double)NAN : rank->value,
        .step = rank->step,
        .time_ms = rank->time_ms,
    };
}
