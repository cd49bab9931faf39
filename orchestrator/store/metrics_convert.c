/* SPDX-License-Identifier: Apache-2.0
 * Homes of before: points that were rows go into blocks, in the transaction of migration 13. Series by series, some
 * points at a time, through the same door as new ones.
 */
#include "store/metrics_internal.h"

enum { POINTS_AT_ONCE = 16384 };

static int begin_series(struct store *store, struct stmt *s, struct metric_series_id *ret, const char **ret_key,
                        struct arena *arena, struct err *err)
{
    const char *run_id = stmt_column_text(s, 1, arena);
    *ret_key = stmt_column_text(s, 2, arena);
    struct metric_target target = {.run_id = run_id,
                                   .model_id = stmt_column_text(s, 3, arena),
                                   .dataset_name = stmt_column_text(s, 4, arena),
                                   .dataset_digest = stmt_column_text(s, 5, arena)};
    return metric_run_number(store, run_id, &ret->run, err) < 0
               ? -1
               : metric_target_number(store, &target, &ret->target, err);
}

static int add_points(struct store *store, const struct metric_series_id *id, const char *key,
                      struct metric_ranks *points, struct arena *arena, struct err *err)
{
    int result = points->count == 0 ? 0
                                    : metric_series_add(store, id->run, id->target, key, points, arena, err);
    arena_reset(arena);
    *points = metric_ranks_new(arena, POINTS_AT_ONCE);
    return result;
}

static int convert_points(struct store *store, int64_t series, const struct metric_series_id *id, const char *key,
                          struct arena *arena, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT time_ms, step, value, is_nan FROM metric_points_before "
                                     "WHERE series = :series ORDER BY time_ms, step, value, is_nan");
    stmt_int(s, ":series", series);
    struct metric_ranks points = metric_ranks_new(arena, POINTS_AT_ONCE);
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        points.items[points.count++] = (struct metric_rank){.time_ms = stmt_column_int(s, 0),
                                                            .step = stmt_column_int(s, 1),
                                                            .value = stmt_column_real(s, 2),
                                                            .is_nan = stmt_column_int(s, 3) != 0};
        if (points.count == POINTS_AT_ONCE && add_points(store, id, key, &points, arena, err) < 0) {
            row = -1;
            break;
        }
    }
    stmt_done(s);
    return row < 0 ? -1 : add_points(store, id, key, &points, arena, err);
}

int metrics_convert(struct store *store, struct err *err)
{
    struct arena *names = arena_new();
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "SELECT id, run_id, key, model_id, dataset_name, dataset_digest "
                                     "FROM metric_series_before ORDER BY id");
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct metric_series_id id;
        const char *key = NULL;
        if (begin_series(store, s, &id, &key, names, err) < 0 ||
            convert_points(store, stmt_column_int(s, 0), &id, key, arena, err) < 0) {
            row = -1;
            break;
        }
        arena_reset(names);
        arena_reset(arena);
    }
    stmt_done(s);
    arena_free(names);
    arena_free(arena);
    return row;
}
