/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_names.h"
#include "test.h"

#include "base/arena.h"

static bool is_key(const char *key)
{
    struct err err = {0};
    bool good = step_key_check("metric", str_from(key), &err) == 0;
    assert_int_equal(good, err.message[0] == '\0');
    return good;
}

/* `count` times `piece`. */
static const char *repeated(struct arena *arena, const char *piece, size_t count)
{
    size_t size = strlen(piece);
    char *text = arena_alloc(arena, size * count + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * size, piece, size);
    }
    return text;
}

TEST(a_key_is_made_of_what_mlflow_takes)
{
    static const char *const good[] = {"loss",
                                       "val/loss",
                                       "a.b-c_d e:f",
                                       "0",
                                       "verlust_gr\303\266\303\237e",
                                       "\346\220\215\345\244\261",
                                       "..a",
                                       "a..b",
                                       "\320\277\320\276\321\202\320\265\321\200\320\270"};
    static const char *const bad[] = {
        "", "a*b", "a\nb", "a\tb", "a,b", "a=b", "a\"b", "a\\b", "caf\351", "\360\237\230\200", "a\342\200\213b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(is_key(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(is_key(bad[i]));
    }
}

TEST(a_key_is_a_path_that_stays)
{
    static const char *const bad[] = {"/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(is_key(bad[i]));
    }
    struct err err = {0};
    assert_int_equal(step_key_check("tag", STR("../up"), &err), -1);
    assert_string_equal(err.message,
                        "tag key '../up': read as a path it must be relative, without '.', '..' or empty parts");
}

TEST(a_key_has_at_most_250_characters_not_bytes)
{
    struct arena *arena = arena_new();
    assert_true(is_key(repeated(arena, "\303\266", 250)));
    assert_false(is_key(repeated(arena, "\303\266", 251)));
    assert_false(is_key(repeated(arena, "a", 251)));
    arena_free(arena);
}

TEST(a_key_with_a_nul_is_refused)
{
    struct err err = {0};
    assert_int_equal(step_key_check("param", (struct str){"a\0b", 3}, &err), -1);
    assert_int_equal(step_key_check("param", (struct str){NULL, 0}, NULL), -1);
}

TEST(a_value_is_text_of_bounded_length)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    assert_int_equal(step_text_check("param", STR("k"), STR(""), STEP_PARAM_MAX, &err), 0);
    assert_int_equal(step_text_check("param", STR("k"), STR("any\n*text*"), STEP_PARAM_MAX, &err), 0);
    assert_int_equal(
        step_text_check("param", STR("k"), str_from(repeated(arena, "\303\266", 6000)), STEP_PARAM_MAX, &err), 0);
    assert_int_equal(step_text_check("param", STR("k"), str_from(repeated(arena, "x", 6001)), STEP_PARAM_MAX, &err),
                     -1);
    assert_string_equal(err.message, "param 'k': its value has 6001 characters: expected at most 6000");
    err_clear(&err);
    assert_int_equal(step_text_check("tag", STR("k"), STR("\xff"), STEP_TAG_MAX, &err), -1);
    assert_string_equal(err.message, "tag 'k': its value is not UTF-8 text");
    assert_int_equal(step_text_check("tag", STR("k"), (struct str){"a\0b", 3}, STEP_TAG_MAX, NULL), -1);
    arena_free(arena);
}

TEST(the_name_of_a_model_has_none_of_six_signs)
{
    static const char *const bad[] = {"", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b", "a\nb", "\xff"};
    assert_int_equal(step_model_name_check(STR("wine quality-1_\303\266"), NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(step_model_name_check(str_from(bad[i]), NULL), -1);
    }
}

TESTS(RUN(a_key_is_made_of_what_mlflow_takes), RUN(a_key_is_a_path_that_stays),
      RUN(a_key_has_at_most_250_characters_not_bytes), RUN(a_key_with_a_nul_is_refused),
      RUN(a_value_is_text_of_bounded_length), RUN(the_name_of_a_model_has_none_of_six_signs))
