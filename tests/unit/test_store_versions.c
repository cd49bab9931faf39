/* SPDX-License-Identifier: Apache-2.0
 * Registered models, versions and stages as MLflow's clients make, change and delete them; logged models too.
 */
#include "store/artifact_uri.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <time.h>

static const char *message(struct fixture *f, int result, struct err *err, enum err_code code)
{
    assert_int_equal(result, -1);
    assert_int_equal(err->code, code);
    const char *text = arena_strdup(f->arena, err->message);
    err_clear(err);
    return text;
}

static const char *text(struct fixture *f, struct json map)
{
    return json_text(f->arena, &map).p;
}

static int64_t ask(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t value = stmt_column_int(s, 0);
    stmt_done(s);
    return value;
}

static struct fixture open_with_model(void)
{
    struct fixture f = open_empty();
    assert_int_equal(store_registry_create(f.store, "wine", "of grapes", NULL, 0, 100, NULL), 0);
    return f;
}

static void add_logged_model(struct fixture *f, const char *model_id, const char *run_id)
{
    struct logged_model model = {.model_id = model_id,
                                 .name = "m",
                                 .artifact_uri = arena_printf(f->arena, "/models/%s", model_id),
                                 .source_run_id = run_id};
    assert_int_equal(store_model_create_tagged(f->store, &model, NULL, 0, NULL, 0, NULL), 0);
}

/* The number of the new version. */
static int64_t add_version(struct fixture *f, struct model_version version, int64_t now_ms)
{
    int64_t number = 0;
    struct err err = {0};
    version.name = version.name == NULL ? "wine" : version.name;
    version.source = version.source == NULL ? "s3://bucket/m" : version.source;
    (void)store_version_create(f->store, &version, false, NULL, 0, NULL, now_ms, &number, &err);
    assert_string_equal(err.message, "");
    return number;
}

static struct model_version get(struct fixture *f, const char *name, int64_t number)
{
    struct model_version version;
    struct err err = {0};
    (void)store_version_get(f->store, name, number, f->arena, &version, &err);
    assert_string_equal(err.message, "");
    return version;
}

static struct registered_model get_model(struct fixture *f, const char *name)
{
    struct registered_model model;
    assert_int_equal(store_registry_get(f->store, name, f->arena, &model, NULL), 0);
    return model;
}

static void point(struct fixture *f, const char *alias, int64_t version)
{
    int64_t previous = 0;
    assert_int_equal(store_alias_set(f->store, "wine", alias, version, -1, NULL, 1, &previous, NULL), 0);
}

static const char *aliases(struct fixture *f, const char *name, int64_t version)
{
    const char **list = NULL;
    size_t count = 0;
    const char *joined = "";
    assert_int_equal(store_version_aliases(f->store, name, version, f->arena, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        joined = arena_printf(f->arena, "%s%s;", joined, list[i]);
    }
    return joined;
}

/* ---- registered models --------------------------------------------------------------------------------------------
 * */

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
                                &err,
                                ERR_INPUT),
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
    assert_string_equal(message(&f, store_version_create(f.store, &made, false, NULL, 0, NULL, 1, &number, &err), &err,
                                ERR_NOT_FOUND),
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
                                &err,
                                ERR_NOT_FOUND),
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
                                   &err,
                                   ERR_INPUT),
                           "Prompt versions cannot be used as model version sources."));
    close_fixture(&f);
}

TEST(a_deleted_version_is_a_number_that_is_never_given_again)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version version;
    struct model_version *list = NULL;
    size_t count = 0;
    int64_t previous = 0;
    add_logged_model(&f, "m-1", "r1");
    (void)add_version(&f, (struct model_version){0}, 100);
    (void)add_version(&f, (struct model_version){.source = "models:/m-1", .user = "alice", .description = "d"}, 100);
    point(&f, "champion", 2);
    point(&f, "other", 1);
    assert_int_equal(store_version_delete(f.store, "wine", 2, NULL, 500, NULL), 0);
    assert_string_equal(message(&f, store_version_get(f.store, "wine", 2, f.arena, &version, &err), &err,
                                ERR_NOT_FOUND),
                        "Model Version (name=wine, version=2) not found");
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM model_versions WHERE version = 2 AND stage = 'Deleted_Internal' AND "
                             "source = 'REDACTED-SOURCE-PATH' AND run_id = 'REDACTED-RUN-ID' AND run_link = "
                             "'REDACTED-RUN-LINK' AND model_id IS NULL AND user = '' AND description = '' AND "
                             "storage_location = '' AND updated_ms = 500"),
                     1);
    assert_string_equal(aliases(&f, "wine", 1), "other;");
    assert_string_equal(aliases(&f, "wine", 2), "");
    assert_int_equal(get_model(&f, "wine").latest_version, 1);
    assert_int_equal(get_model(&f, "wine").updated_ms, 500);
    assert_int_equal(store_version_list(f.store, "wine", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 1);
    (void)message(&f, store_version_delete(f.store, "wine", 2, NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_tag(f.store, "wine", 2, "k", "v", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_delete_tag(f.store, "wine", 2, "k", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_describe(f.store, "wine", 2, "v", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_stage_set(f.store, "wine", 2, "Staging", false, NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_alias_set(f.store, "wine", "champion", 2, -1, NULL, 1, &previous, &err), &err,
                  ERR_NOT_FOUND);
    assert_int_equal(add_version(&f, (struct model_version){.source = "models:/m-1"}, 600), 3);
    close_fixture(&f);
}

TEST(a_stage_is_moved_and_with_it_whoever_was_there)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    for (int i = 0; i < 4; i++) {
        (void)add_version(&f, (struct model_version){0}, 100);
    }
    assert_int_equal(store_stage_set(f.store, "wine", 1, "production", false, NULL, 200, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 2, "PRODUCTION", false, NULL, 300, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 3, "Staging", false, NULL, 300, NULL), 0);
    assert_string_equal(get(&f, "wine", 1).stage, "Production");
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Production", true, NULL, 400, NULL), 0);
    assert_string_equal(get(&f, "wine", 1).stage, "Archived");
    assert_string_equal(get(&f, "wine", 2).stage, "Archived");
    assert_int_equal(get(&f, "wine", 2).updated_ms, 400);
    assert_string_equal(get(&f, "wine", 3).stage, "Staging");
    assert_string_equal(get(&f, "wine", 4).stage, "Production");
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Production", true, NULL, 500, NULL), 0); /* it stays there */
    assert_string_equal(get(&f, "wine", 4).stage, "Production");
    assert_int_equal(get_model(&f, "wine").updated_ms, 500);
    assert_string_equal(message(&f, store_stage_set(f.store, "wine", 1, "Nowhere", false, NULL, 1, &err), &err,
                                ERR_INPUT),
                        "Invalid Model Version stage: Nowhere. Value must be one of None, Staging, Production, "
                        "Archived.");
    assert_string_equal(message(&f, store_stage_set(f.store, "wine", 1, "none", true, NULL, 1, &err), &err, ERR_INPUT),
                        "Model version transition cannot archive existing model versions because 'none' is not an "
                        "Active stage. Valid stages are ['Staging', 'Production']");
    (void)message(&f, store_stage_set(f.store, "wine", 9, "Production", true, NULL, 1, &err), &err, ERR_NOT_FOUND);
    assert_string_equal(get(&f, "wine", 4).stage, "Production"); /* nothing was archived for it */
    (void)message(&f, store_stage_set(f.store, "wine", 1, "Deleted_Internal", false, NULL, 1, &err), &err, ERR_INPUT);
    close_fixture(&f);
}

TEST(the_latest_of_each_stage_is_the_highest)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version *list = NULL;
    size_t count = 0;
    for (int i = 0; i < 5; i++) {
        (void)add_version(&f, (struct model_version){0}, 100);
    }
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 5);
    assert_int_equal(store_stage_set(f.store, "wine", 1, "Staging", false, NULL, 1, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 3, "Staging", false, NULL, 1, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "wine", 4, "Archived", false, NULL, 1, NULL), 0);
    assert_int_equal(store_version_latest(f.store, "wine", NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].version, 5);
    assert_int_equal(list[1].version, 3);
    assert_int_equal(list[2].version, 4);
    const char *const asked[] = {"archived", "PRODUCTION", "archived"};
    assert_int_equal(store_version_latest(f.store, "wine", asked, 3, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].version, 4);
    const char *const bad[] = {"x"};
    (void)message(&f, store_version_latest(f.store, "wine", bad, 1, f.arena, &list, &count, &err), &err, ERR_INPUT);
    (void)message(&f, store_version_latest(f.store, "beer", NULL, 0, f.arena, &list, &count, &err), &err,
                  ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(an_alias_leads_to_a_version_and_latest_to_the_highest)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct model_version version;
    int64_t previous = 0;
    assert_string_equal(
        message(&f, store_version_by_alias(f.store, "wine", "latest", f.arena, &version, &err), &err, ERR_NOT_FOUND),
        "Latest version not found for model wine.");
    (void)add_version(&f, (struct model_version){0}, 1);
    (void)add_version(&f, (struct model_version){0}, 1);
    point(&f, "champion", 1);
    point(&f, "best", 1);
    assert_string_equal(aliases(&f, "wine", 1), "best;champion;");
    assert_int_equal(store_version_by_alias(f.store, "wine", "champion", f.arena, &version, NULL), 0);
    assert_int_equal(version.version, 1);
    assert_int_equal(store_version_by_alias(f.store, "wine", "Latest", f.arena, &version, NULL), 0);
    assert_int_equal(version.version, 2);
    assert_string_equal(
        message(&f, store_version_by_alias(f.store, "wine", "none", f.arena, &version, &err), &err, ERR_INPUT),
        "Registered model alias none not found.");
    (void)message(&f, store_version_by_alias(f.store, "beer", "none", f.arena, &version, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_version_by_alias(f.store, "wine", "a b", f.arena, &version, &err), &err, ERR_INPUT);
    assert_int_equal(store_alias_delete(f.store, "wine", "champion", NULL, 1, &previous, NULL), 0);
    assert_int_equal(previous, 1);
    assert_int_equal(store_alias_delete(f.store, "wine", "champion", NULL, 1, &previous, NULL), 0);
    assert_int_equal(previous, 0);
    assert_int_equal(store_alias_delete(f.store, "wine", "latest", NULL, 1, &previous, NULL), 0);
    (void)message(&f, store_alias_delete(f.store, "beer", "champion", NULL, 1, &previous, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(deleting_a_tag_that_is_not_there_is_fine)
{
    struct fixture f = open_with_model();
    struct err err = {0};
    struct json map;
    (void)add_version(&f, (struct model_version){0}, 1);
    assert_int_equal(store_version_tag(f.store, "wine", 1, "k", "v", NULL, 1, NULL), 0);
    assert_int_equal(store_registered_tag(f.store, "wine", "k", "v", 1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_version_delete_tag(f.store, "wine", 1, "k", NULL, 1, NULL), 0);
        assert_int_equal(store_registered_delete_tag(f.store, "wine", "k", 1, NULL), 0);
    }
    assert_int_equal(store_version_tags(f.store, "wine", 1, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{}");
    assert_int_equal(store_registered_tags(f.store, "wine", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{}");
    (void)message(&f, store_version_delete_tag(f.store, "wine", 9, "k", NULL, 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_registered_delete_tag(f.store, "beer", "k", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_registered_delete_tag(f.store, "wine", "a$b", 1, &err), &err, ERR_INPUT);
    close_fixture(&f);
}

TEST(a_version_is_written_as_an_integer)
{
    static const struct {
        const char *text;
        int64_t number; /* 0: refused */
    } cases[] = {{"1", 1}, {" 12 ", 12}, {"-3", -3}, {"", 0},
                 {"x", 0}, {"1.0", 0},   {"1x", 0},  {"99999999999999999999", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        int64_t number = 0;
        assert_int_equal(version_parse(cases[i].text, &number, &err), cases[i].number == 0 ? -1 : 0);
        assert_int_equal(number, cases[i].number);
    }
    struct err err = {0};
    int64_t number = 0;
    (void)version_parse("x", &number, &err);
    assert_string_equal(err.message, "Parameter 'version' must be an integer, got 'x'.");
}

/* ---- logged models -------------------------------------------------------------------------------------------------
 * */

TEST(a_clients_model_goes_through_any_status_and_is_no_output_by_itself)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct json map;
    static const struct pair params[] = {{"depth", "3"}, {"depth", "3"}};
    static const struct pair other[] = {{"fresh", "1"}, {"depth", "4"}};
    static const struct pair tags[] = {{"k", "1"}, {"k", "2"}};
    struct logged_model model = {.model_id = "m-1", .name = "wine", .artifact_uri = "/m", .source_run_id = "123"};
    struct logged_model read;
    assert_int_equal(store_model_create_tagged(f.store, &model, params, 2, tags, 2, NULL), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM run_models"), 0);
    assert_int_equal(store_model_params(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"depth\":\"3\"}");
    assert_int_equal(store_model_tags(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"k\":\"2\"}");
    (void)message(&f, store_model_params_log(f.store, "m-1", other, 2, &err), &err, ERR_INPUT);
    static const enum model_status all[] = {MODEL_STATUS_READY, MODEL_STATUS_UPLOAD_FAILED, MODEL_STATUS_READY,
                                            MODEL_STATUS_PENDING};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(store_model_set_status(f.store, "m-1", all[i], 500, NULL), 0);
        assert_int_equal(store_model_get(f.store, "m-1", f.arena, &read, NULL), 0);
        assert_int_equal(read.status, all[i]);
        assert_int_equal(read.updated_ms, 500);
    }
    struct logged_model odd = {.model_id = "m-2", .name = "it's", .artifact_uri = "/m"};
    assert_string_equal(message(&f, store_model_create(f.store, &odd, &err), &err, ERR_INPUT),
                        "Invalid model name (\"it's\") provided. Model name must be a non-empty string and cannot "
                        "contain the following characters: ('/', ':', '.', '%', '\"', \"'\")");
    (void)message(&f, store_model_set_status(f.store, "m-9", MODEL_STATUS_READY, 1, &err), &err, ERR_NOT_FOUND);
    assert_int_equal(store_model_delete_tag(f.store, "m-1", "k", NULL), 0);
    assert_string_equal(message(&f, store_model_delete_tag(f.store, "m-1", "k", &err), &err, ERR_NOT_FOUND),
                        "No tag with key 'k' found for model with ID 'm-1'.");
    close_fixture(&f);
}

TEST(a_deleted_logged_model_is_found_by_who_asks_for_it)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct logged_model read;
    add_logged_model(&f, "m-1", NULL);
    assert_int_equal(store_model_delete(f.store, "m-1", 700, NULL), 0);
    assert_int_equal(store_model_delete(f.store, "m-1", 800, NULL), 0);
    assert_string_equal(message(&f, store_model_get(f.store, "m-1", f.arena, &read, &err), &err, ERR_NOT_FOUND),
                        "Logged model with ID 'm-1' not found.");
    assert_int_equal(store_model_get_any(f.store, "m-1", f.arena, &read, NULL), 0);
    assert_true(read.deleted);
    assert_int_equal(read.updated_ms, 700);
    (void)message(&f, store_model_delete(f.store, "m-9", 1, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_model_get_any(f.store, "m-9", f.arena, &read, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_model_tags_set(f.store, "m-1", &(struct pair){"k", "v"}, 1, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

/* ---- many ----------------------------------------------------------------------------------------------------------
 * */

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Nothing of a model is looked at once for each other thing of it. */
TEST(five_thousand_versions_with_aliases_are_renamed_and_deleted_in_no_time)
{
    enum { VERSIONS = 5000 };
    struct fixture f = open_with_model();
    double begin = seconds();
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 1; i <= VERSIONS; i++) {
        (void)add_version(&f, (struct model_version){0}, i);
        point(&f, arena_printf(f.arena, "a%d", i), i);
        assert_int_equal(store_version_tag(f.store, "wine", i, "k", "v", NULL, 1, NULL), 0);
        assert_int_equal(store_stage_set(f.store, "wine", i, "Staging", i == VERSIONS, NULL, 1, NULL), 0);
    }
    double made = seconds();
    assert_int_equal(store_registry_rename(f.store, "wine", "port", NULL, 1, NULL), 0);
    double renamed = seconds();
    assert_string_equal(aliases(&f, "port", 77), "a77;");
    assert_int_equal(store_registry_delete(f.store, "port", NULL, 1, NULL), 0);
    double deleted = seconds();
    assert_int_equal(store_commit(f.store, NULL), 0);
    print_message("made %.3f s, renamed %.3f s, deleted %.3f s\n", made - begin, renamed - made, deleted - renamed);
    assert_true(deleted - made < 5);
    close_fixture(&f);
}

TESTS(RUN(a_registered_model_is_made_once), RUN(a_prompt_and_a_model_never_share_a_name),
      RUN(a_prompts_version_has_a_long_text_and_no_files), RUN(a_registered_model_is_renamed_with_all_that_it_has),
      RUN(a_deleted_registered_model_leaves_nothing), RUN(a_version_is_what_its_client_said),
      RUN(a_logged_model_becomes_versions_and_knows_them), RUN(a_version_of_a_version_has_its_lineage),
      RUN(a_deleted_version_is_a_number_that_is_never_given_again),
      RUN(a_stage_is_moved_and_with_it_whoever_was_there), RUN(the_latest_of_each_stage_is_the_highest),
      RUN(an_alias_leads_to_a_version_and_latest_to_the_highest), RUN(deleting_a_tag_that_is_not_there_is_fine),
      RUN(a_version_is_written_as_an_integer), RUN(a_clients_model_goes_through_any_status_and_is_no_output_by_itself),
      RUN(a_deleted_logged_model_is_found_by_who_asks_for_it),
      RUN(five_thousand_versions_with_aliases_are_renamed_and_deleted_in_no_time))
