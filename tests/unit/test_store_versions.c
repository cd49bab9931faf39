/* SPDX-License-Identifier: Apache-2.0 */
#include "version_fixture.h"

TEST(a_registered_model_is_made_once)
{
    struct fixture f = open_empty();
    struct err err = {0};
    static const struct pair tags[] = {{"team", "a"}, {"team", "b"}};
    struct json map;
    assert_int_equal(store_registry_create(f.store, "wine", NULL, tags, 2, 100, NULL), 0);
    assert_string_equal(get_model(&f, "wine").description, "");
    assert_int_equal(get_model(&f, "wine").latest_version, 0);
    assert_int_equal(store_registered_tags(f.store, "wine", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"team\":\"b\"}");
    assert_string_equal(message(&f, store_registry_create(f.store, "wine", "", NULL, 0, 1, &err), &err, ERR_EXISTS),
                        "Registered Model (name=wine) already exists.");
    assert_string_equal(message(&f, store_registry_create(f.store, " ", "", NULL, 0, 1, &err), &err, ERR_INPUT),
                        "Missing value for required parameter 'name'.");
    assert_string_equal(message(&f, store_registry_create(f.store, "a/b", "", NULL, 0, 1, &err), &err, ERR_INPUT),
                        "Invalid model name 'a/b'. Names cannot contain '/' or ':'.");
    assert_int_equal(store_registry_describe(f.store, "wine", "red", 300, NULL), 0);
    assert_string_equal(get_model(&f, "wine").description, "red");
    assert_int_equal(get_model(&f, "wine").updated_ms, 300);
    assert_int_equal(store_registry_describe(f.store, "wine", NULL, 300, NULL), 0);
    assert_string_equal(get_model(&f, "wine").description, "");
    (void)message(&f, store_registry_describe(f.store, "beer", "x", 1, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(a_prompt_and_a_model_never_share_a_name)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    static const struct pair prompt[] = {{"mlflow.prompt.is_prompt", "true"}};
    assert_int_equal(store_registry_create(f.store, "it's", NULL, prompt, 1, 1, NULL), 0);
    assert_string_equal(message(&f, store_registry_create(f.store, "it's", NULL, prompt, 1, 1, &err), &err, ERR_EXISTS),
                        "Prompt (name=it's) already exists.");
    assert_string_equal(message(&f, store_registry_create(f.store, "it's", NULL, NULL, 0, 1, &err), &err, ERR_EXISTS),
                        "Tried to create a registered model with name \"it's\", but the name is already taken by a "
                        "prompt. MLflow does not allow creating a model and a prompt with the same name.");
    assert_non_null(
        strstr(message(&f, store_registry_create(f.store, "wine", NULL, prompt, 1, 1, &err), &err, ERR_EXISTS),
               "Tried to create a prompt with name 'wine', but the name is already taken by a registered model."));
    static const struct pair last_false[] = {{"mlflow.prompt.is_prompt", "true"}, {"mlflow.prompt.is_prompt", "no"}};
    static const struct pair upper[] = {{"x", "true"}, {"mlflow.prompt.is_prompt", "TRUE"}};
    assert_true(tags_are_of_prompt(prompt, 1));
    assert_true(tags_are_of_prompt(upper, 2));
    assert_false(tags_are_of_prompt(last_false, 2));
    assert_false(tags_are_of_prompt(NULL, 0));
    close_fixture(&f);
}

TEST(a_prompts_version_has_a_long_text_and_no_files)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    int64_t number = 0;
    char *long_text = arena_alloc(f.arena, 100002);
    memset(long_text, 'a', 100001);
    struct pair tags[] = {{"mlflow.prompt.is_prompt", "true"}, {"mlflow.prompt.text", long_text}};
    struct model_version version = {.name = "wine", .source = "dummy-source"};
    assert_string_equal(message(&f, store_version_create(f.store, &version, true, tags, 2, NULL, 1, &number, &err),
                                &err, ERR_INPUT),
                        "Prompt text exceeds max length of 100000 characters.");
    long_text[100000] = '\0';
    assert_int_equal(store_version_create(f.store, &version, true, tags, 2, NULL, 1, &number, NULL), 0);
    assert_int_equal(number, 1);
    assert_string_equal(get(&f, "wine", 1).storage_location, "");
    assert_string_equal(get(&f, "wine", 1).source, "dummy-source");
    close_fixture(&f);
}

TEST(a_registered_model_is_renamed_with_all_that_it_has)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct json map;
    (void)add_version(&f, (struct model_version){.description = "first"}, 100);
    (void)add_version(&f, (struct model_version){0}, 100);
    point(&f, "champion", 2);
    assert_int_equal(store_registered_tag(f.store, "wine", "team", "a", 1, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "k", "v", NULL, 1, NULL), 0);
    assert_int_equal(store_version_delete(f.store, "wine", 2, NULL, 150, NULL), 0);
    point(&f, "champion", 1);
    assert_int_equal(store_registry_rename(f.store, "wine", "port", NULL, 200, NULL), 0);
    assert_int_equal(get_model(&f, "port").updated_ms, 200);
    assert_int_equal(get_model(&f, "port").created_ms, 100);
    assert_string_equal(get_model(&f, "port").description, "of grapes");
    assert_string_equal(get(&f, "port", 1).description, "first");
    assert_int_equal(get(&f, "port", 1).created_ms, 100);
    assert_int_equal(get(&f, "port", 1).updated_ms, 200);
    assert_string_equal(aliases(&f, "port", 1), "champion;");
    assert_int_equal(store_registered_tags(f.store, "port", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"team\":\"a\"}");
    assert_int_equal(store_version_tags(f.store, "port", 1, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"k\":\"v\"}");
    assert_int_equal(add_version(&f, (struct model_version){.name = "port"}, 300), 3); /* 2 was deleted */
    (void)message(&f, store_registry_rename(f.store, "wine", "x", NULL, 1, &err), &err, ERR_NOT_FOUND);
    assert_int_equal(store_registry_create(f.store, "wine", NULL, NULL, 0, 1, NULL), 0);
    assert_string_equal(message(&f, store_registry_rename(f.store, "wine", "port", NULL, 1, &err), &err, ERR_EXISTS),
                        "Registered Model (name=port) already exists.");
    assert_string_equal(message(&f, store_registry_rename(f.store, "wine", " ", NULL, 1, &err), &err, ERR_INPUT),
                        "Missing value for required parameter 'new_name'.");
    assert_int_equal(store_registry_rename(f.store, "wine", "wine", NULL, 400, NULL), 0);
    assert_int_equal(get_model(&f, "wine").updated_ms, 400);
    close_fixture(&f);
}

TEST(a_deleted_registered_model_leaves_nothing)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    (void)add_version(&f, (struct model_version){0}, 100);
    point(&f, "champion", 1);
    point(&f, "other", 1);
    assert_int_equal(store_registered_tag(f.store, "wine", "team", "a", 1, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "k", "v", NULL, 1, NULL), 0);
    assert_int_equal(store_registry_delete(f.store, "wine", NULL, 200, NULL), 0);
    assert_int_equal(ask(&f, "SELECT (SELECT COUNT(*) FROM registered_models) + (SELECT COUNT(*) FROM model_versions) "
                             "+ (SELECT COUNT(*) FROM model_aliases) + (SELECT COUNT(*) FROM model_version_tags) + "
                             "(SELECT COUNT(*) FROM registered_model_tags)"),
                     0);
    assert_string_equal(message(&f, store_registry_delete(f.store, "wine", NULL, 1, &err), &err, ERR_NOT_FOUND),
                        "Registered Model with name=wine not found");
    assert_int_equal(store_registry_create(f.store, "wine", NULL, NULL, 0, 1, NULL), 0);
    assert_int_equal(add_version(&f, (struct model_version){0}, 300), 1);
    close_fixture(&f);
}

/* ---- versions ------------------------------------------------------------------------------------------------------
 * */

TEST(a_version_is_what_its_client_said)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    int64_t number = 0;
    static const struct pair tags[] = {{"k", "1"}, {"k", "2"}};
    struct model_version made = {.name = "wine",
                                 .source = "s3://bucket/m",
                                 .run_id = "r1",
                                 .user = "alice",
                                 .description = "d",
                                 .run_link = "http://x/1",
                                 .stage = "Production"};
    struct json map;
    assert_int_equal(store_version_create(f.store, &made, false, tags, 2, NULL, 200, &number, NULL), 0);
    assert_int_equal(number, 1);
    struct model_version version = get(&f, "wine", 1);
    assert_string_equal(version.source, "s3://bucket/m");
    assert_string_equal(version.storage_location, "s3://bucket/m");
    assert_string_equal(version.run_id, "r1");
    assert_string_equal(version.run_link, "http://x/1");
    assert_string_equal(version.stage, "None");
    assert_string_equal(version.status, "READY");
    assert_null(version.model_id);
    assert_int_equal(get_model(&f, "wine").updated_ms, 200);
    assert_int_equal(store_version_tags(f.store, "wine", 1, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"k\":\"2\"}");
    assert_int_equal(add_version(&f, (struct model_version){.run_id = ""}, 200), 2);
    assert_null(get(&f, "wine", 2).run_id);
    made.name = "beer";
    assert_string_equal(message(&f, store_version_create(f.store, &made, false, NULL, 0, NULL, 1, &number, &err),
                                &err, ERR_NOT_FOUND),
                        "Registered Model with name=beer not found");
    assert_int_equal(store_version_describe(f.store, "wine", 1, "better", 300, NULL), 0);
    assert_string_equal(get(&f, "wine", 1).description, "better");
    assert_int_equal(get(&f, "wine", 1).updated_ms, 300);
    (void)message(&f, store_version_describe(f.store, "wine", 9, "x", 1, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(a_logged_model_becomes_versions_and_knows_them)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct json map;
    struct model_version *versions = NULL;
    size_t count = 0;
    add_logged_model(&f, "m-1", "r1");
    assert_int_equal(store_registry_create(f.store, "beer", NULL, NULL, 0, 1, NULL), 0);
    assert_int_equal(add_version(&f, (struct model_version){.source = "models:/m-1", .model_id = "m-1"}, 1), 1);
    assert_int_equal(add_version(&f, (struct model_version){.model_id = "m-1"}, 1), 2);
    assert_int_equal(add_version(&f, (struct model_version){.name = "beer", .source = "models:/m-1"}, 1), 1);
    assert_string_equal(get(&f, "wine", 1).storage_location, "/models/m-1");
    assert_string_equal(get(&f, "wine", 1).run_id, "r1");
    assert_string_equal(get(&f, "wine", 2).storage_location, "s3://bucket/m");
    assert_string_equal(get(&f, "wine", 2).run_id, "r1");
    assert_string_equal(get(&f, "beer", 1).model_id, "m-1");
    assert_int_equal(store_model_tags(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(json_get_text(&map, "mlflow.modelVersions", ""),
                        "[{\"name\": \"wine\", \"version\": 1}, {\"name\": \"wine\", \"version\": 2}, "
                        "{\"name\": \"beer\", \"version\": 1}]");
    assert_int_equal(store_version_of_model(f.store, "m-1", f.arena, &versions, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(versions[0].name, "beer");
    assert_int_equal(store_version_delete(f.store, "wine", 1, NULL, 5, NULL), 0);
    assert_int_equal(store_version_of_model(f.store, "m-1", f.arena, &versions, &count, NULL), 0);
    assert_int_equal(count, 2);
    struct model_version unknown = {.name = "wine", .source = "models:/m-9"};
    int64_t number = 0;
    assert_string_equal(message(&f, store_version_create(f.store, &unknown, false, NULL, 0, NULL, 1, &number, &err),
                                &err, ERR_NOT_FOUND),
                        "Unable to fetch model from model URI source artifact location 'models:/m-9'.Error: Logged "
                        "model with ID 'm-9' not found.");
    /* A step registers one logged model once, whatever clients did. */
    bool existing = false;
    struct model_version again = {.model_id = "m-1", .source = "models:/m-1"};
    assert_int_equal(store_registry_register(f.store, "wine", &again, NULL, 0, NULL, 9, &number, &existing, NULL), 0);
    assert_true(existing);
    assert_int_equal(number, 2);
    close_fixture(&f);
}

TEST(a_version_of_a_version_has_its_lineage)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    int64_t number = 0;
    assert_int_equal(store_registry_create(f.store, "beer", NULL, NULL, 0, 1, NULL), 0);
    (void)add_version(&f, (struct model_version){.run_id = "r1"}, 1);
    (void)add_version(&f, (struct model_version){.run_id = "r2", .source = "s3://bucket/2"}, 1);
    point(&f, "champion", 1);
    assert_int_equal(store_stage_set(f.store, "wine", 1, "Staging", false, NULL, 1, NULL), 0);
    static const struct {
        const char *source;
        const char *becomes;
    } cases[] = {
        {"models:/wine/1", "models:/wine/1"},       {"models:/wine/2", "models:/wine/2"},
        {"models:/wine@champion", "models:/wine/1"}, {"models:/wine/staging", "models:/wine/1"},
        {"models:/wine/latest", "models:/wine/2"},  {"MODELS:/wine/1", "models:/wine/1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        number = add_version(&f, (struct model_version){.name = "beer", .source = cases[i].source}, 1);
        struct model_version version = get(&f, "beer", number);
        bool first = cases[i].becomes[13] == '1';
        assert_string_equal(version.source, cases[i].becomes);
        assert_string_equal(version.storage_location, first ? "s3://bucket/m" : "s3://bucket/2");
        assert_string_equal(version.run_id, first ? "r1" : "r2");
    }
    static const struct {
        const char *source, *run_id;
        enum err_code code;
        const char *error;
    } refused[] = {
        {"models:/wine/1", "r2", ERR_INPUT, "must match the referenced model version"},
        {"models:/wine/9", NULL, ERR_NOT_FOUND, "Model Version (name=wine, version=9) not found"},
        {"models:/cider/1", NULL, ERR_NOT_FOUND, "Registered Model with name=cider not found"},
        {"models:/wine@none", NULL, ERR_INPUT, "Registered model alias none not found."},
        {"models:/wine/Production", NULL, ERR_NOT_FOUND, "No versions of model with name 'wine'"},
        {"models:/wine/nowhere", NULL, ERR_INPUT, "Invalid Model Version stage: nowhere."},
        {"models:/wine/1/x", NULL, ERR_INPUT, "Invalid Model Version stage: 1/x."},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct model_version version = {.name = "beer", .source = refused[i].source, .run_id = refused[i].run_id};
        int result = store_version_create(f.store, &version, false, NULL, 0, NULL, 1, &number, &err);
        assert_non_null(strstr(message(&f, result, &err, refused[i].code), refused[i].error));
    }
    /* What was refused took no number. */
    assert_int_equal(add_version(&f, (struct model_version){.name = "beer"}, 1), 7);
    assert_int_equal(store_registered_tag(f.store, "wine", "mlflow.prompt.is_prompt", "true", 1, NULL), 0);
    struct model_version prompt = {.name = "beer", .source = "models:/wine/1"};
    assert_non_null(strstr(message(&f, store_version_create(f.store, &prompt, false, NULL, 0, NULL, 1, &number, &err),
                                   &err, ERR_INPUT),
                           "Prompt versions cannot be used as model version sources."));
    close_fixture(&f);
}

TESTS(RUN(a_registered_model_is_made_once), RUN(a_prompt_and_a_model_never_share_a_name),
      RUN(a_prompts_version_has_a_long_text_and_no_files), RUN(a_registered_model_is_renamed_with_all_that_it_has),
      RUN(a_deleted_registered_model_leaves_nothing), RUN(a_version_is_what_its_client_said),
      RUN(a_logged_model_becomes_versions_and_knows_them), RUN(a_version_of_a_version_has_its_lineage))
