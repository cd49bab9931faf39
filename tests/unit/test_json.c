/* SPDX-License-Identifier: Apache-2.0
 * Reading with its messages and bounds, building, and writing. The standard's vectors are in test_json_suite.c.
 */
#include "base/json.h"
#include "base/rng.h"

#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int setup(void **state)
{
    *state = arena_new();
    return 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

#define ARENA ((struct arena *)*state)
#define ARENA_TEST(name) static void name(void **state __attribute__((unused)))
#define ARENA_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct json read_good(struct arena *arena, struct str text)
{
    struct json value = {0};
    struct err err = {0};
    if (json_read(text, (struct json_limits){0}, arena, &value, &err) < 0) {
        fail_msg("'%.*s': %s", STR_ARG(text), err.message);
    }
    return value;
}

static const char *text_of(struct arena *arena, const struct json *value,
                           void (*write)(struct strbuf *, const struct json *))
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    write(&out, value);
    const char *copy = arena_strdup(arena, out.data);
    strbuf_clear(&out);
    return copy;
}

ARENA_TEST(a_refusal_names_line_and_column_what_was_expected_and_what_was_found)
{
    static const struct {
        struct str text;
        const char *message;
    } cases[] = {
        {{0}, "JSON, line 1, column 1: expected a value, found the end"},
        {STR(""), "JSON, line 1, column 1: expected a value, found the end"},
        {STR(" \n\t"), "JSON, line 2, column 2: expected a value, found the end"},
        {STR("[1,\n 2,\n  x]"), "JSON, line 3, column 3: expected a value, found 'x'"},
        {STR("[1 2]"), "JSON, line 1, column 4: expected ',' or ']', found '2'"},
        {STR("{\"a\":1 \"b\"}"), "JSON, line 1, column 8: expected ',' or '}', found '\"'"},
        {STR("{\"a\" 1}"), "JSON, line 1, column 6: expected ':', found '1'"},
        {STR("{a:1}"), "JSON, line 1, column 2: expected a key in quotes, found 'a'"},
        {STR("{\"a\":1,}"), "JSON, line 1, column 8: expected a key in quotes, found '}'"},
        {STR("{\"a\":1,\n\"a\":2}"), "JSON, line 2, column 1: expected each key once, found '\"'"},
        {STR("1 2"), "JSON, line 1, column 3: expected nothing after the value, found '2'"},
        {STR("null\0"), "JSON, line 1, column 5: expected nothing after the value, found byte 0x00"},
        {STR("\xef\xbb\xbf[]"), "JSON, line 1, column 1: expected a value, found byte 0xef"},
        {STR("\"a"), "JSON, line 1, column 3: expected '\"' that ends the string, found the end"},
        {STR("\"a\nb\""), "JSON, line 1, column 3: expected no control character in a string, found byte 0x0a"},
        {STR("\"a\0b\""), "JSON, line 1, column 3: expected no control character in a string, found byte 0x00"},
        {STR("\"\\q\""),
         "JSON, line 1, column 3: expected an escape: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u, found 'q'"},
        {STR("\"\\u12g4\""), "JSON, line 1, column 6: expected four hexadecimal digits, found 'g'"},
        {STR("\"\\udc00\""), "JSON, line 1, column 4: expected no lone surrogate, found 'd'"},
        {STR("\"\\ud800\""), "JSON, line 1, column 8: expected the second half of a surrogate pair, found '\"'"},
        {STR("\"\\ud800\\u0041\""), "JSON, line 1, column 4: expected no lone surrogate, found 'd'"},
        {STR("\"\xff\""), "JSON, line 1, column 2: expected valid UTF-8, found byte 0xff"},
        {STR("01"), "JSON, line 1, column 2: expected no digit after a leading 0, found '1'"},
        {STR("-"), "JSON, line 1, column 2: expected a digit, found the end"},
        {STR("1."), "JSON, line 1, column 3: expected a digit, found the end"},
        {STR("1e+"), "JSON, line 1, column 4: expected a digit, found the end"},
        {STR("1e400"), "JSON, line 1, column 1: expected a number within the range of a double, found '1'"},
        {STR("[-1e400]"), "JSON, line 1, column 2: expected a number within the range of a double, found '-'"},
        {STR("nul"), "JSON, line 1, column 1: expected a value, found 'n'"},
        {STR("NaN"), "JSON, line 1, column 1: expected a value, found 'N'"},
        {STR("True"), "JSON, line 1, column 1: expected a value, found 'T'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json value = json_int(77);
        struct err err = {0};
        assert_int_equal(json_read(cases[i].text, (struct json_limits){0}, ARENA, &value, &err), -1);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.code, ERR_INPUT);
        assert_int_equal(value.u.integer, 77); /* written on success only */
    }
}

ARENA_TEST(integers_stay_integers_while_they_fit)
{
    static const struct {
        const char *text;
        int64_t integer;
    } integers[] = {
        {"0", 0},
        {"-1", -1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9007199254740993", 9007199254740993},
    };
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        struct json value = read_good(ARENA, str_from(integers[i].text));
        assert_int_equal(value.type, JSON_INT);
        assert_true(value.u.integer == integers[i].integer);
        assert_string_equal(json_text(ARENA, &value).p, integers[i].text);
    }
    static const struct {
        const char *text;
        double number;
        const char *written;
    } numbers[] = {
        {"9223372036854775808", 9223372036854775808.0, "9.223372036854776e+18"},
        {"-9223372036854775809", -9223372036854775808.0, "-9.223372036854776e+18"},
        {"18446744073709551616", 18446744073709551616.0, "1.8446744073709552e+19"},
        {"99999999999999999999", 1e20, "1e+20"},
        {"1.0", 1, "1.0"},
        {"1e2", 100, "100.0"},
        {"0.1", 0.1, "0.1"},
        {"-0.0", -0.0, "-0.0"},
        {"-0", -0.0, "-0.0"},
        {"1e-400", 0, "0.0"},
        {"5e-324", 5e-324, NULL},
        {"1.7976931348623157e308", 1.7976931348623157e308, "1.7976931348623157e+308"},
        {"0.30000000000000004", 0.30000000000000004, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct json value = read_good(ARENA, str_from(numbers[i].text));
        assert_int_equal(value.type, JSON_NUMBER);
        assert_memory_equal(&value.u.number, &numbers[i].number, sizeof(double));
        struct json again = read_good(ARENA, json_text(ARENA, &value));
        assert_memory_equal(&again.u.number, &numbers[i].number, sizeof(double));
        if (numbers[i].written != NULL) {
            assert_string_equal(json_text(ARENA, &value).p, numbers[i].written);
        }
    }
}

ARENA_TEST(a_number_has_at_most_400_bytes)
{
    char text[402];
    memset(text, '1', sizeof text);
    text[1] = '.';
    struct json value = read_good(ARENA, (struct str){text, 400});
    assert_true(value.u.number > 1.11 && value.u.number < 1.12);
    assert_int_equal(json_read((struct str){text, 401}, (struct json_limits){0}, ARENA, &value, NULL), -1);
}

TEST(any_double_is_written_so_that_it_reads_back_to_the_same_bits)
{
    struct rng rng;
    rng_seed(&rng, 20260101);
    struct strbuf out;
    strbuf_init(&out, 1000);
    struct arena *arena = arena_new();
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_next(&rng);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number)) {
            continue;
        }
        struct json value = json_number(number);
        struct json again;
        strbuf_reset(&out);
        json_write(&out, &value);
        assert_int_equal(json_read(strbuf_str(&out), (struct json_limits){0}, arena, &again, NULL), 0);
        assert_int_equal(again.type, JSON_NUMBER);
        assert_memory_equal(&again.u.number, &number, sizeof number);
        arena_reset(arena);
    }
    arena_free(arena);
    strbuf_clear(&out);
}

ARENA_TEST(what_is_no_number_is_written_as_mlflow_writes_it)
{
    struct json list = json_array();
    json_push(ARENA, &list, json_number(NAN));
    json_push(ARENA, &list, json_number(INFINITY));
    json_push(ARENA, &list, json_number(-INFINITY));
    assert_string_equal(json_text(ARENA, &list).p, "[\"NaN\",\"Infinity\",\"-Infinity\"]");
}

ARENA_TEST(a_file_of_metrics_may_hold_the_bare_words_of_python)
{
    struct json value;
    struct err err = {0};
    struct json_limits limits = {0};
    assert_int_equal(json_read_metrics(STR("[NaN, Infinity,-Infinity, -1]"), limits, ARENA, &value, &err), 0);
    assert_string_equal(json_text(ARENA, &value).p, "[\"NaN\",\"Infinity\",\"-Infinity\",-1]");
    static const char *const wrong[] = {"nan", "Nan", "-NaN", "Inf", "-Inf", "NaNs", "+Infinity", "[NaN", "-I"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(json_read_metrics(str_from(wrong[i]), (struct json_limits){0}, ARENA, &value, NULL), -1);
    }
}

ARENA_TEST(depth_and_values_are_bounded)
{
    struct json value;
    struct err err = {0};
    struct json_limits three = {.depth = 3};
    assert_int_equal(json_read(STR("[[{}]]"), three, ARENA, &value, NULL), 0);
    assert_int_equal(json_read(STR("[[[[]]]]"), three, ARENA, &value, NULL), -1);
    assert_int_equal(json_read(STR("[[],[],[],[[]]]"), three, ARENA, &value, NULL), 0);
    struct json_limits four = {.values = 4};
    assert_int_equal(json_read(STR("[1,2,3]"), four, ARENA, &value, NULL), 0);
    assert_int_equal(json_read(STR("[1,2,3,4]"), four, ARENA, &value, &err), -1);
    assert_string_equal(err.message, "JSON, line 1, column 8: expected fewer values, found '4'");
    char levels[130];
    memset(levels, '[', 65);
    memset(levels + 65, ']', 65);
    assert_int_equal(json_read((struct str){levels, 130}, (struct json_limits){0}, ARENA, &value, NULL), -1);
    assert_int_equal(json_read((struct str){levels + 1, 128}, (struct json_limits){0}, ARENA, &value, NULL), 0);
}

ARENA_TEST(strings_hold_any_character_also_nul)
{
    struct json value = read_good(ARENA, STR("\"a\\u0000b\\ud83d\\ude00\\u00e6\\/\\b\\f\\n\\r\\t\\\"\\\\\x7f\""));
    struct str expected = STR("a\0b\xf0\x9f\x98\x80\xc3\xa6/\b\f\n\r\t\"\\\x7f");
    assert_true(str_eq(value.u.string, expected));
    assert_int_equal(value.u.string.p[value.u.string.n], '\0');
    assert_string_equal(json_text(ARENA, &value).p,
                        "\"a\\u0000b\xf0\x9f\x98\x80\xc3\xa6/\\u0008\\u000c\\n\\r\\t\\\"\\\\\\u007f\"");
}

ARENA_TEST(bytes_that_are_no_utf8_are_written_as_the_replacement_character)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    json_write_string(&out, STR("a\xff\xc3z\xed\xa0\x80"));
    assert_string_equal(out.data, "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    (void)read_good(ARENA, strbuf_str(&out));
    strbuf_reset(&out);
    json_write_string(&out, (struct str){0});
    assert_string_equal(out.data, "\"\"");
    strbuf_clear(&out);
}

ARENA_TEST(duplicate_keys_are_found_among_few_and_among_many)
{
    static const size_t counts[] = {2, 15, 16, 17, 18, 63, 64, 65, 66, 1000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (size_t twice = 0; twice < counts[c]; twice += counts[c] / 7 + 1) {
            struct strbuf text;
            struct json value;
            strbuf_init(&text, 1 << 20);
            strbuf_add_byte(&text, '{');
            for (size_t i = 0; i < counts[c]; i++) {
                strbuf_printf(&text, "%s\"key%zu\":%zu", i == 0 ? "" : ",", i, i);
            }
            size_t unique = text.length;
            strbuf_add_byte(&text, '}');
            value = read_good(ARENA, strbuf_str(&text));
            assert_int_equal(value.u.object.count, counts[c]);
            assert_int_equal(json_get_int(&value, arena_printf(ARENA, "key%zu", twice), -1), twice);
            strbuf_truncate(&text, unique);
            strbuf_printf(&text, ",\"key%zu\":0}", twice);
            assert_int_equal(json_read(strbuf_str(&text), (struct json_limits){0}, ARENA, &value, NULL), -1);
            strbuf_clear(&text);
        }
    }
    struct json value = read_good(ARENA, STR("{\"a\":1,\"A\":2,\"\":3,\"a\\u0000\":4}"));
    assert_int_equal(value.u.object.count, 4);
    assert_int_equal(json_read(STR("{\"a\":1,\"\\u0061\":2}"), (struct json_limits){0}, ARENA, &value, NULL), -1);
}

ARENA_TEST(the_canonical_text_does_not_depend_on_the_order_of_keys)
{
    struct json a = read_good(ARENA, STR("{\"b\":[1,{\"z\":null,\"y\":1.5}],\"a\":\"\",\"B\":true,\"ab\":{}}"));
    struct json b =
        read_good(ARENA, STR(" { \"ab\" : {} , \"B\":true,\"a\":\"\",\"b\":[1,{\"y\":15e-1,\"z\":null}] } "));
    const char *text = "{\"B\":true,\"a\":\"\",\"ab\":{},\"b\":[1,{\"y\":1.5,\"z\":null}]}";
    assert_string_equal(text_of(ARENA, &a, json_write_canonical), text);
    assert_string_equal(text_of(ARENA, &b, json_write_canonical), text);
    assert_true(json_equal(&a, &b));
    assert_string_equal(json_text(ARENA, &a).p, "{\"b\":[1,{\"z\":null,\"y\":1.5}],\"a\":\"\",\"B\":true,\"ab\":{}}");
}

ARENA_TEST(the_pretty_text_is_indented_by_two_and_keeps_the_order)
{
    struct json value = read_good(ARENA, STR("{\"b\":[1,{\"z\":null}],\"a\":{},\"c\":[]}"));
    assert_string_equal(text_of(ARENA, &value, json_write_pretty),
                        "{\n  \"b\": [\n    1,\n    {\n      \"z\": null\n    }\n  ],\n  \"a\": {},\n  \"c\": []\n}");
}

ARENA_TEST(containers_grow_and_a_key_is_replaced_in_its_place)
{
    struct json list = json_array();
    struct json map = json_object();
    for (int i = 0; i < 1000; i++) {
        json_push(ARENA, &list, json_int(i));
        json_set(ARENA, &map, arena_printf(ARENA, "k%d", i), json_int(i));
    }
    json_set(ARENA, &map, "k500", json_cstring(ARENA, "here"));
    assert_int_equal(list.u.array.count, 1000);
    assert_int_equal(map.u.object.count, 1000);
    assert_int_equal(list.u.array.items[999].u.integer, 999);
    assert_true(str_is(map.u.object.members[500].value.u.string, "here"));
    struct json copy = json_copy(ARENA, &map);
    assert_true(json_equal(&copy, &map));
    json_set(ARENA, &copy, "k0", json_null());
    assert_false(json_equal(&copy, &map));
    assert_int_equal(json_get_int(&map, "k0", -1), 0);
}

ARENA_TEST(reading_a_record_falls_back_on_the_default)
{
    struct json map = read_good(ARENA, STR("{\"t\":\"x\",\"i\":7,\"d\":2.5,\"b\":true,\"n\":null}"));
    assert_string_equal(json_get_text(&map, "t", "no"), "x");
    assert_string_equal(json_get_text(&map, "i", "no"), "no");
    assert_null(json_get_text(&map, "absent", NULL));
    assert_int_equal(json_get_int(&map, "i", 1), 7);
    assert_int_equal(json_get_int(&map, "d", 1), 1);
    assert_true(json_get_number(&map, "d", 1) == 2.5);
    assert_true(json_get_number(&map, "i", 1) == 7);
    assert_true(json_get_number(&map, "t", 1) == 1);
    assert_true(json_get_bool(&map, "b", false));
    assert_true(json_get_bool(&map, "n", true));
    assert_null(json_get(NULL, "t"));
    assert_null(json_get(json_get(&map, "t"), "t"));
}

ARENA_TEST(values_are_equal_by_type_and_value)
{
    static const char *const classes[][3] = {
        {"null"}, {"true"}, {"false"}, {"1", "1.0", "10e-1"}, {"0", "-0", "0.0"}, {"\"1\""}, {"\"\""}, {"[]"}, {"{}"},
        {"[1]", "[1.0]"}, {"[1,2]"}, {"[2,1]"}, {"{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}"}, {"{\"a\":1}"},
        {"{\"a\":1,\"c\":2}"}, {"[null]"},
    };
    size_t count = sizeof classes / sizeof *classes;
    for (size_t i = 0; i < count * 3; i++) {
        for (size_t j = 0; j < count * 3; j++) {
            if (classes[i / 3][i % 3] == NULL || classes[j / 3][j % 3] == NULL) {
                continue;
            }
            struct json a = read_good(ARENA, str_from(classes[i / 3][i % 3]));
            struct json b = read_good(ARENA, str_from(classes[j / 3][j % 3]));
            assert_int_equal(json_equal(&a, &b), i / 3 == j / 3);
        }
    }
}

/* Of up to twenty digits, with the point anywhere and an exponent around where doubles stop being exact. */
static size_t make_decimal(struct rng *rng, char *room)
{
    size_t n = 0;
    size_t digits = 1 + rng_below(rng, 20);
    size_t point = rng_below(rng, 3) == 0 ? digits : rng_below(rng, digits);
    if (rng_below(rng, 3) == 0) {
        room[n++] = '-';
    }
    for (size_t i = 0; i < digits; i++) {
        bool leading = i == 0 && point > 0;
        room[n++] = (char)('0' + (leading ? 1 + rng_below(rng, 9) : rng_below(rng, 4) == 0 ? 0 : rng_below(rng, 10)));
        if (i == point) {
            room[n++] = '.';
            room[n++] = '0';
        }
    }
    if (rng_below(rng, 2) == 0) {
        n += (size_t)snprintf(room + n, 8, "e%d", (int)rng_below(rng, 60) - 30);
    }
    room[n] = '\0';
    return n;
}

ARENA_TEST(a_decimal_is_the_double_that_is_nearest_to_it)
{
    struct rng rng;
    rng_seed(&rng, 11);
    for (int i = 0; i < 200000; i++) {
        char room[64];
        size_t n = make_decimal(&rng, room);
        struct json value = read_good(ARENA, (struct str){room, n});
        double read = value.type == JSON_INT ? (double)value.u.integer : value.u.number;
        double nearest = strtod(room, NULL);
        if (memcmp(&read, &nearest, sizeof read) != 0) {
            fail_msg("%s was read as %.17g", room, read);
        }
    }
}

ARENA_TEST(in_place_a_text_becomes_its_strings)
{
    char room[] = "{\"key\": \"a\\u0041\", \"plain\": [\"b\", \"\"]}";
    struct json value;
    struct str text = {room, sizeof room - 1};
    assert_int_equal(json_read(text, (struct json_limits){.in_place = true}, ARENA, &value, NULL), 0);
    assert_string_equal(json_get_text(&value, "key", ""), "aA");
    const struct json *plain = json_get(&value, "plain");
    assert_string_equal(plain->u.array.items[0].u.string.p, "b");
    assert_string_equal(plain->u.array.items[1].u.string.p, "");
    assert_true(plain->u.array.items[0].u.string.p > room && plain->u.array.items[0].u.string.p < room + sizeof room);
}

ARENA_TEST(types_have_names_for_messages)
{
    assert_string_equal(json_type_name(JSON_NULL), "null");
    assert_string_equal(json_type_name(JSON_INT), "an integer");
    assert_string_equal(json_type_name(JSON_OBJECT), "a map");
}

TESTS(ARENA_RUN(a_refusal_names_line_and_column_what_was_expected_and_what_was_found),
      ARENA_RUN(integers_stay_integers_while_they_fit), ARENA_RUN(a_number_has_at_most_400_bytes),
      RUN(any_double_is_written_so_that_it_reads_back_to_the_same_bits),
      ARENA_RUN(what_is_no_number_is_written_as_mlflow_writes_it),
      ARENA_RUN(a_file_of_metrics_may_hold_the_bare_words_of_python),
      ARENA_RUN(depth_and_values_are_bounded),
      ARENA_RUN(strings_hold_any_character_also_nul),
      ARENA_RUN(bytes_that_are_no_utf8_are_written_as_the_replacement_character),
      ARENA_RUN(duplicate_keys_are_found_among_few_and_among_many),
      ARENA_RUN(the_canonical_text_does_not_depend_on_the_order_of_keys),
      ARENA_RUN(the_pretty_text_is_indented_by_two_and_keeps_the_order),
      ARENA_RUN(containers_grow_and_a_key_is_replaced_in_its_place),
      ARENA_RUN(reading_a_record_falls_back_on_the_default), ARENA_RUN(values_are_equal_by_type_and_value),
      ARENA_RUN(a_decimal_is_the_double_that_is_nearest_to_it), ARENA_RUN(in_place_a_text_becomes_its_strings),
      ARENA_RUN(types_have_names_for_messages))
