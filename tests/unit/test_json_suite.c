/* SPDX-License-Identifier: Apache-2.0
 * JSONTestSuite: what RFC 8259 demands, and what it leaves to the reader.
 */
#include "base/json.h"

#include "json_suite.h"
#include "test.h"

#include <stdio.h>

/* Where the standard leaves the choice, these are read; every other i_ vector is refused: numbers beyond a double,
 * surrogates without their other half, bytes that are no UTF-8, a byte order mark, other encodings, 500 levels. */
static const char *const chosen[] = {
    "i_number_double_huge_neg_exp", "i_number_real_underflow",        "i_number_too_big_neg_int",
    "i_number_too_big_pos_int",     "i_number_very_big_negative_int",
};

/* The one place where the reader is stricter than the suite: RFC 8259 says that names SHOULD be unique, RFC 7493
 * (I-JSON) that they MUST. A key written twice is how a check and a use come to see two values. */
static const char *const stricter[] = {"y_object_duplicated_key", "y_object_duplicated_key_and_value"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_expected(const char *name)
{
    return name[0] == 'i' ? is_one_of(name, chosen, sizeof chosen / sizeof *chosen)
                          : name[0] == 'y' && !is_one_of(name, stricter, sizeof stricter / sizeof *stricter);
}

TEST(every_vector_of_the_suite_is_read_or_refused_as_it_must)
{
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < sizeof json_suite / sizeof *json_suite; i++) {
        struct arena *arena = arena_new();
        struct err err = {0};
        struct json value;
        /* An exact copy, so that a read past the end is seen. */
        char *copy = malloc(json_suite[i].text.n + 1);
        memcpy(copy, json_suite[i].text.p, json_suite[i].text.n);
        char *exact = realloc(copy, json_suite[i].text.n > 0 ? json_suite[i].text.n : 1);
        struct str text = {exact, json_suite[i].text.n};
        bool accepted = json_read(text, (struct json_limits){0}, arena, &value, &err) == 0;
        counts[accepted]++;
        if (accepted != is_expected(json_suite[i].name)) {
            fail_msg("%s was %s: %s", json_suite[i].name, accepted ? "read" : "refused", err.message);
        }
        assert_int_equal(accepted, err.code == ERR_NONE);
        struct json in_place;
        bool same = json_read(text, (struct json_limits){.in_place = true}, arena, &in_place, NULL) == 0;
        assert_int_equal(same, accepted);
        assert_true(!accepted || json_equal(&value, &in_place));
        free(exact);
        arena_free(arena);
    }
    assert_true(counts[true] > 90 && counts[false] > 180);
}

TEST(a_hundred_thousand_open_brackets_are_refused_at_the_limit)
{
    static const char *const pieces[] = {"[", "[{\"\":"};
    for (size_t p = 0; p < 2; p++) {
        struct strbuf text;
        struct arena *arena = arena_new();
        struct json value;
        struct err err = {0};
        strbuf_init(&text, 1 << 20);
        for (int i = 0; i < (p == 0 ? 100000 : 50000); i++) {
            strbuf_add_text(&text, pieces[p]);
        }
        assert_int_equal(json_read(strbuf_str(&text), (struct json_limits){0}, arena, &value, &err), -1);
        assert_non_null(strstr(err.message, "expected fewer levels of lists and maps"));
        strbuf_clear(&text);
        arena_free(arena);
    }
}

/* What was read is written, read, and written again: the same. Done for all that the suite lets through. */
TEST(what_was_read_is_written_and_read_again_the_same)
{
    for (size_t i = 0; i < sizeof json_suite / sizeof *json_suite; i++) {
        struct arena *arena = arena_new();
        struct json value;
        struct json again;
        if (json_read(json_suite[i].text, (struct json_limits){0}, arena, &value, NULL) == 0) {
            struct str written = json_text(arena, &value);
            assert_int_equal(json_read(written, (struct json_limits){0}, arena, &again, NULL), 0);
            assert_true(json_equal(&value, &again));
            assert_true(str_eq(written, json_text(arena, &again)));
        }
        arena_free(arena);
    }
}

TESTS(RUN(every_vector_of_the_suite_is_read_or_refused_as_it_must),
      RUN(a_hundred_thousand_open_brackets_are_refused_at_the_limit),
      RUN(what_was_read_is_written_and_read_again_the_same))
