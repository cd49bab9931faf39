/* SPDX-License-Identifier: Apache-2.0
 * JSON as Python writes it: what is expected here, Python 3.11 wrote.
 */
#include "store/python_json.h"
#include "store/python_quote.h"

#include "test.h"

#include <math.h>

static const char *number(struct arena *arena, double value)
{
    struct json json = json_number(value);
    return python_json_text(arena, &json, false).p;
}

TEST(numbers_are_as_repr_shows_them)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"}, {-0.0, "-0.0"}, {1.0, "1.0"}, {0.1, "0.1"}, {-2.5, "-2.5"}, {100.0, "100.0"},
        {1e15, "1000000000000000.0"}, {1e16, "1e+16"}, {123456789012345680.0, "1.2345678901234568e+17"},
        {9007199254740993.0, "9007199254740992.0"}, {0.0001, "0.0001"}, {0.00001, "1e-05"}, {1.5e-7, "1.5e-07"},
        {1e22, "1e+22"}, {1e23, "1e+23"}, {1.7976931348623157e308, "1.7976931348623157e+308"}, {5e-324, "5e-324"},
        {0.30000000000000004, "0.30000000000000004"}, {123456789.125, "123456789.125"}, {1e100, "1e+100"},
        {2.0 / 3, "0.6666666666666666"}, {(double)NAN, "NaN"}, {(double)INFINITY, "Infinity"},
        {-(double)INFINITY, "-Infinity"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(number(arena, rows[i].value), rows[i].text);
    }
    arena_free(arena);
}

TEST(texts_are_ascii_with_escapes)
{
    struct arena *arena = arena_new();
    struct json text = json_string(arena, STR("a\"b\\c\n\r\t\b\f\x01\x7f \xc3\xbc \xe2\x98\x83 \xf0\x9f\x98\x80 /\0z"));
    assert_string_equal(python_json_text(arena, &text, false).p,
                        "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\\u007f \\u00fc \\u2603 \\ud83d\\ude00 /\\u0000z\"");
    arena_free(arena);
}

static const char *rewritten(struct arena *arena, const char *source, bool sorted)
{
    struct json value;
    assert_int_equal(json_read_metrics(str_from(source), (struct json_limits){0}, arena, &value, NULL), 0);
    return python_json_text(arena, &value, sorted).p;
}

TEST(objects_keep_their_order_or_are_sorted_by_code_points)
{
    static const char source[] = "{\"b\":[1,{\"z\":null,\"a\":true}],\"\xf0\x9f\x98\x80\":1,\"\xef\xbf\xbd\":2,"
                                 "\"B\":false,\"\":{},\"a\":[]}";
    struct arena *arena = arena_new();
    assert_string_equal(rewritten(arena, source, false),
                        "{\"b\": [1, {\"z\": null, \"a\": true}], \"\\ud83d\\ude00\": 1, \"\\ufffd\": 2, "
                        "\"B\": false, \"\": {}, \"a\": []}");
    assert_string_equal(rewritten(arena, source, true),
                        "{\"\": {}, \"B\": false, \"a\": [], \"b\": [1, {\"a\": true, \"z\": null}], "
                        "\"\\ufffd\": 2, \"\\ud83d\\ude00\": 1}");
    arena_free(arena);
}

TEST(values_as_str_shows_them)
{
    struct arena *arena = arena_new();
    struct json value;
    struct strbuf out;
    strbuf_init(&out, 4096);
    static const char source[] = "[1,\"it's\",1.5,null,true,false,{\"k\":[\"y\"],\"e\":{}},[]]";
    assert_int_equal(json_read(STR(source), (struct json_limits){0}, arena, &value, NULL), 0);
    python_repr(&out, &value);
    assert_string_equal(out.data, "[1, \"it's\", 1.5, None, True, False, {'k': ['y'], 'e': {}}, []]");
    strbuf_clear(&out);
    arena_free(arena);
}

TESTS(RUN(numbers_are_as_repr_shows_them), RUN(texts_are_ascii_with_escapes),
      RUN(objects_keep_their_order_or_are_sorted_by_code_points), RUN(values_as_str_shows_them))
