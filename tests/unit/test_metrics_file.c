/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/metrics_file.h"
#include "test.h"

#include <stdio.h>

struct taken {
    struct arena *arena;
    const char *points;  /* "key=value@step/time;" each */
    const char *skipped; /* a line each */
    size_t stop_after;   /* 0: never */
    size_t count;
    struct err err;
};

static int take_point(void *ctx, const struct journal_point *point, struct err *err)
{
    struct taken *t = ctx;
    t->points = arena_printf(t->arena, "%s%.*s=%g@%lld/%lld;", t->points, STR_ARG(point->key), point->value,
                             (long long)point->step, (long long)point->time_ms);
    return ++t->count == t->stop_after ? err_set(err, ERR_INPUT, "enough") : 0;
}

static void take_skipped(void *ctx, const char *text)
{
    struct taken *t = ctx;
    t->skipped = arena_printf(t->arena, "%s%s\n", t->skipped, text);
}

static int read_text(struct taken *t, const char *path, const char *text)
{
    struct metrics_file_taker taker = {.ctx = t, .point = take_point, .skipped = take_skipped};
    t->points = "";
    t->skipped = "";
    err_clear(&t->err);
    return metrics_file_read(path, str_from(text), &taker, t->arena, &t->err);
}

TEST(points_are_found_in_each_form)
{
    static const struct {
        const char *path;
        const char *text;
        const char *points;
    } cases[] = {
        {"m.json", "{\"rmse\": 0.5, \"n\": 3, \"test\": {\"deep\": {\"r2\": -1}}}",
         "rmse=0.5@0/0;n=3@0/0;test/deep/r2=-1@0/0;"},
        {"m.json", "{\"a\": \"NaN\", \"b\": \"Infinity\", \"c\": \"-Infinity\"}", "a=nan@0/0;b=inf@0/0;c=-inf@0/0;"},
        {"m.json", "{\"a\": NaN, \"b\": Infinity, \"t\": {\"c\": -Infinity}, \"d\": -1}",
         "a=nan@0/0;b=inf@0/0;t/c=-inf@0/0;d=-1@0/0;"},
        {"m.json", "[{\"key\": \"l\", \"value\": NaN, \"step\": 1}]", "l=nan@1/0;"},
        {"m.json", "[{\"key\": \"l\", \"value\": 2, \"step\": 1, \"timestamp\": 5}, {\"key\": \"l\", \"value\": 1}]",
         "l=2@1/5;l=1@0/0;"},
        {"m.csv", "key,value,step,timestamp\nl,2,1,5\n\"l\",1,,\n", "l=2@1/5;l=1@0/0;"},
        {"m.csv", "value,key\n3,a\n", "a=3@0/0;"},
        {"m.csv", "step,loss,acc\n10,0.5,\n20,nan,1\n", "loss=0.5@10/0;loss=nan@20/0;acc=1@20/0;"},
        {"m.csv", "loss\r\n2\r\n1\r\n", "loss=2@0/0;loss=1@1/0;"},
        {"m.csv", "key,loss\n1,2\n", "key=1@0/0;loss=2@0/0;"},
        {"deep/dir/m.csv", "step,\"a,b\"\n0,-inf\n", "a,b=-inf@0/0;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct taken t = {.arena = arena_new()};
        assert_int_equal(read_text(&t, cases[i].path, cases[i].text), 0);
        assert_string_equal(t.points, cases[i].points);
        assert_string_equal(t.skipped, "");
        arena_free(t.arena);
    }
}

TEST(what_is_no_number_is_left_out_and_told_once)
{
    struct taken t = {.arena = arena_new()};
    assert_int_equal(
        read_text(&t, "m.json", "{\"name\": \"x\", \"on\": true, \"none\": null, \"list\": [1], \"n\": 1}"), 0);
    assert_string_equal(t.points, "n=1@0/0;");
    assert_non_null(strstr(t.skipped, "metric 'name' is left out: expected a number, found a string\n"));
    assert_non_null(strstr(t.skipped, "metric 'list' is left out: expected a number, found a list\n"));
    assert_int_equal(read_text(&t, "m.csv", "step,when,l\n0,monday,1\n1,tuesday,2\n"), 0);
    assert_string_equal(t.points, "l=1@0/0;l=2@1/0;");
    assert_string_equal(t.skipped, "metric 'when' is left out: expected a number, found 'monday'\n");
    arena_free(t.arena);
}

TEST(what_cannot_be_read_is_named)
{
    static const struct {
        const char *path;
        const char *text;
        const char *message;
    } cases[] = {
        {"m.yaml", "a: 1", "metrics file 'm.yaml': expected a name that ends with .json or .csv"},
        {"m.json", "3", "metrics file 'm.json': expected a map of numbers or a list of points, found an integer"},
        {"m.json", "{}", "metrics file 'm.json': there is no metric in it"},
        {"m.json", "{\"a\": \"x\"}", "metrics file 'm.json': there is no metric in it"},
        {"m.json", "[1]", "metrics file 'm.json': item 1: expected {\"key\", \"value\", \"step\", \"timestamp\"}"},
        {"m.json", "[{\"key\": \"a\", \"value\": 1, \"step\": 0.5}]",
         "metrics file 'm.json': item 1: expected integers for step and timestamp"},
        {"m.csv", "", "metrics file 'm.csv': expected a line with the names of the columns"},
        {"m.csv", "step,l\n", "metrics file 'm.csv': there is no metric in it"},
        {"m.csv", "step,l\n0,1\n1\n", "metrics file 'm.csv': line 3 has 1 cells, expected 2"},
        {"m.csv", "step,l\nx,1\n", "metrics file 'm.csv': line 2, column 'step': expected an integer, found 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct taken t = {.arena = arena_new()};
        assert_int_equal(read_text(&t, cases[i].path, cases[i].text), -1);
        assert_string_equal(t.err.message, cases[i].message);
        arena_free(t.arena);
    }
}

TEST(the_taker_can_stop_the_reading)
{
    struct taken t = {.arena = arena_new(), .stop_after = 2};
    assert_int_equal(read_text(&t, "m.csv", "l\n1\n2\n3\n"), -1);
    assert_string_equal(t.err.message, "metrics file 'm.csv': enough");
    assert_int_equal(t.count, 2);
    arena_free(t.arena);
}

TESTS(RUN(points_are_found_in_each_form), RUN(what_is_no_number_is_left_out_and_told_once),
      RUN(what_cannot_be_read_is_named), RUN(the_taker_can_stop_the_reading))
