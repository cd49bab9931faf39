/* SPDX-License-Identifier: Apache-2.0
 * One table checks a request, writes an answer and documents both.
 */
#include "api/sluice/schema.h"

#include "test.h"

#include <math.h>

static const char *const colours[] = {"red", "blue", NULL};
static const struct schema_field takes[] = {
    {.name = "id", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = "^[0-9a-f]{4}$"},
    {.name = "limit", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = 10},
    {.name = "open", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY},
    {.name = "since", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY},
    {.name = "reason", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = 5},
    {.name = "colour", .type = SCHEMA_TEXT, .words = colours},
    {.name = "seed", .type = SCHEMA_INT},
    {.name = "share", .type = SCHEMA_NUMBER},
    {.name = "params", .type = SCHEMA_MAP},
    {0},
};

/* "" when it is taken, with the result as text in *ret_text; else why not. */
static const char *read_at(unsigned where, const char *text, const char **ret_text)
{
    static struct arena *arena;
    struct json raw;
    struct json read = json_object();
    struct err err = {0};
    arena_free(arena);
    arena = arena_new();
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &raw, NULL), 0);
    int result = schema_read(takes, where, &raw, arena, &read, &err);
    *ret_text = json_text(arena, &read).p;
    return result == 0 ? "" : arena_strdup(arena, err.message);
}

TEST(what_fits_is_taken_with_its_type)
{
    static const struct {
        unsigned where;
        const char *raw, *read;
    } cases[] = {
        {SCHEMA_IN_PATH, "{\"id\":\"0a1b\"}", "{\"id\":\"0a1b\"}"},
        {SCHEMA_IN_QUERY, "{\"limit\":\"10\",\"open\":\"true\"}", "{\"limit\":10,\"open\":true}"},
        {SCHEMA_IN_QUERY, "{\"since\":\"1970-01-01T00:00:01Z\"}", "{\"since\":1000}"},
        {0, "{\"reason\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}",
         "{\"reason\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}"},
        {0, "{\"reason\":\"a\",\"colour\":\"blue\",\"seed\":-3.0,\"share\":1,\"params\":{\"a\":null}}",
         "{\"reason\":\"a\",\"colour\":\"blue\",\"seed\":-3,\"share\":1,\"params\":{\"a\":null}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *read = NULL;
        assert_string_equal(read_at(cases[i].where, cases[i].raw, &read), "");
        assert_string_equal(read, cases[i].read);
    }
}

TEST(what_does_not_fit_is_refused_with_what_was_expected)
{
    static const struct {
        unsigned where;
        const char *raw, *words;
    } cases[] = {
        {SCHEMA_IN_PATH, "{}", "'id' is missing"},
        {SCHEMA_IN_PATH, "{\"id\":\"0A1B\"}", "'id': expected what ^[0-9a-f]{4}$ fits, found \"0A1B\""},
        {SCHEMA_IN_PATH, "{\"id\":\"0a1b\\n\"}", "'id': expected what ^[0-9a-f]{4}$ fits, found \"0a1b\\n\""},
        {SCHEMA_IN_QUERY, "{\"limit\":\"0\"}", "'limit': expected an integer from 1 to 10, found 0"},
        {SCHEMA_IN_QUERY, "{\"limit\":\"9223372036854775808\"}",
         "'limit': expected an integer from 1 to 10, found \"9223372036854775808\""},
        {SCHEMA_IN_QUERY, "{\"open\":\"1\"}", "'open': expected true or false, found \"1\""},
        {SCHEMA_IN_QUERY, "{\"reason\":\"a\"}",
         "there is no 'reason' in the query: expected some of limit, open, since"},
        {SCHEMA_IN_QUERY, "{\"opne\":\"true\"}", "there is no 'opne' in the query: did you mean open"},
        {0, "{\"limit\":1,\"reason\":\"a\"}",
         "there is no 'limit' in the body: expected some of reason, colour, seed, share, params"},
        {0, "{\"reason\":\"\"}", "'reason': expected 1 to 5 characters, found \"\""},
        {0, "{\"reason\":\"abcdef\"}", "'reason': expected 1 to 5 characters, found \"abcdef\""},
        {0, "{\"reason\":\"a\\u0000b\"}", "'reason': expected text in UTF-8 without NUL, found \"a\\u0000b\""},
        {0, "{\"reason\":null}", "'reason': expected a string, found null"},
        {0, "{\"reason\":\"a\",\"colour\":\"green\"}", "'colour': expected red or blue, found \"green\""},
        {0, "{\"reason\":\"a\",\"seed\":\"3\"}",
         "'seed': expected an integer from -9223372036854775808 to 9223372036854775807, found \"3\""},
        {0, "{\"reason\":\"a\",\"seed\":0.5}",
         "'seed': expected an integer from -9223372036854775808 to 9223372036854775807, found 0.5"},
        {0, "{\"reason\":\"a\",\"params\":[]}", "'params': expected an object, found []"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *read = NULL;
        assert_string_equal(read_at(cases[i].where, cases[i].raw, &read), cases[i].words);
    }
}

struct record {
    const char *name, *nothing;
    int64_t count, at_ms, never_ms;
    double share, unknown;
    bool good;
    struct json list;
};
static const struct schema item = {"Item", (const struct schema_field[]){{.name = "a", .type = SCHEMA_INT}, {0}}, NULL};
static const struct schema_field record_fields[] = {
    {"name", FIELD_TEXT(struct record, name)},
    {"nothing", FIELD_TEXT(struct record, nothing), SCHEMA_NULLABLE},
    {"count", FIELD_INT(struct record, count)},
    {"at", FIELD_TIME(struct record, at_ms)},
    {"never", FIELD_TIME(struct record, never_ms), SCHEMA_NULLABLE},
    {"share", FIELD_NUMBER(struct record, share)},
    {"unknown", FIELD_NUMBER(struct record, unknown)},
    {"good", FIELD_BOOL(struct record, good)},
    {"list", FIELD_JSON(LIST, struct record, list), .of = &item},
    {0},
};
static const struct schema record = {"Record", record_fields, "A record."};

TEST(an_answer_is_written_from_a_struct)
{
    struct arena *arena = arena_new();
    struct record one = {.name = "x", .count = -1, .at_ms = 1000, .share = 0.5, .unknown = NAN, .good = true,
                         .list = json_array()};
    struct json written = schema_write(&record, &one, arena);
    assert_string_equal(json_text(arena, &written).p,
                        "{\"name\":\"x\",\"nothing\":null,\"count\":-1,\"at\":\"1970-01-01T00:00:01.000Z\","
                        "\"never\":null,\"share\":0.5,\"unknown\":null,\"good\":true,\"list\":[]}");
    arena_free(arena);
}

TEST(an_answer_is_documented_closed_and_whole_with_what_it_names)
{
    struct arena *arena = arena_new();
    struct json components = json_object();
    schema_document(&record, true, &components, arena);
    schema_document(&record, true, &components, arena);
    assert_int_equal(components.u.object.count, 2);
    const struct json *one = json_get(&components, "Record");
    assert_false(json_get_bool(one, "additionalProperties", true));
    assert_int_equal(json_get(one, "required")->u.array.count, 9);
    const struct json *properties = json_get(one, "properties");
    assert_string_equal(json_text(arena, json_get(properties, "nothing")).p, "{\"type\":[\"string\",\"null\"]}");
    assert_string_equal(json_text(arena, json_get(properties, "list")).p,
                        "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Item\"}}");
    arena_free(arena);
}

TEST(a_field_of_a_request_is_documented_by_what_it_is_checked_by)
{
    struct arena *arena = arena_new();
    struct json id = schema_of_field(&takes[0], false, arena);
    struct json limit = schema_of_field(&takes[1], false, arena);
    struct json reason = schema_of_field(&takes[4], false, arena);
    assert_string_equal(json_text(arena, &id).p,
                        "{\"type\":\"string\",\"maxLength\":1000,\"pattern\":\"^[0-9a-f]{4}$\"}");
    assert_string_equal(json_text(arena, &limit).p,
                        "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":10}");
    assert_string_equal(json_text(arena, &reason).p,
                        "{\"type\":\"string\",\"minLength\":1,\"maxLength\":5,\"pattern\":\"^[^\\\\u0000]*$\"}");
    arena_free(arena);
}

TESTS(RUN(what_fits_is_taken_with_its_type), RUN(what_does_not_fit_is_refused_with_what_was_expected),
      RUN(an_answer_is_written_from_a_struct), RUN(an_answer_is_documented_closed_and_whole_with_what_it_names),
      RUN(a_field_of_a_request_is_documented_by_what_it_is_checked_by))
