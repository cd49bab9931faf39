/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"
#include "store/registry_names.h"
#include "store/stmt.h"
#include "store_fixture.h"

/* The version's number; negative when it was there already. */
static int64_t register_model(struct fixture *f, const char *name, const char *model_id, int64_t now_ms)
{
    struct model_version version = {.model_id = model_id, .source = "models:/m", .run_id = "r1", .user = "alice"};
    int64_t number = 0;
    bool existing = false;
    struct err err = {0};
    (void)store_registry_register(f->store, name, &version, NULL, 0, NULL, now_ms, &number, &existing, &err);
    assert_string_equal(err.message, "");
    return existing ? -number : number;
}

/* "" or the error; `*previous` is set on success. */
static const char *set_alias(struct fixture *f, const char *alias, int64_t version, int64_t expect, int64_t *previous)
{
    struct err err = {0};
    return store_alias_set(f->store, "wine", alias, version, expect, NULL, 5000, previous, &err) == 0
               ? ""
               : arena_strdup(f->arena, err_for_mlflow(&err));
}

static const char *aliases(struct fixture *f)
{
    struct json map;
    assert_int_equal(store_alias_list(f->store, "wine", f->arena, &map, NULL), 0);
    return json_text(f->arena, &map).p;
}

/* ---- names ---------------------------------------------------------------------------------------------- */

TEST(names_of_registered_models_keep_mlflows_rules)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        {"wine", true},   {"Wine 2024", true}, {"wine.quality_v1-a", true}, {"вино", true},
        {"", false},      {"  ", false},       {"a/b", false},              {"a:b", false},
        {"a$b (1)", true}, {NULL, false},       {"..", false},              {"a\nb", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        int result = registered_name_check(cases[i].name, &err);
        assert_int_equal(result, cases[i].good ? 0 : -1);
        assert_int_equal(err.code, cases[i].good ? ERR_NONE : ERR_INPUT);
    }
}

TEST(a_new_registered_model_is_nobodys_twin)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"wine", ""}, {"100% sure", ""}, {"a%", ""}, {"a%2", ""}, {"%2g", ""}, {"вино", ""},
        {"a/b", "Names cannot contain"},
        {"a%2Fb", "expected no byte in a URL's writing"},
        {"%% %66raud", "expected no byte in a URL's writing"},
        {"a\xe2\x88\x95" "b", "expected no character that looks like '/' or ':'"},
        {"a\xef\xbc\x9a", "expected no character that looks like '/' or ':'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        assert_int_equal(registered_name_check_new(cases[i].name, &err), *cases[i].words == '\0' ? 0 : -1);
        assert_true(strstr(err_for_mlflow(&err), cases[i].words) != NULL);
    }
    struct fixture f = open_empty();
    struct model_version version = {.source = "models:/m", .run_id = "r1", .user = "alice"};
    int64_t number = 0;
    bool existing = false;
    struct err err = {0};
    assert_int_equal(store_registry_register(f.store, "w%69ne", &version, NULL, 0, NULL, 1, &number, &existing, &err),
                     -1);
    assert_true(strstr(err.message, "in a URL's writing") != NULL);
    close_fixture(&f);
}

TEST(aliases_keep_mlflows_rules)
{
    char longest[257];
    memset(longest, 'a', sizeof longest);
    longest[255] = '\0';
    assert_int_equal(alias_check(longest, NULL), 0);
    longest[255] = 'a';
    longest[256] = '\0';
    assert_int_equal(alias_check(longest, NULL), -1);
    static const struct {
        const char *alias;
        bool good;
    } cases[] = {
        {"champion", true}, {"v", true},    {"v1a", true},     {"1", true},    {"a-b_C9", true}, {"version1", true},
        {"", false},        {NULL, false},  {"latest", false}, {"LaTeST", false}, {"v1", false}, {"V42", false},
        {"a b", false},     {"a.b", false}, {"ä", true},       {"a/b", false}, {"名前_1", true}, {"ä\n", false},
        {"ä b", false},     {"\xff", false}, {"a\xc3", false}, {"e\xcc\x81", false} /* a mark over it */,
        {"v\xef\xbc\x91", false} /* wide 1 */, {"\xef\xbc\xa0", false} /* wide @ */,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        int result = alias_check(cases[i].alias, &err);
        assert_int_equal(result, cases[i].good ? 0 : -1);
        assert_int_equal(err.code, cases[i].good ? ERR_NONE : ERR_INPUT);
    }
}

/* ---- versions ------------------------------------------------------------------------------------------- */

TEST(versions_are_numbered_by_name_and_a_model_is_one_version_of_a_name)
{
    struct fixture f = open_empty();
    assert_int_equal(register_model(&f, "wine", "m-1", 100), 1);
    assert_int_equal(register_model(&f, "wine", "m-2", 200), 2);
    assert_int_equal(register_model(&f, "wine", "m-1", 300), -1);
    assert_int_equal(register_model(&f, "beer", "m-1", 400), 1);
    assert_int_equal(register_model(&f, "wine", NULL, 500), 3); /* two versions of no logged model are two */
    assert_int_equal(register_model(&f, "wine", NULL, 600), 4);
    struct registered_model model;
    assert_int_equal(store_registry_get(f.store, "wine", f.arena, &model, NULL), 0);
    assert_int_equal(model.latest_version, 4);
    assert_int_equal(model.created_ms, 100);
    assert_int_equal(model.updated_ms, 600);
    close_fixture(&f);
}

TEST(a_number_is_not_given_twice)
{
    struct fixture f = open_empty();
    (void)register_model(&f, "wine", "m-1", 100);
    (void)register_model(&f, "wine", "m-2", 100);
    assert_int_equal(stmt_run(stmt_get(f.store, "DELETE FROM model_versions WHERE version = 2"), NULL), 1);
    assert_int_equal(register_model(&f, "wine", "m-3", 100), 3);
    close_fixture(&f);
}

TEST(a_version_is_read_as_it_was_made)
{
    struct fixture f = open_empty();
    struct model_version made = {.model_id = "m-1",
                                 .source = "models:/m-1",
                                 .run_id = "r1",
                                 .user = "alice",
                                 .description = "the first",
                                 .stage = "Staging"};
    struct model_version version;
    int64_t number = 0;
    bool existing = true;
    assert_int_equal(store_registry_register(f.store, "wine", &made, NULL, 0, NULL, 100, &number, &existing, NULL), 0);
    assert_false(existing);
    assert_int_equal(store_version_get(f.store, "wine", 1, f.arena, &version, NULL), 0);
    assert_string_equal(version.name, "wine");
    assert_string_equal(version.model_id, "m-1");
    assert_string_equal(version.source, "models:/m-1");
    assert_string_equal(version.run_id, "r1");
    assert_string_equal(version.user, "alice");
    assert_string_equal(version.description, "the first");
    assert_string_equal(version.stage, "Staging");
    assert_string_equal(version.status, "READY");
    assert_int_equal(version.created_ms, 100);
    close_fixture(&f);
}

TEST(what_is_not_registered_is_not_found_in_our_words_and_in_mlflows)
{
    struct fixture f = open_empty();
    struct registered_model model;
    struct model_version version;
    struct model_version *versions = NULL;
    size_t count = 0;
    struct err err = {0};
    assert_int_equal(store_registry_get(f.store, "wine", f.arena, &model, &err), -1);
    assert_string_equal(err.message, "there is no registered model 'wine'");
    assert_string_equal(err_for_mlflow(&err), "Registered Model with name=wine not found");
    (void)register_model(&f, "wine", "m-1", 100);
    err = (struct err){0};
    assert_int_equal(store_version_get(f.store, "wine", 2, f.arena, &version, &err), -1);
    assert_string_equal(err.message, "there is no version 2 of a registered model 'wine'");
    assert_string_equal(err_for_mlflow(&err), "Model Version (name=wine, version=2) not found");
    err = (struct err){0};
    assert_int_equal(store_version_list(f.store, "beer", f.arena, &versions, &count, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(store_registered_tag(f.store, "beer", "k", "v", 1, NULL), -1);
    err = (struct err){0};
    assert_int_equal(store_version_tag(f.store, "wine", 2, "k", "v", NULL, 1, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(lists_are_by_name_and_versions_newest_first)
{
    struct fixture f = open_empty();
    (void)register_model(&f, "wine", "m-1", 100);
    (void)register_model(&f, "wine", "m-2", 100);
    (void)register_model(&f, "beer", "m-3", 100);
    struct registered_model *models = NULL;
    struct model_version *versions = NULL;
    size_t count = 0;
    assert_int_equal(store_registry_list(f.store, f.arena, &models, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(models[0].name, "beer");
    assert_int_equal(models[1].latest_version, 2);
    assert_int_equal(store_version_list(f.store, "wine", f.arena, &versions, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(versions[0].version, 2);
    assert_int_equal(versions[1].version, 1);
    close_fixture(&f);
}

TEST(the_last_word_of_a_tag_counts_and_touches_what_it_is_on)
{
    struct fixture f = open_empty();
    struct json tags;
    struct model_version version;
    struct registered_model model;
    (void)register_model(&f, "wine", "m-1", 100);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "approved", "no", NULL, 200, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "approved", "yes", NULL, 300, NULL), 0);
    assert_int_equal(store_version_tags(f.store, "wine", 1, f.arena, &tags, NULL), 0);
    assert_string_equal(json_text(f.arena, &tags).p, "{\"approved\":\"yes\"}");
    assert_int_equal(store_version_get(f.store, "wine", 1, f.arena, &version, NULL), 0);
    assert_int_equal(version.updated_ms, 300);
    assert_int_equal(store_registered_tag(f.store, "wine", "team", "cellar", 400, NULL), 0);
    assert_int_equal(store_registry_get(f.store, "wine", f.arena, &model, NULL), 0);
    assert_int_equal(model.updated_ms, 400);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "a$b", "v", NULL, 500, NULL), -1);
    assert_int_equal(store_version_get(f.store, "wine", 1, f.arena, &version, NULL), 0);
    assert_int_equal(version.updated_ms, 300); /* what is refused touches nothing */
    close_fixture(&f);
}

/* ---- aliases ---------------------------------------------------------------------------------------------- */

TEST(an_alias_moves_only_from_where_it_is_expected)
{
    struct fixture f = open_empty();
    for (int i = 1; i <= 3; i++) {
        (void)register_model(&f, "wine", arena_printf(f.arena, "m-%d", i), 100);
    }
    static const struct {
        int64_t version, expect, previous;
        const char *error;
        const char *after;
    } steps[] = {
        {1, 2, 0, "expected at version 2, but it points to none", "{}"},
        {1, 0, 0, "", "{\"champion\":1}"},
        {2, 0, 0, "expected not to exist, but it points to version 1", "{\"champion\":1}"},
        {2, 3, 0, "expected at version 3, but it points to version 1", "{\"champion\":1}"},
        {2, 1, 1, "", "{\"champion\":2}"},
        {2, 2, 2, "", "{\"champion\":2}"}, /* where it is already */
        {3, -1, 2, "", "{\"champion\":3}"},
        {4, -1, 0, "Model Version (name=wine, version=4) not found", "{\"champion\":3}"},
        {0, 2, 0, "expected at version 2, but it points to version 3", "{\"champion\":3}"},
        {0, 3, 3, "", "{}"}, /* 0 takes it away */
        {0, -1, 0, "", "{}"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int64_t previous = -1;
        const char *error = set_alias(&f, "champion", steps[i].version, steps[i].expect, &previous);
        if (*steps[i].error == '\0') {
            assert_string_equal(error, "");
            assert_int_equal(previous, steps[i].previous);
        } else {
            assert_non_null(strstr(error, steps[i].error));
        }
        assert_string_equal(aliases(&f), steps[i].after);
    }
    close_fixture(&f);
}

TEST(aliases_of_two_models_and_two_names_are_apart)
{
    struct fixture f = open_empty();
    int64_t previous = 0;
    int64_t version = -1;
    (void)register_model(&f, "wine", "m-1", 100);
    (void)register_model(&f, "wine", "m-2", 100);
    (void)register_model(&f, "beer", "m-1", 100);
    assert_string_equal(set_alias(&f, "champion", 1, -1, &previous), "");
    assert_string_equal(set_alias(&f, "Champion", 2, 0, &previous), "");
    assert_int_equal(store_alias_set(f.store, "beer", "champion", 1, 0, NULL, 1, &previous, NULL), 0);
    assert_string_equal(aliases(&f), "{\"Champion\":2,\"champion\":1}");
    assert_int_equal(store_alias_get(f.store, "beer", "champion", &version, NULL), 0);
    assert_int_equal(version, 1);
    assert_int_equal(store_alias_get(f.store, "cider", "champion", &version, NULL), 0);
    assert_int_equal(version, 0);
    close_fixture(&f);
}

TEST(a_version_that_an_alias_points_to_cannot_be_removed)
{
    struct fixture f = open_empty();
    int64_t previous = 0;
    struct err err = {0};
    (void)register_model(&f, "wine", "m-1", 100);
    assert_string_equal(set_alias(&f, "champion", 1, -1, &previous), "");
    assert_int_equal(stmt_run(stmt_get(f.store, "DELETE FROM model_versions"), &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    close_fixture(&f);
}

TESTS(RUN(names_of_registered_models_keep_mlflows_rules), RUN(a_new_registered_model_is_nobodys_twin),
      RUN(aliases_keep_mlflows_rules),
      RUN(versions_are_numbered_by_name_and_a_model_is_one_version_of_a_name), RUN(a_number_is_not_given_twice),
      RUN(a_version_is_read_as_it_was_made), RUN(what_is_not_registered_is_not_found_in_our_words_and_in_mlflows),
      RUN(lists_are_by_name_and_versions_newest_first),
      RUN(the_last_word_of_a_tag_counts_and_touches_what_it_is_on),
      RUN(an_alias_moves_only_from_where_it_is_expected), RUN(aliases_of_two_models_and_two_names_are_apart),
      RUN(a_version_that_an_alias_points_to_cannot_be_removed))
