/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

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

static struct metric_latest *of_run(struct fixture *f, const char *run_id, size_t expected)
{
    struct metric_latest *list = NULL;
    size_t count = 0;
    assert_int_equal(store_metrics_of_run(f->store, run_id, f->arena, &list, &count, NULL), 0);
    assert_int_equal(count, expected);
    return list;
}

static struct metric_latest *of_model(struct fixture *f, const char *digest, size_t expected)
{
    struct metric_latest *list = NULL;
    size_t count = 0;
    assert_int_equal(store_metrics_of_model(f->store, "m-1", digest, f->arena, &list, &count, NULL), 0);
    assert_int_equal(count, expected);
    return list;
}

static struct metric_point *history(struct fixture *f, const char *key, size_t skip, size_t limit, size_t *ret_count)
{
    struct metric_point *list = NULL;
    assert_int_equal(store_metric_history(f->store, "r1", key, skip, limit, f->arena, &list, ret_count, NULL), 0);
    return list;
}

static const struct metric_target plain = {.run_id = "r1"};

/* ---- latest ---------------------------------------------------------------------------------------- */

TEST(the_latest_is_the_greatest_by_step_then_time_then_value)
{
    static const struct {
        double value;
        int64_t step;
        int64_t time_ms;
        double latest;
    } points[] = {{5, 0, 100, 5},
                  {4, 0, 200, 4},
                  {9, 0, 150, 4},
                  {6, 0, 200, 6},
                  {1, 1, 50, 1},
                  {7, -3, 900, 1},
                  {-2, 1, 50, 1},
                  {(double)NAN, 1, 50, 1},
                  {3, 2, 0, 3},
                  {(double)NAN, 2, 1, (double)NAN},
                  {-1, 2, 1, (double)NAN},
                  {0, 2, 1, 0},
                  {(double)NAN, 2, 1, 0}};
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        log_one(&f, plain, "loss", points[i].value, points[i].step, points[i].time_ms);
        struct metric_latest *list = of_run(&f, "r1", 1);
        if (isnan(points[i].latest)) {
            assert_true(isnan(list[0].value));
        } else {
            assert_true(list[0].value == points[i].latest);
        }
    }
    struct metric_latest *list = of_run(&f, "r1", 1);
    assert_int_equal(list[0].count, 12);
    assert_true(list[0].min == -2 && list[0].max == 9);
    assert_int_equal(list[0].step, 2);
    assert_int_equal(list[0].time_ms, 1);
    close_fixture(&f);
}

TEST(min_and_max_know_no_nan_and_are_nan_when_there_is_nothing_else)
{
    struct fixture f = open_fixture();
    log_one(&f, plain, "x", (double)NAN, 5, 1);
    struct metric_latest *list = of_run(&f, "r1", 1);
    assert_true(isnan(list[0].value) && isnan(list[0].min) && isnan(list[0].max));
    assert_int_equal(list[0].count, 1);
    log_one(&f, plain, "x", 3, 1, 1);
    list = of_run(&f, "r1", 1);
    assert_true(isnan(list[0].value) && list[0].min == 3 && list[0].max == 3);
    log_one(&f, (struct metric_target){.run_id = "r1", .model_id = "m-1"}, "x", (double)NAN, 9, 1);
    list = of_run(&f, "r1", 1);
    assert_true(isnan(list[0].value) && list[0].min == 3 && list[0].max == 3);
    assert_int_equal(list[0].count, 3);
    close_fixture(&f);
}

TEST(zeros_are_one_value_and_infinities_are_the_largest_doubles)
{
    struct fixture f = open_fixture();
    size_t count = 0;
    const double values[] = {-0.0, 0.0, (double)INFINITY, DBL_MAX, -(double)INFINITY, -DBL_MAX, DBL_MIN / 4, 0.1};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        log_one(&f, plain, "v", values[i], 0, 0);
    }
    struct metric_point *points = history(&f, "v", 0, 100, &count);
    assert_int_equal(count, 5);
    assert_true(points[0].value == -DBL_MAX && points[4].value == DBL_MAX);
    assert_true(points[1].value == 0 && !signbit(points[1].value));
    assert_true(points[2].value == DBL_MIN / 4 && points[3].value == 0.1);
    close_fixture(&f);
}

TEST(the_keys_of_a_run_are_sorted_and_its_own)
{
    struct fixture f = open_fixture();
    struct metric_point points[] = {{"b", 1, 0, 0}, {"a/z", 2, 0, 0}, {"B", 3, 0, 0}, {"b", 4, 1, 0}};
    assert_int_equal(store_metrics_log(f.store, &plain, points, 4, NULL), 0);
    log_one(&f, (struct metric_target){.run_id = "r2"}, "c", 9, 0, 0);
    struct metric_latest *list = of_run(&f, "r1", 3);
    assert_string_equal(list[0].key, "B");
    assert_string_equal(list[1].key, "a/z");
    assert_string_equal(list[2].key, "b");
    assert_true(list[2].value == 4);
    assert_null(list[2].dataset_name);
    of_run(&f, "r2", 1);
    of_run(&f, "unknown", 0);
    close_fixture(&f);
}

/* ---- the union of series ----------------------------------------------------------------------------- */

TEST(a_point_logged_with_and_without_a_model_is_one_point_of_the_run)
{
    struct fixture f = open_fixture();
    struct metric_target on_model = {
        .run_id = "r1", .model_id = "m-1", .dataset_name = "holdout", .dataset_digest = "d1"};
    size_t count = 0;
    log_one(&f, on_model, "acc", 0.9, 0, 100);
    log_one(&f, plain, "acc", 0.9, 0, 100);
    log_one(&f, plain, "acc", 0.8, 0, 50);
    struct metric_latest *list = of_run(&f, "r1", 1);
    assert_int_equal(list[0].count, 2);
    assert_true(list[0].value == 0.9 && list[0].min == 0.8 && list[0].max == 0.9);
    assert_string_equal(list[0].dataset_digest, "d1");
    struct metric_point *points = history(&f, "acc", 0, 100, &count);
    assert_int_equal(count, 2);
    assert_true(points[0].value == 0.8 && points[1].value == 0.9);
    assert_int_equal(of_model(&f, NULL, 1)[0].count, 1);
    close_fixture(&f);
}

TEST(a_model_has_the_latest_of_each_key_on_each_dataset_by_any_run)
{
    struct fixture f = open_fixture();
    struct metric_target target = {
        .run_id = "r1", .model_id = "m-1", .dataset_name = "holdout", .dataset_digest = "d1"};
    log_one(&f, target, "acc", 0.9, 0, 100);
    target.run_id = "r2";
    target.dataset_name = "renamed";
    log_one(&f, target, "acc", 0.7, 0, 200);
    target.dataset_digest = "d2";
    log_one(&f, target, "acc", 0.5, 0, 300);
    log_one(&f, target, "f1", 0.4, 0, 300);
    target.model_id = "m-2";
    log_one(&f, target, "acc", 0.1, 0, 400);
    log_one(&f, (struct metric_target){.run_id = "r1", .model_id = "m-1", .dataset_name = "one"}, "acc", 0.2, 0, 1);
    log_one(&f, (struct metric_target){.run_id = "r1", .model_id = "m-1", .dataset_name = "two"}, "acc", 0.3, 0, 1);
    struct metric_latest *list = of_model(&f, NULL, 5);
    assert_string_equal(list[0].dataset_name, "one");
    assert_null(list[0].dataset_digest);
    assert_string_equal(list[1].dataset_name, "two");
    assert_string_equal(list[2].dataset_digest, "d1");
    assert_string_equal(list[2].dataset_name, "renamed");
    assert_true(list[2].value == 0.7 && list[2].max == 0.9);
    assert_int_equal(list[2].count, 2);
    assert_true(list[3].value == 0.5);
    assert_string_equal(list[4].key, "f1");
    list = of_model(&f, "d1", 1);
    assert_true(list[0].value == 0.7);
    of_model(&f, "d2", 2);
    of_model(&f, "d3", 0);
    close_fixture(&f);
}

/* ---- histories ----------------------------------------------------------------------------------------- */

TEST(a_history_is_ordered_by_time_step_value_and_paged)
{
    struct fixture f = open_fixture();
    size_t count = 0;
    struct metric_point points[] = {
        {"k", 3, 0, 20}, {"k", 1, 7, 10}, {"k", 2, 1, 10}, {"k", (double)NAN, 0, 20}, {"k", 0, 0, 20}};
    assert_int_equal(store_metrics_log(f.store, &plain, points, 5, NULL), 0);
    struct metric_point *list = history(&f, "k", 0, SIZE_MAX, &count);
    assert_int_equal(count, 5);
    assert_true(list[0].step == 1 && list[1].step == 7 && list[2].value == 0 && isnan(list[3].value) &&
                list[4].value == 3);
    assert_string_equal(list[0].key, "k");
    list = history(&f, "k", 1, 2, &count);
    assert_int_equal(count, 2);
    assert_true(list[0].step == 7 && list[1].value == 0);
    (void)history(&f, "k", 5, 2, &count);
    assert_int_equal(count, 0);
    (void)history(&f, "k", 0, 0, &count);
    assert_int_equal(count, 0);
    (void)history(&f, "other", 0, 10, &count);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

TEST(the_first_bad_point_is_named_and_nothing_of_its_batch_is_stored)
{
    static const struct {
        struct metric_point bad;
        const char *message;
    } cases[] = {
        {{"a*", 1, 0, 0}, "Invalid value \"a*\" for parameter 'metrics[1].name' supplied: Names may only contain"},
        {{"", 1, 0, 0}, "Invalid value \"\" for parameter 'metrics[1].name' supplied: Names may be treated as files"},
        {{"../a", 1, 0, 0},
         "Invalid value \"../a\" for parameter 'metrics[1].name' supplied: Names may be treated as files"},
        {{NULL, 1, 0, 0}, "Invalid value \"\" for parameter 'metrics[1].name'"},
        {{"ok", 1.5, 0, -1},
         "Invalid value -1 for parameter 'metrics[1].timestamp' supplied: metric 'ok' (value=1.5). Timestamp must"},
    };
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct metric_point points[] = {{"ok", 1, 0, 0}, cases[i].bad, {"b*", 1, 0, 0}};
        assert_int_equal(store_metrics_log(f.store, &plain, points, 3, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_memory_equal(err.message, cases[i].message, strlen(cases[i].message));
        of_run(&f, "r1", 0);
    }
    close_fixture(&f);
}

TEST(points_apart_by_key_are_logged_as_a_batch_is)
{
    struct fixture f = open_fixture();
    struct metric_rank loss[] = {metric_rank_of(2, 2, 20), metric_rank_of(1, 1, 10), metric_rank_of(2, 2, 20)};
    struct metric_rank acc[] = {metric_rank_of((double)NAN, 1, 10)};
    struct metric_list lists[] = {{"loss", {loss, 3}}, {"acc", {acc, 1}}};
    assert_int_equal(store_metrics_log_lists(f.store, &plain, lists, 2, NULL), 0);
    struct metric_latest *latest = of_run(&f, "r1", 2);
    assert_string_equal(latest[0].key, "acc");
    assert_true(isnan(latest[0].value) && latest[0].count == 1);
    assert_string_equal(latest[1].key, "loss");
    assert_true(latest[1].value == 2.0 && latest[1].count == 2 && latest[1].min == 1.0);
    assert_int_equal(store_metrics_log_lists(f.store, &plain, lists, 0, NULL), 0);
    close_fixture(&f);
}

TEST(the_first_bad_list_is_named_and_nothing_of_the_others_is_stored)
{
    struct fixture f = open_fixture();
    struct metric_rank good[] = {metric_rank_of(1, 1, 1)};
    struct metric_rank early[] = {metric_rank_of(1, 1, 1), metric_rank_of(1.5, 1, -1)};
    const struct {
        struct metric_list bad;
        const char *message;
    } cases[] = {
        {{"../a", {good, 1}}, "Invalid value \"../a\" for parameter 'metrics[1].name' supplied: Names may be treated"},
        {{"ok", {early, 2}},
         "Invalid value -1 for parameter 'metrics[1].timestamp' supplied: metric 'ok' (value=1.5). Timestamp"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct metric_list lists[] = {{"a", {good, 1}}, cases[i].bad};
        assert_int_equal(store_metrics_log_lists(f.store, &plain, lists, 2, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_memory_equal(err.message, cases[i].message, strlen(cases[i].message));
        of_run(&f, "r1", 0);
    }
    close_fixture(&f);
}

TEST(an_unknown_or_deleted_run_takes_no_metrics)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct metric_point point = {"a", 1, 0, 0};
    assert_int_equal(store_metrics_log(f.store, &(struct metric_target){.run_id = "none"}, &point, 1, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_clear(&err);
    assert_int_equal(stmt_run(stmt_get(f.store, "UPDATE experiments SET deleted_ms = 1"), NULL), 1);
    assert_int_equal(store_metrics_log(f.store, &plain, &point, 1, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    of_run(&f, "r1", 0);
    close_fixture(&f);
}

TEST(an_empty_batch_is_fine)
{
    struct fixture f = open_fixture();
    assert_int_equal(store_metrics_log(f.store, &plain, NULL, 0, NULL), 0);
    of_run(&f, "r1", 0);
    close_fixture(&f);
}

/* ---- batches in any order, any number of times ------------------------------------------------------------ */

enum { DRAWN = 200 };

static struct metric_target drawn_target(uint64_t which)
{
    static const struct metric_target targets[] = {
        {.run_id = "r1"},
        {.run_id = "r1", .model_id = "m-1"},
        {.run_id = "r1", .model_id = "m-1", .dataset_name = "d", .dataset_digest = "1"}};
    return targets[which % 3];
}

static struct metric_point drawn_point(struct rng *rng)
{
    static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 0, 1, -1, 2.5, DBL_MAX};
    static const char *const keys[] = {"loss", "acc"};
    return (struct metric_point){.key = keys[rng_below(rng, 2)],
                                 .value = values[rng_below(rng, 9)],
                                 .step = (int64_t)rng_below(rng, 4) - 1,
                                 .time_ms = (int64_t)rng_below(rng, 4)};
}

/* MLflow's rules by the book: every point on one heap, each question answered by a walk over it. */
struct heap {
    struct metric_point points[DRAWN + 1]; /* room for one that should not be there */
    size_t count;
};

static double plain_value(double value)
{
    return isnan(value) || value == 0 ? 0 : value > DBL_MAX ? DBL_MAX : value < -DBL_MAX ? -DBL_MAX : value;
}

static bool same_point(const struct metric_point *a, const struct metric_point *b)
{
    return strcmp(a->key, b->key) == 0 && a->time_ms == b->time_ms && a->step == b->step &&
           !isnan(a->value) == !isnan(b->value) && plain_value(a->value) == plain_value(b->value);
}

static void heap_add(struct heap *heap, const struct metric_point *point)
{
    for (size_t i = 0; i < heap->count; i++) {
        if (same_point(&heap->points[i], point)) {
            return;
        }
    }
    heap->points[heap->count++] = *point;
}

static bool is_later(const struct metric_point *a, const struct metric_point *b)
{
    if (a->step != b->step) {
        return a->step > b->step;
    }
    return a->time_ms != b->time_ms ? a->time_ms > b->time_ms : plain_value(a->value) > plain_value(b->value);
}

/* In a history, NaN stands behind the 0 it is compared as. */
static bool is_behind(const struct metric_point *a, const struct metric_point *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms > b->time_ms;
    }
    if (a->step != b->step) {
        return a->step > b->step;
    }
    return plain_value(a->value) > plain_value(b->value) ||
           (plain_value(a->value) == plain_value(b->value) && isnan(a->value));
}

static void check_against_heap(struct fixture *f, const struct heap *heap, const char *key,
                               const struct metric_latest *found)
{
    const struct metric_point *latest = NULL;
    int64_t count = 0;
    double min = (double)NAN;
    double max = (double)NAN;
    for (size_t i = 0; i < heap->count; i++) {
        const struct metric_point *point = &heap->points[i];
        if (strcmp(point->key, key) != 0) {
            continue;
        }
        count++;
        latest = latest == NULL || is_later(point, latest) ? point : latest;
        min = isnan(point->value) ? min : fmin(min, plain_value(point->value));
        max = isnan(point->value) ? max : fmax(max, plain_value(point->value));
    }
    size_t points = 0;
    struct metric_point *list = history(f, key, 0, SIZE_MAX, &points);
    assert_int_equal(points, count);
    for (size_t i = 0; i < points; i++) {
        struct heap copy = *heap;
        heap_add(&copy, &list[i]);
        assert_int_equal(copy.count, heap->count);
        assert_true(i == 0 || is_behind(&list[i], &list[i - 1]));
    }
    assert_non_null(latest);
    assert_int_equal(found->count, count);
    assert_int_equal(found->step, latest->step);
    assert_int_equal(found->time_ms, latest->time_ms);
    assert_true(plain_value(found->value) == plain_value(latest->value));
    assert_true(isnan(min) ? isnan(found->min) : found->min == min);
    assert_true(isnan(max) ? isnan(found->max) : found->max == max);
}

TEST(batches_repeated_and_reordered_give_what_mlflows_rules_give)
{
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 30; round++) {
        struct fixture f = open_fixture();
        static struct heap heap;
        heap.count = 0;
        assert_int_equal(store_begin(f.store, NULL), 0);
        for (size_t drawn = 0; drawn < DRAWN;) {
            struct metric_point batch[16];
            size_t size = 1 + rng_below(&rng, 16);
            size = size > DRAWN - drawn ? DRAWN - drawn : size;
            struct metric_target target = drawn_target(rng_below(&rng, 3));
            for (size_t i = 0; i < size; i++) {
                batch[i] = drawn_point(&rng);
                heap_add(&heap, &batch[i]);
            }
            for (uint64_t times = 1 + rng_below(&rng, 2); times > 0; times--) {
                assert_int_equal(store_metrics_log(f.store, &target, batch, size, NULL), 0);
            }
            drawn += size;
        }
        assert_int_equal(store_commit(f.store, NULL), 0);
        struct metric_latest *list = of_run(&f, "r1", 2);
        check_against_heap(&f, &heap, "acc", &list[0]);
        check_against_heap(&f, &heap, "loss", &list[1]);
        close_fixture(&f);
    }
}

TESTS(RUN(the_latest_is_the_greatest_by_step_then_time_then_value),
      RUN(min_and_max_know_no_nan_and_are_nan_when_there_is_nothing_else),
      RUN(zeros_are_one_value_and_infinities_are_the_largest_doubles), RUN(the_keys_of_a_run_are_sorted_and_its_own),
      RUN(a_point_logged_with_and_without_a_model_is_one_point_of_the_run),
      RUN(a_model_has_the_latest_of_each_key_on_each_dataset_by_any_run),
      RUN(a_history_is_ordered_by_time_step_value_and_paged),
      RUN(the_first_bad_point_is_named_and_nothing_of_its_batch_is_stored),
      RUN(points_apart_by_key_are_logged_as_a_batch_is),
      RUN(the_first_bad_list_is_named_and_nothing_of_the_others_is_stored),
      RUN(an_unknown_or_deleted_run_takes_no_metrics), RUN(an_empty_batch_is_fine),
      RUN(batches_repeated_and_reordered_give_what_mlflows_rules_give))
