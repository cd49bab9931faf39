/* SPDX-License-Identifier: Apache-2.0
 * Long series: what is in blocks is what was logged, in whatever order and pieces it came; and homes of before.
 */
#include "base/rng.h"
#include "store/metric_block.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "store/schema.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 20000 };

static void add_run(struct store *store, const char *run_id)
{
    struct run_info run = {.run_id = run_id, .name = "train", .user = "alice", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(store, &run, NULL), 0);
}

static int64_t ask(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t number = stmt_column_int(s, 0);
    stmt_done(s);
    return number;
}

/* ---- a model: all points in one list ----------------------------------------------------------------- */

struct model {
    struct metric_rank items[MOST];
    size_t count;
};

static void model_add(struct model *model, const struct metric_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        model->items[model->count++] = metric_rank_of(points[i].value, points[i].step, points[i].time_ms);
    }
}

static void assert_history(struct fixture *f, const struct metric_ranks *expected, size_t skip, size_t limit)
{
    struct metric_point *found = NULL;
    size_t count = 0;
    struct arena *arena = arena_new();
    assert_int_equal(store_metric_history(f->store, "r1", "loss", skip, limit, arena, &found, &count, NULL), 0);
    size_t left = expected->count > skip ? expected->count - skip : 0;
    assert_int_equal(count, left < limit ? left : limit);
    for (size_t i = 0; i < count; i++) {
        struct metric_rank rank = metric_rank_of(found[i].value, found[i].step, found[i].time_ms);
        assert_int_equal(metric_order_compare(&rank, &expected->items[skip + i]), 0);
    }
    arena_free(arena);
}

static void assert_summary(struct fixture *f, const struct metric_ranks *expected)
{
    const struct metric_rank *latest = &expected->items[0];
    double min = (double)NAN;
    double max = (double)NAN;
    for (size_t i = 0; i < expected->count; i++) {
        const struct metric_rank *point = &expected->items[i];
        latest = metric_rank_compare(point, latest) > 0 ? point : latest;
        min = point->is_nan ? min : fmin(min, point->value);
        max = point->is_nan ? max : fmax(max, point->value);
    }
    struct metric_latest *list = NULL;
    size_t count = 0;
    assert_int_equal(store_metrics_of_run(f->store, "r1", f->arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].count, expected->count);
    assert_true(list[0].step == latest->step && list[0].time_ms == latest->time_ms);
    assert_true(latest->is_nan ? isnan(list[0].value) != 0 : list[0].value == latest->value);
    assert_true(isnan(min) ? isnan(list[0].min) && isnan(list[0].max) : list[0].min == min && list[0].max == max);
}

/* Blocks of a series are apart, whole, and none larger than a page; with the tails they hold what is counted. */
static void assert_blocks(struct fixture *f)
{
    assert_int_equal(ask(f, "SELECT COUNT(*) FROM metric_blocks WHERE length(points) > 4000 OR count < 1"), 0);
    assert_int_equal(ask(f, "SELECT (SELECT ifnull(SUM(count), 0) FROM metric_blocks) + (SELECT SUM(tail_count) "
                            "FROM metric_summaries) - (SELECT SUM(count) FROM metric_summaries)"),
                     0);
    struct stmt *s = stmt_get(f->store, "SELECT run, key, target, count, points, first_ms FROM metric_blocks "
                                        "ORDER BY run, key, target, first_ms, first_step, first_value, first_is_nan");
    struct metric_rank end = {.time_ms = -1};
    int64_t target = -1;
    while (stmt_step(s, NULL) == 1) {
        struct arena *arena = arena_new();
        struct metric_ranks points;
        struct str bytes = stmt_column_blob(s, 4, arena);
        assert_int_equal(metric_block_read(bytes, (size_t)stmt_column_int(s, 3), arena, &points, NULL), 0);
        assert_int_equal(points.items[0].time_ms, stmt_column_int(s, 5));
        assert_true(stmt_column_int(s, 2) != target || metric_order_compare(&end, &points.items[0]) < 0);
        end = points.items[points.count - 1];
        target = stmt_column_int(s, 2);
        arena_free(arena);
    }
    stmt_done(s);
}

static void assert_model(struct fixture *f, struct model *model, struct rng *rng)
{
    struct metric_ranks expected = {.items = model->items, .count = model->count};
    metric_ranks_settle(&expected);
    model->count = expected.count;
    assert_summary(f, &expected);
    assert_blocks(f);
    assert_history(f, &expected, 0, SIZE_MAX);
    for (int page = 0; page < 10; page++) {
        assert_history(f, &expected, rng_below(rng, expected.count + 10), rng_below(rng, 500));
    }
}

/* ---- how points come ---------------------------------------------------------------------------------- */

struct habit {
    const char *what;
    size_t batch;      /* at most so many at once */
    unsigned late;     /* of a hundred, how many come with a time of before */
    unsigned again;    /* of a hundred batches, how many are sent again, and again later */
    bool few_values;   /* times, steps and values of a few: points that differ in one thing */
    unsigned targets;  /* series that the points are spread over */
};

static struct metric_point next_point(const struct habit *habit, struct rng *rng, int64_t i)
{
    if (habit->few_values) {
        static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 0, 1, -1};
        return (struct metric_point){"loss", values[rng_below(rng, 7)] + (double)rng_below(rng, 400),
                                     (int64_t)rng_below(rng, 8), (int64_t)rng_below(rng, 8)};
    }
    bool late = rng_below(rng, 100) < habit->late;
    int64_t time_ms = i * 1000 + (int64_t)rng_below(rng, 300);
    double value = rng_below(rng, 50) == 0 ? (double)NAN : rng_unit(rng);
    return (struct metric_point){"loss", value, i, late ? (int64_t)rng_below(rng, (uint64_t)time_ms + 1) : time_ms};
}

static void log_by_habit(struct fixture *f, const struct habit *habit, struct model *model, struct rng *rng)
{
    static const struct metric_target targets[] = {
        {.run_id = "r1"},
        {.run_id = "r1", .model_id = "m-1"},
        {.run_id = "r1", .model_id = "m-1", .dataset_name = "d"}};
    static struct metric_point batch[MOST];
    size_t total = 500 + rng_below(rng, 6000);
    for (size_t drawn = 0; drawn < total;) {
        size_t size = 1 + rng_below(rng, habit->batch);
        for (size_t i = 0; i < size; i++) {
            batch[i] = next_point(habit, rng, (int64_t)(drawn + i));
        }
        for (size_t times = 1 + (rng_below(rng, 100) < habit->again ? 2 : 0); times > 0; times--) {
            const struct metric_target *target = &targets[rng_below(rng, habit->targets)];
            assert_int_equal(store_metrics_log(f->store, target, batch, size, NULL), 0);
        }
        model_add(model, batch, size);
        drawn += size;
    }
}

TEST(long_series_are_what_was_logged_however_it_came)
{
    static const struct habit habits[] = {
        {"in order, one by one", 1, 0, 5, false, 1},   {"in order, in batches", 3000, 0, 20, false, 1},
        {"a little late", 10, 20, 5, false, 1},        {"late in batches", 2000, 30, 20, false, 1},
        {"all in any order", 500, 100, 10, false, 1},  {"the same again and again", 300, 0, 50, true, 1},
        {"spread over series", 200, 10, 30, false, 3}, {"the same in several series", 300, 0, 50, true, 3},
    };
    static struct model model;
    struct rng rng;
    rng_seed(&rng, 99);
    for (size_t h = 0; h < sizeof habits / sizeof habits[0]; h++) {
        for (int round = 0; round < 3; round++) {
            struct fixture f = open_empty();
            add_run(f.store, "r1");
            model.count = 0;
            assert_int_equal(store_begin(f.store, NULL), 0);
            log_by_habit(&f, &habits[h], &model, &rng);
            assert_int_equal(store_commit(f.store, NULL), 0);
            assert_model(&f, &model, &rng);
            close_fixture(&f);
        }
    }
}

/* ---- size ------------------------------------------------------------------------------------------------ */

static int64_t used_bytes(struct fixture *f)
{
    return (ask(f, "PRAGMA page_count") - ask(f, "PRAGMA freelist_count")) * ask(f, "PRAGMA page_size");
}

TEST(a_point_of_a_long_series_takes_at_most_12_bytes)
{
    struct fixture f = open_empty();
    struct rng rng;
    rng_seed(&rng, 1);
    add_run(f.store, "r1");
    int64_t before = used_bytes(&f);
    assert_int_equal(store_begin(f.store, NULL), 0);
    enum { KEYS = 20, STEPS = 2000, BATCH = 10 };
    static char names[KEYS][16];
    for (int step = 0; step < STEPS; step += BATCH) {
        struct metric_point points[KEYS * BATCH];
        for (int i = 0; i < KEYS * BATCH; i++) {
            (void)snprintf(names[i % KEYS], sizeof names[0], "loss_%d", i % KEYS);
            int64_t at = step + i / KEYS;
            points[i] = (struct metric_point){names[i % KEYS], rng_unit(&rng), at,
                                              1700000000000 + at * 250 + (int64_t)rng_below(&rng, 100)};
        }
        struct metric_target target = {.run_id = "r1"};
        assert_int_equal(store_metrics_log(f.store, &target, points, KEYS * BATCH, NULL), 0);
    }
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_in_range(used_bytes(&f) - before, KEYS * STEPS * 8, KEYS * STEPS * 12);
    /* They came ten at a time, and still fill their blocks. */
    assert_in_range(ask(&f, "SELECT COUNT(*) FROM metric_blocks"), KEYS, KEYS * STEPS / 300);
    close_fixture(&f);
}

TEST(a_series_of_one_point_takes_at_most_60_bytes)
{
    struct fixture f = open_empty();
    struct rng rng;
    rng_seed(&rng, 1);
    enum { RUNS = 1000, KEYS = 20 };
    char id[40];
    for (int i = 0; i < RUNS; i++) {
        (void)snprintf(id, sizeof id, "%032llx", (unsigned long long)i * 0x9e3779b97f4a7c15ull);
        add_run(f.store, id);
    }
    int64_t before = used_bytes(&f);
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 0; i < RUNS; i++) {
        struct metric_point points[KEYS];
        static char names[KEYS][32];
        (void)snprintf(id, sizeof id, "%032llx", (unsigned long long)i * 0x9e3779b97f4a7c15ull);
        for (int k = 0; k < KEYS; k++) {
            (void)snprintf(names[k], sizeof names[k], "eval/metric_%d", k);
            points[k] = (struct metric_point){names[k], rng_unit(&rng), 0, 1700000000000 + i};
        }
        assert_int_equal(store_metrics_log(f.store, &(struct metric_target){.run_id = id}, points, KEYS, NULL), 0);
    }
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_in_range(used_bytes(&f) - before, RUNS * KEYS * 20, RUNS * KEYS * 60);
    close_fixture(&f);
}

/* ---- what is asked often is not looked for in all rows ------------------------------------------------------ */

TEST(metrics_of_a_run_or_a_model_are_found_without_a_scan)
{
    static const char *const plans[] = {
        "EXPLAIN QUERY PLAN SELECT * FROM metric_series WHERE run_id = 'r1' ORDER BY key",
        "EXPLAIN QUERY PLAN SELECT * FROM metric_series WHERE model_id = 'm-1' AND target <> 0 ORDER BY key",
    };
    struct fixture f = open_empty();
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct stmt *s = stmt_get(f.store, plans[i]);
        int rows = 0;
        while (stmt_step(s, NULL) == 1) {
            const char *step = stmt_column_text(s, 3, f.arena);
            rows++;
            if (strncmp(step, "SCAN", 4) == 0) {
                fail_msg("%s: %s", plans[i], step);
            }
        }
        stmt_done(s);
        assert_true(rows >= 4);
    }
    close_fixture(&f);
}

/* ---- deleting ---------------------------------------------------------------------------------------------- */

TEST(the_metrics_of_a_deleted_run_go_and_others_stay)
{
    struct fixture f = open_empty();
    add_run(f.store, "r1");
    add_run(f.store, "r2");
    static struct metric_point points[3000];
    for (int i = 0; i < 3000; i++) {
        points[i] = (struct metric_point){"loss", i * 0.1, i, i};
    }
    const char *const runs[] = {"r1", "r2"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_metrics_log(f.store, &(struct metric_target){.run_id = runs[i]}, points, 3000, NULL), 0);
    }
    assert_int_equal(store_metrics_delete_run(f.store, "r2", NULL), 0);
    assert_int_equal(store_metrics_delete_run(f.store, "r2", NULL), 0);
    assert_int_equal(store_metrics_delete_run(f.store, "unknown", NULL), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM metric_series WHERE run_id = 'r2'"), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM metric_series WHERE run_id = 'r1' AND count = 3000"), 1);
    assert_int_equal(ask(&f, "SELECT COUNT(DISTINCT run) FROM metric_blocks"), 1);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    close_fixture(&f);
}

/* ---- damage ------------------------------------------------------------------------------------------------ */

TEST(a_damaged_block_is_told_and_nothing_else)
{
    struct fixture f = open_empty();
    add_run(f.store, "r1");
    static struct metric_point points[3000];
    for (int i = 0; i < 3000; i++) {
        points[i] = (struct metric_point){"loss", i * 0.1, i, i};
    }
    struct metric_target target = {.run_id = "r1"};
    assert_int_equal(store_metrics_log(f.store, &target, points, 3000, NULL), 0);
    static const char *const damages[] = {
        "UPDATE metric_blocks SET points = x'00010203' WHERE id = 1",
        "UPDATE metric_blocks SET count = count + 1 WHERE id = 1",
        "UPDATE metric_blocks SET count = -1 WHERE id = 1",
        "DELETE FROM metric_blocks",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct err err = {0};
        struct metric_point *found = NULL;
        size_t count = 0;
        assert_int_equal(store_begin(f.store, NULL), 0);
        assert_true(stmt_run(stmt_get(f.store, damages[i]), NULL) > 0);
        if (i < 3) {
            assert_int_equal(store_metric_history(f.store, "r1", "loss", 0, 9, f.arena, &found, &count, &err), -1);
            assert_int_equal(err.code, ERR_CORRUPT);
            err_clear(&err);
        }
        struct metric_point late = {"loss", 7, 1, 1};
        assert_int_equal(store_metrics_log(f.store, &target, &late, 1, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
        store_rollback(f.store);
    }
    close_fixture(&f);
}

/* ---- homes of before ----------------------------------------------------------------------------------------- */

enum { BEFORE_BLOCKS = 12 };

static void exec_raw(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Two runs: one long series, one of NaN and extremes, one on a model; and the same point in two series. */
static const char before[] =
    "INSERT INTO runs VALUES ('r1', 0, 'a', 'u', 'FINISHED', 1, 2, NULL, '/a', NULL), "
    "('r2', 0, 'b', 'u', 'FINISHED', 1, 2, 5, '/b', NULL);"
    "INSERT INTO metric_series (id, run_id, key, model_id, dataset_name, dataset_digest) VALUES "
    "(1, 'r1', 'loss', '', '', ''), (2, 'r1', 'odd', '', '', ''), (3, 'r2', 'acc', 'm-1', 'd', '1'), "
    "(4, 'r1', 'odd', 'm-1', '', '');"
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 39999) "
    "INSERT INTO metric_points SELECT 1, 1700000000000 + i * 10, i, i * 0.25, 0 FROM n;"
    "INSERT INTO metric_points VALUES (2, 5, 0, 0, 1), (2, 5, 0, 0, 0), (2, 4, -3, 1.7976931348623157e308, 0), "
    "(3, 9, 1, 0.5, 0), (4, 5, 0, 0, 0), (4, 6, 0, 2, 0);";

TEST(a_home_of_before_keeps_every_point)
{
    char path[] = "/tmp/sluice-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    for (int i = 0; i < BEFORE_BLOCKS; i++) {
        exec_raw(path, store_schema[i]);
    }
    exec_raw(path, before);
    exec_raw(path, "PRAGMA user_version = 12");
    struct fixture f = {.arena = arena_new()};
    assert_int_equal(store_open(path, STORE_READ_WRITE, &f.store, NULL), 0);
    assert_int_equal(store_check(f.store, NULL), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE '%before%'"), 0);
    assert_blocks(&f);
    struct metric_point *points = NULL;
    size_t count = 0;
    assert_int_equal(store_metric_history(f.store, "r1", "loss", 0, SIZE_MAX, f.arena, &points, &count, NULL), 0);
    assert_int_equal(count, 40000);
    for (size_t i = 0; i < count; i++) {
        assert_true(points[i].time_ms == 1700000000000 + (int64_t)i * 10 && points[i].step == (int64_t)i);
        assert_true(points[i].value == (double)i * 0.25);
    }
    assert_int_equal(store_metric_history(f.store, "r1", "odd", 0, SIZE_MAX, f.arena, &points, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_true(points[0].step == -3 && points[1].value == 0 && isnan(points[2].value) && points[3].value == 2);
    struct metric_latest *latest = NULL;
    assert_int_equal(store_metrics_of_run(f.store, "r1", f.arena, &latest, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(latest[0].count == 40000 && latest[0].value == 39999 * 0.25 && latest[0].min == 0);
    assert_true(latest[1].count == 4 && latest[1].value == 2 && latest[1].step == 0);
    assert_int_equal(store_metrics_of_model(f.store, "m-1", "1", f.arena, &latest, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(latest[0].value == 0.5 && latest[0].count == 1 && latest[0].min == 0.5);
    store_close(f.store);
    arena_free(f.arena);
    const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

TESTS(RUN(long_series_are_what_was_logged_however_it_came), RUN(a_point_of_a_long_series_takes_at_most_12_bytes),
      RUN(a_series_of_one_point_takes_at_most_60_bytes),
      RUN(metrics_of_a_run_or_a_model_are_found_without_a_scan), RUN(the_metrics_of_a_deleted_run_go_and_others_stay),
      RUN(a_damaged_block_is_told_and_nothing_else), RUN(a_home_of_before_keeps_every_point))
