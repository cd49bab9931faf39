/* SPDX-License-Identifier: Apache-2.0
 * Next firings at the places where clocks change, written out by hand. test_cron_walk.c checks the same against a walk
 * through every minute.
 */
#include "base/parse.h"
#include "test.h"
#include "time/cron_expr.h"

enum { FIRINGS_MAX = 6 };

static int64_t ms_of(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(parse_time(str_from(text), &ms, NULL), 0);
    return ms;
}

static struct cron_expr expr_of(const char *text)
{
    struct cron_expr expr;
    struct err err = {0};
    if (cron_expr_parse(str_from(text), &expr, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return expr;
}

static const struct tzif *zone_of(struct arena *arena, const char *name)
{
    const struct tzif *zone = NULL;
    struct err err = {0};
    if (tzif_load(str_from(name), arena, &zone, &err) < 0) {
        print_message("%s\n", err.message);
        arena_free(arena);
        skip();
    }
    return zone;
}

struct vector {
    const char *cron;
    const char *after;
    const char *firings[FIRINGS_MAX]; /* in UTC, without ".000Z" */
};

static void check_vectors(const char *zone_name, const struct vector *vectors, size_t count)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = zone_of(arena, zone_name);
    for (size_t i = 0; i < count; i++) {
        struct cron_expr expr = expr_of(vectors[i].cron);
        int64_t at = ms_of(vectors[i].after);
        for (size_t k = 0; k < FIRINGS_MAX && vectors[i].firings[k] != NULL; k++) {
            char text[32];
            struct err err = {0};
            assert_int_equal(cron_expr_next(&expr, zone, at, &at, &err), 0);
            format_time(text, sizeof text, at);
            text[19] = '\0';
            if (strcmp(text, vectors[i].firings[k]) != 0) {
                fail_msg("%s, '%s': firing %zu is at %s, expected %s", zone_name, vectors[i].cron, k, text,
                         vectors[i].firings[k]);
            }
        }
    }
    arena_free(arena);
}

#define CHECK(zone, ...)                                                                                               \
    do {                                                                                                               \
        static const struct vector vectors[] = {__VA_ARGS__};                                                          \
        check_vectors(zone, vectors, sizeof vectors / sizeof vectors[0]);                                              \
    } while (0)

TEST(in_utc_each_matching_minute_fires)
{
    CHECK(
        "UTC",
        {"*/20 5 * * *", "2026-01-31T05:10:00Z", {"2026-01-31T05:20:00", "2026-01-31T05:40:00", "2026-02-01T05:00:00"}},
        {"0 0 29 2 *", "2026-01-01T00:00:00Z", {"2028-02-29T00:00:00", "2032-02-29T00:00:00"}},
        {"59 23 31 12 *", "2026-12-31T23:59:00Z", {"2027-12-31T23:59:00"}},
        {"0 12 31 * *", "2026-03-31T12:00:00Z", {"2026-05-31T12:00:00", "2026-07-31T12:00:00"}},
        {"0 0 29 2 */7", "2080-01-01T00:00:00Z", {"2088-02-29T00:00:00", "2128-02-29T00:00:00"}},
        {"0 0 13 * fri", "2026-02-10T00:00:00Z", {"2026-02-13T00:00:00", "2026-02-20T00:00:00", "2026-02-27T00:00:00"}},
        {"0 0 */2 * fri",
         "2026-02-10T00:00:00Z",
         {"2026-02-13T00:00:00", "2026-02-27T00:00:00", "2026-03-13T00:00:00"}},
        {"30 4 * * 7", "1969-12-20T00:00:00Z", {"1969-12-21T04:30:00", "1969-12-28T04:30:00", "1970-01-04T04:30:00"}});
}

TEST(a_firing_is_strictly_after)
{
    struct cron_expr expr = expr_of("0 2 * * *");
    int64_t at = ms_of("2026-01-01T02:00:00Z");
    int64_t next = 0;
    assert_int_equal(cron_expr_next(&expr, tzif_utc(), at - 1, &next, NULL), 0);
    assert_int_equal(next, at);
    assert_int_equal(cron_expr_next(&expr, tzif_utc(), at, &next, NULL), 0);
    assert_int_equal(next, at + INT64_C(86400000));
}

TEST(a_time_in_the_skipped_hour_fires_once_right_after_it)
{
    CHECK(
        "America/New_York",
        {"30 2 * * *", "2026-03-07T00:00:00Z", {"2026-03-07T07:30:00", "2026-03-08T07:00:00", "2026-03-09T06:30:00"}},
        {"*/30 2 * * *", "2026-03-07T12:00:00Z", {"2026-03-08T07:00:00", "2026-03-09T06:00:00", "2026-03-09T06:30:00"}},
        {"0,30 2,3 * * *",
         "2026-03-07T12:00:00Z",
         {"2026-03-08T07:00:00", "2026-03-08T07:30:00", "2026-03-09T06:00:00"}});
    CHECK("Europe/Berlin", {"30 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00", "2026-03-30T00:30:00"}});
    CHECK("America/Sao_Paulo", {"0 0 * * *", "2018-11-03T12:00:00Z", {"2018-11-04T03:00:00", "2018-11-05T02:00:00"}},
          {"30 0 4 11 *", "2018-11-03T12:00:00Z", {"2018-11-04T03:00:00", "2019-11-04T03:30:00"}});
}

TEST(a_time_in_the_hour_that_comes_twice_fires_in_the_first_pass)
{
    CHECK("America/New_York", {"30 1 * * *", "2026-10-31T12:00:00Z", {"2026-11-01T05:30:00", "2026-11-02T06:30:00"}},
          {"30 1 * * *", "2026-11-01T05:45:00Z", {"2026-11-02T06:30:00"}},
          {"30 1 * * *", "2026-11-01T06:15:00Z", {"2026-11-02T06:30:00"}},
          {"0 1,2 * * *", "2026-10-31T12:00:00Z", {"2026-11-01T05:00:00", "2026-11-01T07:00:00"}});
    CHECK("Europe/Berlin", {"30 2 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00", "2026-10-26T01:30:00"}});
    CHECK("America/Sao_Paulo", {"30 23 * * *", "2018-02-17T12:00:00Z", {"2018-02-18T01:30:00", "2018-02-19T02:30:00"}});
}

TEST(an_hourly_job_runs_every_real_hour)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = zone_of(arena, "America/New_York");
    struct cron_expr expr = expr_of("0 * * * *");
    const struct {
        const char *from;
        const char *to;
        int hours;
    } days[] = {{"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25},
                {"2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 23}};
    for (size_t i = 0; i < 2; i++) {
        int count = 0;
        int64_t at = ms_of(days[i].from) - 1;
        while (cron_expr_next(&expr, zone, at, &at, NULL) == 0 && at < ms_of(days[i].to)) {
            assert_int_equal(at, ms_of(days[i].from) + count * INT64_C(3600000));
            count++;
        }
        assert_int_equal(count, days[i].hours);
    }
    arena_free(arena);
}

TEST(a_star_with_a_step_in_the_hours_follows_time_and_not_the_wall)
{
    CHECK(
        "Europe/Berlin", {"0 */2 * * *", "2026-03-28T23:30:00Z", {"2026-03-29T02:00:00", "2026-03-29T04:00:00"}},
        {"0 */2 * * *", "2026-10-24T23:30:00Z", {"2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T03:00:00"}},
        {"0 0-23/2 * * *", "2026-03-28T23:30:00Z", {"2026-03-29T01:00:00", "2026-03-29T02:00:00"}});
}

TEST(a_date_that_a_zone_left_out_has_no_firing)
{
    CHECK("Pacific/Apia", {"0 12 * * *", "2011-12-29T00:00:00Z", {"2011-12-29T22:00:00", "2011-12-30T22:00:00"}},
          {"0 12 30 12 *", "2011-12-01T00:00:00Z", {"2012-12-29T22:00:00"}});
}

TEST(a_gap_that_ends_within_a_minute_fires_at_its_very_end)
{
    CHECK("Africa/Monrovia", {"0 0 7 1 *", "1972-01-06T00:00:00Z", {"1972-01-07T00:44:30", "1973-01-07T00:00:00"}});
}

TEST(after_the_last_transition_of_the_file_its_rule_goes_on)
{
    CHECK("Europe/Berlin", {"30 2 * * *", "2100-03-27T12:00:00Z", {"2100-03-28T01:00:00", "2100-03-29T00:30:00"}},
          {"30 2 * * *", "2100-10-30T12:00:00Z", {"2100-10-31T00:30:00", "2100-11-01T01:30:00"}});
}

TEST(times_far_outside_are_refused)
{
    struct cron_expr expr = expr_of("@daily");
    struct err err = {0};
    int64_t next = 7;
    assert_int_equal(cron_expr_next(&expr, tzif_utc(), INT64_MAX, &next, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(cron_expr_next(&expr, tzif_utc(), INT64_MIN, &next, NULL), -1);
    assert_int_equal(next, 7);
    assert_int_equal(cron_expr_next(&expr, tzif_utc(), INT64_C(253402300799999), &next, NULL), 0);
    assert_int_equal(next, INT64_C(253402300800000));
}

TESTS(RUN(in_utc_each_matching_minute_fires), RUN(a_firing_is_strictly_after),
      RUN(a_time_in_the_skipped_hour_fires_once_right_after_it),
      RUN(a_time_in_the_hour_that_comes_twice_fires_in_the_first_pass), RUN(an_hourly_job_runs_every_real_hour),
      RUN(a_star_with_a_step_in_the_hours_follows_time_and_not_the_wall),
      RUN(a_date_that_a_zone_left_out_has_no_firing), RUN(a_gap_that_ends_within_a_minute_fires_at_its_very_end),
      RUN(after_the_last_transition_of_the_file_its_rule_goes_on), RUN(times_far_outside_are_refused))
