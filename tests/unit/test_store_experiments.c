/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiments.h"
#include "store/key_rules.h"
#include "store/runs.h"
#include "store/stmt.h"
#include "test.h"

#include <stdio.h>

static struct store *open_store(void)
{
    struct store *store = NULL;
    struct err err = {0};
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &store, &err), 0);
    return store;
}

static int64_t ensure(struct store *store, const char *name, int64_t now_ms)
{
    int64_t id = -1;
    struct err err = {0};
    assert_int_equal(store_experiment_ensure(store, name, now_ms, &id, &err), 0);
    return id;
}

static void delete_experiment(struct store *store, int64_t id)
{
    struct err err = {0};
    struct stmt *s = stmt_get(store, "UPDATE experiments SET deleted_ms = 9 WHERE id = :id");
    stmt_int(s, ":id", id);
    assert_int_equal(stmt_run_one(s, "deleting", &err), 0);
}

static void add_run(struct store *store, const char *run_id, int64_t experiment, int64_t start_ms)
{
    struct err err = {0};
    struct run_info run = {.run_id = run_id,
                           .experiment_id = experiment,
                           .name = "n",
                           .user = "u",
                           .start_ms = start_ms,
                           .artifact_uri = "/a"};
    assert_int_equal(store_run_create(store, &run, &err), 0);
}

TEST(a_new_store_has_the_experiment_default_with_id_0)
{
    struct store *store = open_store();
    struct arena *arena = arena_new();
    struct experiment experiment;
    assert_int_equal(store_experiment_get(store, 0, arena, &experiment, NULL), 0);
    assert_string_equal(experiment.name, "Default");
    assert_string_equal(experiment.artifact_location, "");
    assert_true(experiment.created_ms > 1600000000000);
    assert_int_equal(ensure(store, "Default", 5), 0);
    arena_free(arena);
    store_close(store);
}

TEST(an_experiment_is_made_once_and_found_again)
{
    struct store *store = open_store();
    struct arena *arena = arena_new();
    struct experiment experiment;
    int64_t id = ensure(store, "wine", 7000);
    assert_int_equal(id, 1);
    assert_int_equal(ensure(store, "wine", 8000), 1);
    assert_int_equal(ensure(store, "Wine", 8000), 2);
    assert_int_equal(store_experiment_get(store, id, arena, &experiment, NULL), 0);
    assert_string_equal(experiment.name, "wine");
    assert_int_equal(experiment.created_ms, 7000);
    assert_int_equal(experiment.updated_ms, 7000);
    assert_false(experiment.deleted);
    arena_free(arena);
    store_close(store);
}

TEST(an_unknown_experiment_is_not_found_in_mlflows_words)
{
    struct store *store = open_store();
    struct arena *arena = arena_new();
    struct experiment experiment;
    struct err err = {0};
    assert_int_equal(store_experiment_get(store, 99, arena, &experiment, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "No Experiment with id=99 exists");
    arena_free(arena);
    store_close(store);
}

TEST(names_have_1_to_500_characters_not_bytes)
{
    static const struct {
        size_t characters;
        const char *character;
        int result;
    } cases[] = {{0, "a", -1},         {1, "a", 0},           {500, "a", 0},  {501, "a", -1},
                 {500, "\xc3\xa9", 0}, {501, "\xc3\xa9", -1}, {1, "\xff", -1}};
    struct store *store = open_store();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[1100] = "";
        size_t width = strlen(cases[i].character);
        for (size_t n = 0; n < cases[i].characters; n++) {
            memcpy(name + n * width, cases[i].character, width + 1);
        }
        struct err err = {0};
        int64_t id = -1;
        assert_int_equal(store_experiment_ensure(store, name, 1, &id, &err), cases[i].result);
        assert_int_equal(err.code, cases[i].result < 0 ? ERR_INPUT : ERR_NONE);
        if (cases[i].result < 0) {
            assert_int_equal(id, -1);
        }
    }
    struct err err = {0};
    int64_t id = -1;
    assert_int_equal(store_experiment_ensure(store, "", 1, &id, &err), -1);
    assert_string_equal(err.message, "Invalid experiment name: ''");
    store_close(store);
}

TEST(a_deleted_experiment_keeps_its_name_and_takes_nothing_more)
{
    struct store *store = open_store();
    int64_t id = ensure(store, "old", 1);
    delete_experiment(store, id);
    int64_t again = -1;
    struct err err = {0};
    assert_int_equal(store_experiment_ensure(store, "old", 2, &again, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    err_clear(&err);
    assert_int_equal(store_experiment_set_tag(store, id, "k", "v", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, "The experiment 1 must be in the 'active' state. Current state is deleted.");
    err_clear(&err);
    struct run_info run = {.run_id = "r1", .experiment_id = id, .name = "n", .user = "u", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(store, &run, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    store_close(store);
}

TEST(the_list_has_the_newest_use_first_and_no_deleted_ones)
{
    struct store *store = open_store();
    struct arena *arena = arena_new();
    struct experiment *list = NULL;
    size_t count = 0;
    const int64_t late_ms = 9000000000000;
    int64_t first = ensure(store, "first", late_ms);
    int64_t second = ensure(store, "second", late_ms + 1);
    int64_t twin = ensure(store, "twin", late_ms + 1);
    delete_experiment(store, ensure(store, "gone", late_ms + 2));
    add_run(store, "a", first, late_ms + 10);
    add_run(store, "b", first, late_ms + 11);
    assert_int_equal(store_experiment_list(store, arena, &list, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_int_equal(list[0].id, first);
    assert_int_equal(list[0].run_count, 2);
    assert_int_equal(list[1].id, twin);
    assert_int_equal(list[1].run_count, 0);
    assert_int_equal(list[2].id, second);
    assert_int_equal(list[3].id, 0);
    arena_free(arena);
    store_close(store);
}

TEST(a_tag_of_an_experiment_is_replaced_and_never_cut)
{
    struct store *store = open_store();
    struct arena *arena = arena_new();
    struct err err = {0};
    char value[20002];
    memset(value, 'x', sizeof value);
    value[20001] = '\0';
    assert_int_equal(store_experiment_set_tag(store, 0, "k", "old", &err), 0);
    assert_int_equal(store_experiment_set_tag(store, 0, "k", value + 1, &err), 0);
    assert_int_equal(store_experiment_set_tag(store, 0, "k", value, &err), -1);
    assert_string_equal(err.message, "'value' exceeds the maximum length of 20000 characters");
    err_clear(&err);
    assert_int_equal(store_experiment_set_tag(store, 42, "k", "v", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    struct stmt *s = stmt_get(store, "SELECT value FROM experiment_tags WHERE experiment_id = 0 AND key = 'k'");
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_string_equal(stmt_column_text(s, 0, arena), value + 1);
    stmt_done(s);
    arena_free(arena);
    store_close(store);
}

TEST(keys_are_paths_in_normal_form)
{
    static const struct {
        const char *key;
        const char *resolves; /* in the message; NULL: the key is fine */
    } cases[] = {
        {"accuracy", NULL}, {"a/b c:d-e_f.g", NULL},
        {"a..b", NULL},     {".hidden", NULL},
        {"", "."},          {".", "."},
        {"..", ".."},       {"...", "..."},
        {"../a", "../a"},   {"a/../b", "b"},
        {"a//b", "a/b"},    {"a/", "a"},
        {"./a", "a"},       {"/a", "/a"},
        {"a/.", "a"},       {"..a", "..a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        char expected[512] = "";
        if (cases[i].resolves != NULL) {
            (void)snprintf(
                expected, sizeof expected,
                "Invalid value \"%s\" for parameter 'key' supplied: Names may be treated as files in certain "
                "cases, and must not resolve to other names when treated as such. This name would resolve "
                "to '%s'",
                cases[i].key, cases[i].resolves);
        }
        assert_int_equal(key_check("key", cases[i].key, &err), *expected == '\0' ? 0 : -1);
        assert_string_equal(err.message, expected);
    }
}

TEST(keys_are_words_in_any_script_and_refusals_are_one_line)
{
    static const struct {
        const char *key;
        const char *shown; /* in the message; NULL: the key is fine */
    } cases[] = {
        {"r\xc3\xa9gression", NULL},
        {"\xe6\xb8\xa9\xe5\xba\xa6", NULL},
        {"\xc2\xbd", NULL},
        {"\xf0\x9d\x9f\x98", NULL},
        {"a*b", "a*b"},
        {"a\nb", "a\\nb"},
        {"a\"b", "a\\\"b"},
        {"\xff", "\\ufffd"},
        {"\xe2\x82\xac", "\\u20ac"},
        {"\xf0\x9f\x98\x80", "\\ud83d\\ude00"},
        {"a\xcc\x81", "a\\u0301"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        char expected[512] = "";
        if (cases[i].shown != NULL) {
            (void)snprintf(expected, sizeof expected,
                           "Invalid value \"%s\" for parameter 'key' supplied: Names may only contain alphanumerics, "
                           "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
                           cases[i].shown);
        }
        assert_int_equal(key_check("key", cases[i].key, &err), *expected == '\0' ? 0 : -1);
        assert_string_equal(err.message, expected);
    }
}

TEST(a_value_is_cut_between_characters)
{
    assert_int_equal(value_cut("h\xc3\xa9llo", 2).n, 3);
    assert_int_equal(value_cut("h\xc3\xa9llo", 9).n, 6);
    assert_int_equal(value_cut("\xff\xfe"
                               "a",
                               2)
                         .n,
                     2);
    assert_int_equal(value_cut(NULL, 2).n, 0);
}

TESTS(RUN(a_new_store_has_the_experiment_default_with_id_0), RUN(an_experiment_is_made_once_and_found_again),
      RUN(an_unknown_experiment_is_not_found_in_mlflows_words), RUN(names_have_1_to_500_characters_not_bytes),
      RUN(a_deleted_experiment_keeps_its_name_and_takes_nothing_more),
      RUN(the_list_has_the_newest_use_first_and_no_deleted_ones), RUN(a_tag_of_an_experiment_is_replaced_and_never_cut),
      RUN(keys_are_paths_in_normal_form), RUN(keys_are_words_in_any_script_and_refusals_are_one_line),
      RUN(a_value_is_cut_between_characters))
