/* SPDX-License-Identifier: Apache-2.0
 * What differs between two configurations.
 */
#include "config/difference.h"

#include "test.h"

static const struct {
    const char *before, *after, *words;
} cases[] = {
    {"{}", "{}", "nothing"},
    {"{\"a\":1}", "{\"a\":1.0}", "nothing"},
    {"{}", "{\"pools\":{\"w\":1}}", "added pools"},
    {"{\"pools\":{\"w\":1}}", "{}", "removed pools"},
    {"{\"pools\":{\"w\":1,\"x\":2}}", "{\"pools\":{\"w\":2,\"y\":2}}",
     "added pools.y; changed pools.w; removed pools.x"},
    {"{\"gc\":{\"logs\":{\"keep_last\":1}}}", "{\"gc\":{\"logs\":{\"keep_last\":2}}}", "changed gc.logs"},
    {"{\"a\":[1,2]}", "{\"a\":[2,1]}", "changed a"},
    {"{\"a\":{\"b\":1}}", "{\"a\":3}", "changed a"},
    {"{\"a\":1,\"b\":1}", "{\"b\":2,\"c\":1}", "added c; changed b; removed a"},
    {"[]", "null", "nothing"},
};

TEST(keys_are_named_and_values_are_not)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json before, after;
        assert_int_equal(json_read(str_from(cases[i].before), (struct json_limits){0}, arena, &before, NULL), 0);
        assert_int_equal(json_read(str_from(cases[i].after), (struct json_limits){0}, arena, &after, NULL), 0);
        assert_string_equal(config_difference(&before, &after, arena), cases[i].words);
    }
    arena_free(arena);
}

TEST(many_keys_are_cut_short)
{
    struct arena *arena = arena_new();
    struct json before = json_object();
    struct json after = json_object();
    for (int i = 0; i < 1000; i++) {
        json_add(arena, &after, arena_printf(arena, "k%d", i), json_int(i));
    }
    const char *words = config_difference(&before, &after, arena);
    assert_non_null(strstr(words, "added k0, k1, "));
    assert_non_null(strstr(words, "k39, ..."));
    assert_true(strlen(words) < 400);
    arena_free(arena);
}

TESTS(RUN(keys_are_named_and_values_are_not), RUN(many_keys_are_cut_short))
