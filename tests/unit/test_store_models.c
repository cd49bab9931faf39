/* SPDX-License-Identifier: Apache-2.0 */
#include "store/models.h"
#include "store/metrics.h"
#include "store/runs.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <math.h>

/* A store with the run "r1" in it. */
static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    struct run_info run = {.run_id = "r1", .name = "train", .user = "alice", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    return f;
}

static struct logged_model some_model(const char *model_id)
{
    return (struct logged_model){.model_id = model_id,
                                 .name = "wine",
                                 .artifact_uri = "/home/models/m-1",
                                 .source_run_id = "r1",
                                 .created_ms = 1000,
                                 .updated_ms = 1000};
}

static void create(struct fixture *f, struct logged_model model)
{
    struct err err = {0};
    (void)store_model_create(f->store, &model, &err);
    assert_string_equal(err.message, "");
}

static struct logged_model get(struct fixture *f, const char *model_id)
{
    struct logged_model model;
    assert_int_equal(store_model_get(f->store, model_id, f->arena, &model, NULL), 0);
    return model;
}

static int64_t ask(struct fixture *f, const char *sql)
{
    struct stmt *s = stmt_get(f->store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t value = stmt_column_int(s, 0);
    stmt_done(s);
    return value;
}

TEST(a_model_is_pending_until_its_files_are_there)
{
    struct fixture f = open_fixture();
    create(&f, some_model("m-1"));
    struct logged_model model = get(&f, "m-1");
    assert_int_equal(model.status, MODEL_STATUS_PENDING);
    assert_string_equal(model.name, "wine");
    assert_string_equal(model.artifact_uri, "/home/models/m-1");
    assert_string_equal(model.source_run_id, "r1");
    assert_string_equal(model.sha256, "");
    assert_int_equal(store_model_published(f.store, "m-1", "abcd", 77, 1500, NULL), 0);
    assert_int_equal(get(&f, "m-1").status, MODEL_STATUS_PENDING);
    assert_int_equal(store_model_finalize(f.store, "m-1", MODEL_STATUS_READY, "", 2000, NULL), 0);
    model = get(&f, "m-1");
    assert_int_equal(model.status, MODEL_STATUS_READY);
    assert_string_equal(model.sha256, "abcd");
    assert_int_equal(model.size_bytes, 77);
    assert_int_equal(model.created_ms, 1000);
    assert_int_equal(model.updated_ms, 2000);
    close_fixture(&f);
}

TEST(a_model_is_an_output_of_the_run_that_made_it)
{
    struct fixture f = open_fixture();
    create(&f, some_model("m-1"));
    assert_int_equal(
        ask(&f, "SELECT COUNT(*) FROM run_models WHERE run_id = 'r1' AND model_id = 'm-1' AND is_output = 1"), 1);
    struct logged_model foreign = some_model("m-2");
    foreign.source_run_id = "somewhere-else";
    create(&f, foreign);
    foreign = some_model("m-3");
    foreign.source_run_id = NULL;
    create(&f, foreign);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM run_models"), 1);
    assert_string_equal(get(&f, "m-2").source_run_id, "somewhere-else");
    assert_null(get(&f, "m-3").source_run_id);
    close_fixture(&f);
}

TEST(an_id_serves_once_and_names_keep_mlflows_rules)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    create(&f, some_model("m-1"));
    struct logged_model again = some_model("m-1");
    again.name = "other";
    assert_int_equal(store_model_create(f.store, &again, &err), -1);
    assert_int_equal(err.code, ERR_EXISTS);
    assert_string_equal(get(&f, "m-1").name, "wine");
    static const char *const wrong[] = {"", "a/b", "a:b", "a.b", "50%", "a\"b", "it's", NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct logged_model model = some_model("m-2");
        model.name = wrong[i];
        err = (struct err){0};
        assert_int_equal(store_model_create(f.store, &model, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM logged_models"), 1);
    close_fixture(&f);
}

TEST(an_unknown_or_deleted_model_is_not_found_in_mlflows_words)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct logged_model model;
    create(&f, some_model("m-1"));
    assert_int_equal(stmt_run(stmt_get(f.store, "UPDATE logged_models SET deleted_ms = 1"), NULL), 1);
    static const char *const ids[] = {"m-1", "m-unknown"};
    for (size_t i = 0; i < 2; i++) {
        err = (struct err){0};
        assert_int_equal(store_model_get(f.store, ids[i], f.arena, &model, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        assert_string_equal(err.message, arena_printf(f.arena, "there is no model '%s'", ids[i]));
        assert_string_equal(err_for_mlflow(&err),
                            arena_printf(f.arena, "Logged model with ID '%s' not found.", ids[i]));
        err = (struct err){0};
        assert_int_equal(store_model_finalize(f.store, ids[i], MODEL_STATUS_READY, "", 1, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        assert_int_equal(store_model_published(f.store, ids[i], "abcd", 1, 1, &err), -1);
        assert_int_equal(err.code, ERR_NOT_FOUND);
        assert_int_equal(store_model_param(f.store, ids[i], "k", "v", NULL), -1);
        assert_int_equal(store_model_tag(f.store, ids[i], "k", "v", NULL), -1);
    }
    close_fixture(&f);
}

TEST(params_of_a_model_are_written_once_and_tags_again)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct json map;
    create(&f, some_model("m-1"));
    assert_int_equal(store_model_param(f.store, "m-1", "lr", "0.1", NULL), 0);
    assert_int_equal(store_model_param(f.store, "m-1", "lr", "0.1", NULL), 0);
    assert_int_equal(store_model_param(f.store, "m-1", "lr", "0.2", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(store_model_tag(f.store, "m-1", "team", "cellar", NULL), 0);
    assert_int_equal(store_model_tag(f.store, "m-1", "team", "vineyard", NULL), 0);
    assert_int_equal(store_model_params(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(json_text(f.arena, &map).p, "{\"lr\":\"0.1\"}");
    assert_int_equal(store_model_tags(f.store, "m-1", f.arena, &map, NULL), 0);
    assert_string_equal(json_text(f.arena, &map).p, "{\"team\":\"vineyard\"}");
    close_fixture(&f);
}

/* MLflow's server has no rules for them: a prompt may be a param. */
TEST(params_and_tags_of_a_model_are_of_any_key_and_kept_whole)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct json map;
    static char value[20001];
    static char key[252];
    memset(value, 'x', sizeof value - 1);
    memset(key, 'k', sizeof key - 1);
    struct pair given[] = {{"a$b", value}, {"../a", "up"}, {"it's", NULL}};
    create(&f, some_model("m-1"));
    assert_int_equal(store_model_params_log(f.store, "m-1", given, 3, NULL), 0);
    assert_int_equal(store_model_params_log(f.store, "m-1", given, 3, NULL), 0);
    assert_int_equal(store_model_tags_set(f.store, "m-1", given, 3, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal((i == 0 ? store_model_params : store_model_tags)(f.store, "m-1", f.arena, &map, NULL), 0);
        assert_int_equal(json_get(&map, "a$b")->u.string.n, 20000);
        assert_string_equal(json_get_text(&map, "../a", ""), "up");
        assert_string_equal(json_get_text(&map, "it's", "none"), "");
    }
    assert_int_equal(store_model_param(f.store, "m-1", key, "1", &err), -1);
    assert_string_equal(err.message, "'Param key' exceeds the maximum length of 250 characters");
    err_clear(&err);
    assert_int_equal(store_model_tag(f.store, "m-1", key, "1", &err), -1);
    assert_string_equal(err.message, "'Tag key' exceeds the maximum length of 250 characters");
    close_fixture(&f);
}

TEST(lists_have_the_newest_first_and_only_what_was_asked)
{
    struct fixture f = open_fixture();
    for (int i = 1; i <= 4; i++) {
        struct logged_model model = some_model(arena_printf(f.arena, "m-%d", i));
        model.created_ms = i * 100;
        model.source_run_id = i == 4 ? NULL : "r1";
        create(&f, model);
    }
    assert_int_equal(store_model_finalize(f.store, "m-2", MODEL_STATUS_READY, "", 1, NULL), 0);
    assert_int_equal(store_model_finalize(f.store, "m-3", MODEL_STATUS_UPLOAD_FAILED, "", 1, NULL), 0);
    struct logged_model *models = NULL;
    size_t count = 0;
    assert_int_equal(store_model_list(f.store, -1, 3, f.arena, &models, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(models[0].model_id, "m-4");
    assert_string_equal(models[2].model_id, "m-2");
    assert_int_equal(store_model_list(f.store, 5, 10, f.arena, &models, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_model_of_run(f.store, "r1", false, f.arena, &models, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(models[0].model_id, "m-1");
    assert_int_equal(store_model_of_run(f.store, "r1", true, f.arena, &models, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(models[0].model_id, "m-2");
    close_fixture(&f);
}

TEST(of_a_model_that_was_not_published_only_the_reason_is_left)
{
    struct fixture f = open_fixture();
    create(&f, some_model("m-1"));
    create(&f, some_model("m-2"));
    struct artifact file = {.path = "weights", .sha256 = "ab", .size_bytes = 3};
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(store_artifact_put(f.store, i == 1 ? "m-1" : "m-2", &file, NULL), 0);
    }
    assert_int_equal(store_model_published(f.store, "m-1", "abcd", 3, 1500, NULL), 0);
    assert_int_equal(store_model_finalize(f.store, "m-1", MODEL_STATUS_UPLOAD_FAILED, "cancelled", 2000, NULL), 0);
    struct logged_model model = get(&f, "m-1");
    assert_int_equal(model.status, MODEL_STATUS_UPLOAD_FAILED);
    assert_string_equal(model.status_message, "cancelled");
    assert_string_equal(model.sha256, "");
    assert_int_equal(model.size_bytes, 0);
    assert_int_equal(model.updated_ms, 2000);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM artifacts WHERE owner = 'm-1'"), 0);
    assert_int_equal(ask(&f, "SELECT COUNT(*) FROM artifacts WHERE owner = 'm-2'"), 1);
    assert_int_equal(get(&f, "m-2").status, MODEL_STATUS_PENDING);
    close_fixture(&f);
}

TEST(metrics_of_a_model_are_told_apart_by_dataset_and_come_from_any_run)
{
    struct fixture f = open_fixture();
    struct run_info later = {.run_id = "r2", .name = "monitor", .user = "bob", .artifact_uri = "/b"};
    assert_int_equal(store_run_create(f.store, &later, NULL), 0);
    create(&f, some_model("m-1"));
    static const struct {
        const char *run_id, *dataset, *digest;
        double value;
    } given[] = {{"r1", "holdout", "d1", 0.8}, {"r2", "june", "d2", 0.7}, {"r2", "holdout", "d1", 0.81}};
    for (size_t i = 0; i < 3; i++) {
        struct metric_target target = {given[i].run_id, "m-1", given[i].dataset, given[i].digest};
        struct metric_point point = {.key = "r2", .value = given[i].value, .time_ms = (int64_t)i};
        assert_int_equal(store_metrics_log(f.store, &target, &point, 1, NULL), 0);
    }
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    assert_int_equal(store_metrics_of_model(f.store, "m-1", "d1", f.arena, &metrics, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(fabs(metrics[0].value - 0.81) < 1e-12);
    assert_int_equal(store_metrics_of_model(f.store, "m-1", NULL, f.arena, &metrics, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(metrics[1].dataset_digest, "d2");
    close_fixture(&f);
}

TESTS(RUN(a_model_is_pending_until_its_files_are_there), RUN(a_model_is_an_output_of_the_run_that_made_it),
      RUN(an_id_serves_once_and_names_keep_mlflows_rules),
      RUN(an_unknown_or_deleted_model_is_not_found_in_mlflows_words),
      RUN(params_of_a_model_are_written_once_and_tags_again),
      RUN(params_and_tags_of_a_model_are_of_any_key_and_kept_whole),
      RUN(lists_have_the_newest_first_and_only_what_was_asked),
      RUN(of_a_model_that_was_not_published_only_the_reason_is_left),
      RUN(metrics_of_a_model_are_told_apart_by_dataset_and_come_from_any_run))
