/* SPDX-License-Identifier: Apache-2.0 */
#pragma push_macro("fail")
#undef fail
#include "members.h"
#include "value.h"

#include "base/parse.h"
#pragma pop_macro("fail")

#include "test.h"

static struct step_value text_value(const char *text)
{
    return (struct step_value){.type = STEP_TYPE_STRING, .string = text, .count = strlen(text)};
}

TEST(value_reads_durations_as_pipelines_write_them)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"500ms", 500}, {"90s", 90000}, {"15m", 900000},  {"1h30m", 5400000}, {"3d", 259200000},
                 {"0s", 0},      {"", -1},       {"90", -1},       {"s", -1},          {"1.5h", -1},
                 {"-1s", -1},    {"1 s", -1},    {"1week", -1},    {"9999999999999s", -1}, {"1h30", -1},
                 {"999999999999d", -1}, {"30s1h", -1}, {"1h1h", -1}, {"1000000001ms", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct step_value value = text_value(cases[i].text);
        struct fault fault = {{0}};
        int64_t ms = -1;
        assert_int_equal(value_duration(&value, "timeout", &ms, &fault), cases[i].ms < 0 ? -1 : 0);
        assert_int_equal(ms, cases[i].ms);
        assert_true((fault.text[0] == '\0') == (cases[i].ms >= 0));
        int64_t checked = -1; /* what the check of pipelines takes, and as what */
        assert_int_equal(parse_duration_ms(str_from(cases[i].text), &checked, NULL), cases[i].ms < 0 ? -1 : 0);
        assert_int_equal(checked, cases[i].ms);
    }
}

TEST(value_writes_durations_as_it_reads_them)
{
    static const char *const texts[] = {"500ms", "1m30s", "3d", "1h30m", "2d5ms", "0s"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct step_value value = text_value(texts[i]);
        struct textbuf out = {0};
        struct fault fault;
        int64_t ms = 0;
        assert_int_equal(value_duration(&value, "x", &ms, &fault), 0);
        value_put_duration(&out, ms);
        assert_string_equal(textbuf_text(&out), texts[i]);
        textbuf_free(&out);
    }
}

TEST(value_offers_the_nearest_known_key)
{
    static const char *const keys[] = {"statis"};
    static const char *const known[] = {"url", "status"};
    struct step_value item = text_value("x");
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 1, .items = &item, .keys = keys};
    struct fault fault;
    assert_int_equal(value_check_keys(&map, "health", known, 2, &fault), -1);
    assert_string_equal(fault.text, "health: unknown key 'statis' (did you mean 'status'?): expected url, status");
    assert_int_equal(value_check_keys(&item, "health", known, 2, &fault), -1);
    assert_string_equal(fault.text, "health: expected a map, got a text");
}

TEST(members_write_one_object)
{
    struct members m = {0};
    assert_string_equal(members_json(&m), "{}");
    members_free(&m);
    members_text(&m, "a\"b", "x\n");
    members_text(&m, "left out", NULL);
    members_whole(&m, "n", -3);
    members_bool(&m, "yes", true);
    members_raw(&m, "raw", "[1]");
    assert_string_equal(members_json(&m), "{\"a\\\"b\":\"x\\u000a\",\"n\":-3,\"yes\":true,\"raw\":[1]}");
    assert_string_equal(members_json(&m), "{\"a\\\"b\":\"x\\u000a\",\"n\":-3,\"yes\":true,\"raw\":[1]}");
    members_free(&m);
}

TESTS(RUN(value_reads_durations_as_pipelines_write_them), RUN(value_writes_durations_as_it_reads_them),
      RUN(value_offers_the_nearest_known_key), RUN(members_write_one_object))
