/* SPDX-License-Identifier: Apache-2.0
 * What the files of metrics share: how a series is named in the tables, adding points to one, and reading its points in
 * their order.
 */
#ifndef SLUICE_STORE_METRICS_INTERNAL_H
#define SLUICE_STORE_METRICS_INTERNAL_H

#include "store/metric_block.h"
#include "store/metrics.h"
#include "store/run_list.h"
#include "store/stmt.h"

/* ---- checks (metrics.c) ---- */
enum { METRIC_PLACE_ROOM = 40 };
/* "metrics[3].": where a point of a batch stands, for messages. Of a point that came alone it is "". */
const char *metric_place(size_t i, char room[METRIC_PLACE_ROOM]);
int metric_key_check(const char *place, const char *key, struct err *err);
int metric_time_check(const char *place, const char *key, double value, int64_t time_ms, struct err *err);

/* ---- names (metric_names.c) ---- */
struct metric_series_id {
    int64_t run;
    int64_t key;
    int64_t target; /* 0: of no model and no data that were named */
};
/* Binds ":run", ":key" and ":target". */
void metric_series_bind(struct stmt *s, const struct metric_series_id *id);
/* The number of a run: 1, 0 when it has no metrics, -1. */
int metric_run_find(struct store *store, const char *run_id, int64_t *ret, struct err *err);
/* The number of each, made when there was none. */
/* store_metrics_log for a run that was found active in this transaction. */
int metrics_log_active(struct store *store, const struct metric_target *target, const struct metric_point *points,
                       size_t count, struct err *err);
int metric_run_number(struct store *store, const char *run_id, int64_t *ret, struct err *err);
int metric_key_number(struct store *store, const char *key, int64_t *ret, struct err *err);
int metric_target_number(struct store *store, const struct metric_target *target, int64_t *ret, struct err *err);

/* What numbers that were read stand for: of each its name, asked for all at once. Rows come mostly in the order of
 * their numbers, or as the rows before them: those are found without a search. */
struct number_names {
    struct number_name {
        int64_t number;
        const char *texts[3]; /* of a key: it; of a target: model, name and digest of the dataset */
        size_t rank;          /* among the names of keys */
    } *items;                 /* sorted by number */
    size_t count, room, at;
};
void number_names_want(struct number_names *names, int64_t number, struct arena *arena);
/* Reads the names of all that were wanted. */
int metric_names_read(struct store *store, struct number_names *keys, struct number_names *targets,
                      struct arena *arena, struct err *err);
/* Of a number that was wanted. */
const struct number_name *number_names_find(struct number_names *names, int64_t number);

/* ---- adding (metric_series.c) ---- */
/* Adds points to the series of a key; those it has already change nothing. `points` is sorted in place. All that is
 * read meanwhile lives in `arena`. */
int metric_series_add(struct store *store, int64_t run, int64_t target, const char *key, struct metric_ranks *points,
                      struct arena *arena, struct err *err);

/* ---- reading (metric_cursor.c) ---- */
struct metric_cursor;
struct metric_cursor *metric_cursor_new(struct store *store, const struct metric_series_id *id);
/* Goes past up to `*skip` points without looking at each, and takes their number off `*skip`: whole blocks only. For a
 * cursor that nothing was read from. */
int metric_cursor_skip(struct metric_cursor *cursor, size_t *skip, struct err *err);
/* Goes behind `point`, whether that one is there or not, reading but the block around it. For a cursor that nothing was
 * read from. */
int metric_cursor_seek(struct metric_cursor *cursor, const struct metric_rank *point, struct err *err);
/* The next point, in the order of a history; `*ret` until the cursor moves: 1, 0 at the end, -1. It does not move. */
int metric_cursor_peek(struct metric_cursor *cursor, const struct metric_rank **ret, struct err *err);
void metric_cursor_move(struct metric_cursor *cursor);
/* All points that are at hand, and moves behind them: those of a block. `*ret` until the next call: 1, 0 at the end,
 * -1. */
int metric_cursor_take(struct metric_cursor *cursor, const struct metric_rank **ret, size_t *ret_count,
                       struct err *err);
void metric_cursor_free(struct metric_cursor *cursor);

/* ---- the union of the series of a key of a run (metric_union.c) ---- */
struct metric_union {
    struct metric_cursor **cursors;
    size_t count;
    struct metric_rank at_hand;
};
int metric_union_open(struct store *store, const char *run_id, const char *key, struct arena *arena,
                      struct metric_union *ret, struct err *err);
/* The next point; one that stands in several series once: 1, 0 at the end, -1. */
int metric_union_next(const struct metric_union *all, struct metric_rank *ret, struct err *err);
/* The next points, at least one and as many as are at hand: of one series those of a block. As metric_cursor_take. */
int metric_union_take(struct metric_union *all, const struct metric_rank **ret, size_t *ret_count, struct err *err);
/* To be called also after a failed opening. */
void metric_union_close(const struct metric_union *all);
struct metric_point metric_point_of(const char *key, const struct metric_rank *rank);

/* ---- rows ---- */
/* What a query with METRIC_SUMMARY_COLUMNS from column `from` says of a series. `tail` are the points behind the
 * blocks: of a series of one point that one. */
#define METRIC_SUMMARY_COLUMNS                                                                                         \
    "s.count, s.latest_value, s.latest_is_nan, s.latest_step, s.latest_ms, s.min_value, s.max_value, s.tail_count, "   \
    "s.tail"
struct metric_summary {
    int64_t count;
    struct metric_rank latest;
    bool has_range; /* some point is a number */
    double min;
    double max;
    struct metric_ranks tail;
};
int metric_summary_read(struct stmt *s, int from, struct arena *arena, struct metric_summary *ret, struct err *err);

/* ---- the latest values of runs (metrics_read.c) ---- */
struct metric_latest_list {
    struct metric_latest *items;
    size_t count;
};
/* store_metrics_of_run of each run of a list: `ret` has room for all. */
int metrics_of_runs(struct store *store, const struct run_list *list, struct arena *arena,
                    struct metric_latest_list *ret, struct err *err);

/* ---- homes of before (metrics_convert.c) ---- */
/* Takes over the rows of metric_series_before and metric_points_before: what SQL cannot do of migration 13. */
int metrics_convert(struct store *store, struct err *err);

#endif
