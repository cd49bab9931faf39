/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/params_fill.h"
#include "test.h"

#include <math.h>

#define PARAMS(P)                                                                                                      \
    P(STRING, text, "", "")                                                                                            \
    P(PATH, file, "", "")                                                                                              \
    P(BOOL, flag, "", "")                                                                                              \
    P(INT, count, "", "")                                                                                              \
    P(NUMBER, rate, "", "")                                                                                            \
    P(DURATION, span, "", "")                                                                                          \
    P(SIZE, room, "", "")                                                                                              \
    P(ANY, any, "", "")
#define OUTPUTS(O)

STEP_PARAMS_STRUCT(all_params, PARAMS);

static enum step_result run(const struct step_host *host, const void *params)
{
    (void)host;
    (void)params;
    return STEP_OK;
}

STEP_PLUGIN(all, "1.0", "Has one of each.", STEP_PLAIN, all_params, PARAMS, OUTPUTS, run)

struct world {
    struct arena *arena;
    const struct all_params *params;
    struct err err;
};

static struct world fill_from(const char *text)
{
    struct world w = {.arena = arena_new()};
    struct json value = json_null();
    void *filled = NULL;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, w.arena, &value, &w.err), 0);
    if (params_fill(sluice_step(), &value, "/work/space", w.arena, &filled, &w.err) == 0) {
        w.params = filled;
    }
    return w;
}

TEST(each_type_is_filled)
{
    struct world w =
        fill_from("{\"text\": \"t\", \"file\": \"a/b\", \"flag\": true, \"count\": -9223372036854775808, \"rate\": 2,"
                  " \"span\": 1500, \"room\": 8, \"any\": {\"k\": [1, \"x\"]}}");
    assert_non_null(w.params);
    assert_string_equal(w.params->text, "t");
    assert_string_equal(w.params->file, "/work/space/a/b");
    assert_true(w.params->flag);
    assert_true(w.params->count == INT64_MIN);
    assert_true(w.params->rate == 2.0);
    assert_true(w.params->span == 1500 && w.params->room == 8);
    const struct step_value *list = step_get(w.params->any, "k");
    assert_int_equal(list->type, STEP_TYPE_LIST);
    assert_int_equal(list->count, 2);
    assert_true(list->items[0].integer == 1 && list->items[0].number == 1.0);
    assert_string_equal(list->items[1].string, "x");
    arena_free(w.arena);
}

TEST(what_is_absent_or_null_is_the_types_nothing)
{
    static const char *const texts[] = {
        "{}", "null", "{\"text\": null, \"file\": null, \"flag\": null, \"count\": null, \"rate\": null}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct world w = fill_from(texts[i]);
        assert_non_null(w.params);
        assert_null(w.params->text);
        assert_null(w.params->file);
        assert_false(w.params->flag);
        assert_true(w.params->count == 0 && isnan(w.params->rate));
        assert_null(w.params->any);
        arena_free(w.arena);
    }
}

TEST(any_sees_a_null_that_was_written)
{
    struct world w = fill_from("{\"any\": null}");
    assert_non_null(w.params->any);
    assert_int_equal(w.params->any->type, STEP_TYPE_NULL);
    arena_free(w.arena);
}

TEST(paths_are_taken_below_the_workspace)
{
    static const char *const cases[][2] = {
        {"{\"file\": \"/abs/x\"}", "/abs/x"}, {"{\"file\": \"\"}", ""}, {"{\"file\": \"x\"}", "/work/space/x"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = fill_from(cases[i][0]);
        assert_string_equal(w.params->file, cases[i][1]);
        arena_free(w.arena);
    }
}

TEST(numbers_become_text_and_whole_numbers_integers)
{
    struct world w = fill_from("{\"text\": 12, \"count\": 3.0}");
    assert_string_equal(w.params->text, "12");
    assert_true(w.params->count == 3);
    arena_free(w.arena);
}

TEST(values_of_another_type_are_refused)
{
    static const struct {
        const char *json;
        const char *message;
    } cases[] = {
        {"[]", "'with': expected a map, found a list"},
        {"{\"text\": []}", "'text': expected text, found a list"},
        {"{\"text\": \"a\\u0000b\"}", "'text': its text holds a NUL"},
        {"{\"flag\": 1}", "'flag': expected true or false, found an integer"},
        {"{\"count\": 1.5}", "'count': expected an integer, found a number"},
        {"{\"count\": 1e300}", "'count': expected an integer, found a number"},
        {"{\"rate\": \"1\"}", "'rate': expected a number, found a string"},
        {"{\"span\": \"2h\"}", "'span': expected an integer, found a string"},
        {"{\"txt\": \"x\"}", "'txt': the plugin has no such input"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = fill_from(cases[i].json);
        assert_null(w.params);
        assert_string_equal(w.err.message, cases[i].message);
        arena_free(w.arena);
    }
}

TEST(slots_that_do_not_fit_are_refused)
{
    const struct step_param_slot bad[] = {
        {"x", STEP_PARAM_INT, 4, 8},
        {"x", STEP_PARAM_INT, SIZE_MAX - 3, 8},
        {"x", STEP_PARAM_INT, 0, 4},
        {"x", (enum step_param_type)99, 0, 8},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct step_descriptor descriptor = {.params_size = 8, .slots = &bad[i], .slot_count = 1};
        void *filled = NULL;
        assert_int_equal(params_fill(&descriptor, NULL, "/", arena, &filled, NULL), -1);
        assert_null(filled);
    }
    struct step_descriptor vast = {.params_size = SIZE_MAX};
    void *filled = NULL;
    assert_int_equal(params_fill(&vast, NULL, "/", arena, &filled, NULL), -1);
    arena_free(arena);
}

TESTS(RUN(each_type_is_filled), RUN(what_is_absent_or_null_is_the_types_nothing), RUN(any_sees_a_null_that_was_written),
      RUN(paths_are_taken_below_the_workspace), RUN(numbers_become_text_and_whole_numbers_integers),
      RUN(values_of_another_type_are_refused), RUN(slots_that_do_not_fit_are_refused))
