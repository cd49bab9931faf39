/* SPDX-License-Identifier: Apache-2.0
 * Histories of several runs, sampled and page by page.
 */
#include "base/rng.h"
#include "store/metric_sample.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "store_fixture.h"

#include <math.h>

static void add_run(struct fixture *f, const char *run_id)
{
    struct run_info run = {.run_id = run_id, .name = "train", .user = "alice", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
}

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    add_run(&f, "r1");
    add_run(&f, "r2");
    return f;
}

static void log_one(struct fixture *f, struct metric_target target, const char *key, double value, int64_t step,
                    int64_t time_ms)
{
    struct metric_point point = {.key = key, .value = value, .step = step, .time_ms = time_ms};
    assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
}

static void log_steps(struct fixture *f, const char *run_id, int64_t from, int64_t to)
{
    for (int64_t step = from; step <= to; step++) {
        log_one(f, (struct metric_target){.run_id = run_id}, "loss", (double)step, step, 1000 + step);
    }
}

/* "0,2,4": the steps of the points, runs apart by "|". */
static const char *steps_of(struct fixture *f, const struct metric_run_point *points, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : strcmp(points[i].run_id, points[i - 1].run_id) == 0 ? "," : "|";
        text = arena_printf(f->arena, "%s%s%lld", text, between, (long long)points[i].point.step);
    }
    return text;
}

static const char *sample(struct fixture *f, const char *const *run_ids, size_t run_count,
                          struct metric_interval interval)
{
    struct metric_run_point *points = NULL;
    size_t count = 0;
    struct err err = {0};
    return store_metric_interval(f->store, run_ids, run_count, "loss", &interval, f->arena, &points, &count, &err) == 0
               ? steps_of(f, points, count)
               : arena_strdup(f->arena, err_for_mlflow(&err));
}

static const char *const both[] = {"r1", "r2"};
static const char *const turned[] = {"r2", "r1"};

TEST(points_are_picked_evenly_and_the_last_is_among_them)
{
    static const struct {
        size_t count, most;
        const char *picked;
    } cases[] = {
        {10, 5, "0,2,4,6,9"}, {20, 5, "0,4,8,12,19"}, {10, 3, "0,4,9"},         {10, 7, "0,2,4,6,7,8,9"},
        {10, 1, "9"},         {10, 2, "0,9"},         {3, 5, "0,1,2"},          {5, 5, "0,1,2,3,4"},
        {1, 1, "0"},          {0, 5, ""},             {11, 10, "0,2,3,4,5,6,7,8,9,10"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = "";
        size_t count = metric_sample_count(cases[i].count, cases[i].most);
        for (size_t k = 0; k < count; k++) {
            size_t place = metric_sample_place(cases[i].count, cases[i].most, k);
            text = arena_printf(arena, "%s%s%zu", text, k == 0 ? "" : ",", place);
        }
        assert_string_equal(text, cases[i].picked);
    }
    arena_free(arena);
}

TEST(each_run_is_sampled_by_itself)
{
    struct fixture f = open_fixture();
    log_steps(&f, "r1", 0, 9);
    log_steps(&f, "r2", 0, 19);
    assert_string_equal(sample(&f, both, 2, (struct metric_interval){.max_results = 5}), "0,2,4,6,9|0,4,8,12,19");
    assert_string_equal(sample(&f, turned, 2, (struct metric_interval){.max_results = 5}), "0,4,8,12,19|0,2,4,6,9");
    struct metric_interval middle = {.bounded = true, .start = 3, .end = 12, .max_results = 3};
    assert_string_equal(sample(&f, both, 2, middle), "3,6,9|3,7,12");
    struct metric_interval outside = {.bounded = true, .start = 100, .end = 200, .max_results = 2};
    assert_string_equal(sample(&f, both, 2, outside), "");
    close_fixture(&f);
}

/* Two workers, of which one is behind. */
TEST(points_that_came_out_of_the_order_of_their_steps_are_shown_in_it)
{
    struct fixture f = open_fixture();
    for (int64_t i = 0; i < 10; i++) {
        struct metric_point point = {.key = "loss", .value = 1, .step = i % 2 == 0 ? i : i + 10, .time_ms = i};
        struct metric_target target = {.run_id = "r1"};
        assert_int_equal(store_metrics_log(f.store, &target, &point, 1, NULL), 0);
    }
    assert_string_equal(sample(&f, both, 1, (struct metric_interval){.max_results = 10}), "0,2,4,6,8,11,13,15,17,19");
    assert_string_equal(sample(&f, both, 1, (struct metric_interval){.max_results = 3}), "0,8,19");
    close_fixture(&f);
}

TEST(what_cannot_be_sampled_is_refused)
{
    struct fixture f = open_fixture();
    static const char *const unknown[] = {"r1", "r9"};
    assert_string_equal(sample(&f, unknown, 2, (struct metric_interval){.max_results = 5}),
                        "Run with id=r9 not found");
    assert_string_equal(sample(&f, both, 1, (struct metric_interval){.max_results = 0}),
                        "max_results must be between 1 and 2500.");
    assert_string_equal(sample(&f, both, 1, (struct metric_interval){.max_results = 2501}),
                        "max_results must be between 1 and 2500.");
    close_fixture(&f);
}

static void check_long(int64_t count, bool by_step)
{
    struct fixture f = open_fixture();
    struct metric_target target = {.run_id = "r1"};
    struct metric_point *points = arena_array(f.arena, (size_t)count, sizeof *points);
    for (int64_t i = 0; i < count; i++) {
        points[i] = (struct metric_point){.key = "loss", .value = 1, .step = by_step ? i : count - 1 - i, .time_ms = i};
    }
    assert_int_equal(store_metrics_log(f.store, &target, points, (size_t)count, NULL), 0);
    struct metric_run_point *shown = NULL;
    size_t shown_count = 0;
    struct metric_interval all = {.max_results = 700};
    assert_int_equal(store_metric_interval(f.store, both, 2, "loss", &all, f.arena, &shown, &shown_count, NULL), 0);
    assert_int_equal(shown_count, 700);
    for (size_t i = 0; i < shown_count; i++) {
        int64_t step = (int64_t)metric_sample_place((size_t)count, 700, i);
        assert_int_equal(shown[i].point.step, step);
        assert_int_equal(shown[i].point.time_ms, by_step ? step : count - 1 - step);
    }
    close_fixture(&f);
}

/* Those that stay in memory until they are counted, the longest of them, and those that are read twice. */
TEST(histories_of_any_length_are_sampled)
{
    static const int64_t counts[] = {1000, 65535, 65536, 65537, 150000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        check_long(counts[i], true);
        check_long(counts[i], false);
    }
}

/* A client that names no step logs all at step 0. */
TEST(many_points_at_one_step_are_sampled_among_them)
{
    struct fixture f = open_fixture();
    enum { POINTS = 7000 };
    struct metric_point *points = arena_array(f.arena, POINTS, sizeof *points);
    for (int i = 0; i < POINTS; i++) { /* times fall while steps rise, so that order by time is not order by step */
        points[i] = (struct metric_point){.key = "loss", .value = i, .step = i / 3500, .time_ms = 90000 - i};
    }
    struct metric_target target = {.run_id = "r1"};
    assert_int_equal(store_metrics_log(f.store, &target, points, POINTS, NULL), 0);
    struct metric_run_point *shown = NULL;
    size_t count = 0;
    struct metric_interval all = {.max_results = METRIC_SAMPLE_MAX};
    assert_int_equal(store_metric_interval(f.store, both, 1, "loss", &all, f.arena, &shown, &count, NULL), 0);
    assert_int_equal(count, METRIC_SAMPLE_MAX);
    for (size_t i = 0; i < count; i++) {
        int64_t place = (int64_t)metric_sample_place(POINTS, METRIC_SAMPLE_MAX, i);
        assert_int_equal(shown[i].point.step, place / 3500);
        assert_int_equal(shown[i].point.time_ms, place < 3500 ? 86501 + place : 83001 + place - 3500);
    }
    close_fixture(&f);
}

TEST(histories_come_by_run_and_end_at_the_limit)
{
    struct fixture f = open_fixture();
    static const char *const asked[] = {"r2", "r1", "r2", "r9"};
    struct metric_run_point *points = NULL;
    size_t count = 0;
    log_steps(&f, "r1", 0, 2);
    log_steps(&f, "r2", 5, 7);
    assert_int_equal(store_metric_histories(f.store, asked, 4, "loss", 100, f.arena, &points, &count, NULL), 0);
    assert_string_equal(steps_of(&f, points, count), "0,1,2|5,6,7");
    assert_int_equal(store_metric_histories(f.store, asked, 4, "loss", 4, f.arena, &points, &count, NULL), 0);
    assert_string_equal(steps_of(&f, points, count), "0,1,2|5");
    assert_int_equal(store_metric_histories(f.store, asked, 4, "other", 4, f.arena, &points, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

/* At most so many points behind one, as they are handed over. */
struct history_page {
    struct metric_rank items[8000];
    size_t count;
    bool more;
};

static void take_points(void *ctx, const struct metric_rank *points, size_t count)
{
    struct history_page *page = ctx;
    assert_true(count > 0);
    memcpy(page->items + page->count, points, count * sizeof *points);
    page->count += count;
}

static void read_page(struct fixture *f, const struct metric_point *after, size_t limit, struct history_page *ret)
{
    ret->count = 0;
    int result = store_metric_history_read(f->store, "r1", "loss", after, limit, take_points, ret, &ret->more, NULL);
    assert_int_equal(result, 0);
    assert_true(ret->count <= limit);
}

/* Any pages, of any series, come to the whole. */
static void check_pages(int series_count)
{
    struct fixture f = open_fixture();
    struct rng rng;
    rng_seed(&rng, 7);
    enum { POINTS = 6000 };
    for (int series = 0; series < series_count; series++) {
        struct metric_target target = {.run_id = "r1", .model_id = series == 0 ? NULL : series == 1 ? "m-1" : "m-2"};
        struct metric_point *points = arena_array(f.arena, POINTS, sizeof *points);
        for (int i = 0; i < POINTS; i++) {
            double value = rng_below(&rng, 4) == 0 ? (double)NAN : (double)rng_below(&rng, 3);
            points[i] = (struct metric_point){.key = "loss",
                                              .value = value,
                                              .step = (int64_t)rng_below(&rng, 50) - 5,
                                              .time_ms = (int64_t)rng_below(&rng, 2000)};
        }
        assert_int_equal(store_metrics_log(f.store, &target, points, POINTS, NULL), 0);
    }
    struct metric_point *whole = NULL;
    size_t whole_count = 0;
    assert_int_equal(store_metric_history(f.store, "r1", "loss", 0, 100000, f.arena, &whole, &whole_count, NULL), 0);
    assert_true(whole_count > POINTS / 2);
    size_t seen = 0;
    static struct history_page page;
    do {
        size_t limit = 1 + rng_below(&rng, 700);
        read_page(&f, seen == 0 ? NULL : &whole[seen - 1], limit, &page);
        for (size_t i = 0; i < page.count; i++, seen++) {
            assert_int_equal(page.items[i].time_ms, whole[seen].time_ms);
            assert_int_equal(page.items[i].step, whole[seen].step);
            assert_true(page.items[i].is_nan ? isnan(whole[seen].value) : page.items[i].value == whole[seen].value);
        }
        assert_int_equal(page.more, seen < whole_count);
        assert_true(page.count == limit || !page.more);
    } while (page.more);
    assert_int_equal(seen, whole_count);
    /* Behind a point that is not there. */
    struct metric_point between = {.value = 100, .step = 1000, .time_ms = whole[10].time_ms};
    read_page(&f, &between, 1, &page);
    assert_true(page.items[0].time_ms > between.time_ms);
    close_fixture(&f);
}

TEST(pages_behind_a_point_are_the_history)
{
    check_pages(1);
    check_pages(3);
}

TEST(each_point_measured_on_a_model_is_listed_by_time)
{
    struct fixture f = open_fixture();
    struct metric_target first = {.run_id = "r1", .model_id = "m-1", .dataset_name = "wine", .dataset_digest = "d1"};
    struct metric_target second = {.run_id = "r2", .model_id = "m-1", .dataset_name = "wine", .dataset_digest = "d1"};
    struct metric_target bare = {.run_id = "r1", .model_id = "m-1"};
    struct metric_measured *list = NULL;
    size_t count = 0;
    log_one(&f, bare, "auc", 0.9, 0, 20);
    log_one(&f, first, "loss", 0.25, 2, 20);
    log_one(&f, first, "loss", 0.5, 1, 10);
    log_one(&f, first, "loss", NAN, 1, 10);
    log_one(&f, second, "loss", 0.75, 1, 30);
    log_one(&f, (struct metric_target){.run_id = "r1", .model_id = "m-2"}, "auc", 0.1, 0, 40);
    log_one(&f, (struct metric_target){.run_id = "r1"}, "auc", 0.2, 0, 50);
    assert_int_equal(store_metrics_measured(f.store, "m-1", 100, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 5);
    assert_true(isnan(list[0].point.value));
    assert_true(list[1].point.value == 0.5);
    assert_string_equal(list[1].dataset_digest, "d1");
    assert_string_equal(list[1].run_id, "r1");
    assert_string_equal(list[2].point.key, "auc");
    assert_null(list[2].dataset_name);
    assert_true(list[3].point.value == 0.25);
    assert_string_equal(list[4].run_id, "r2");
    assert_int_equal(store_metrics_measured(f.store, "m-3", 100, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(of_more_points_than_are_wanted_each_series_gives_its_newest)
{
    enum { MANY = 5000 };
    static struct metric_point points[MANY];
    struct fixture f = open_fixture();
    struct metric_target target = {.run_id = "r1", .model_id = "m-1"};
    struct metric_measured *list = NULL;
    size_t count = 0;
    for (int64_t i = 0; i < MANY; i++) {
        points[i] = (struct metric_point){.key = "loss", .value = (double)(i * 7919 % 1000), .step = i, .time_ms = i};
    }
    assert_int_equal(store_metrics_log(f.store, &target, points, MANY, NULL), 0);
    log_one(&f, target, "auc", 0.9, 0, 1);
    log_one(&f, target, "f1", 0.8, 0, 2);
    assert_int_equal(store_metrics_measured(f.store, "m-1", MANY + 2, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, MANY + 2);
    assert_int_equal(list[MANY + 1].point.step, MANY - 1);
    assert_int_equal(store_metrics_measured(f.store, "m-1", MANY + 1, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, (MANY + 1) / 3 + 2);
    assert_string_equal(list[0].point.key, "auc");
    assert_string_equal(list[1].point.key, "f1");
    assert_int_equal(list[2].point.step, MANY - (MANY + 1) / 3);
    assert_int_equal(store_metrics_measured(f.store, "m-1", 3, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(list[2].point.step, MANY - 1);
    assert_int_equal(store_metrics_measured(f.store, "m-1", 2, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    close_fixture(&f);
}

TESTS(RUN(points_are_picked_evenly_and_the_last_is_among_them),
      RUN(each_run_is_sampled_by_itself),
      RUN(points_that_came_out_of_the_order_of_their_steps_are_shown_in_it),
      RUN(what_cannot_be_sampled_is_refused),
      RUN(histories_of_any_length_are_sampled), RUN(many_points_at_one_step_are_sampled_among_them),
      RUN(histories_come_by_run_and_end_at_the_limit),
      RUN(pages_behind_a_point_are_the_history), RUN(each_point_measured_on_a_model_is_listed_by_time),
      RUN(of_more_points_than_are_wanted_each_series_gives_its_newest))
