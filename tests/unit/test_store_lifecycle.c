/* SPDX-License-Identifier: Apache-2.0
 * Experiments and runs as MLflow's clients make, change, delete and restore them.
 */
#include "store/experiments.h"
#include "store/runs.h"
#include "store_fixture.h"

static const char *message(struct fixture *f, int result, struct err *err, enum err_code code)
{
    assert_int_equal(result, -1);
    assert_int_equal(err->code, code);
    const char *text = arena_strdup(f->arena, err_for_mlflow(err));
    err_clear(err);
    return text;
}

static const char *text(struct fixture *f, struct json map)
{
    return json_text(f->arena, &map).p;
}

static int64_t create(struct fixture *f, const char *name, int64_t now_ms)
{
    int64_t id = 0;
    assert_int_equal(store_experiment_create(f->store, name, NULL, NULL, 0, now_ms, &id, NULL), 0);
    return id;
}

static struct experiment get_experiment(struct fixture *f, int64_t id)
{
    struct experiment experiment;
    assert_int_equal(store_experiment_get(f->store, id, f->arena, &experiment, NULL), 0);
    return experiment;
}

static struct run_info get_run(struct fixture *f, const char *run_id)
{
    struct run_info run;
    assert_int_equal(store_run_get(f->store, run_id, f->arena, &run, NULL), 0);
    return run;
}

static const char *run_tags(struct fixture *f, const char *run_id)
{
    struct json map;
    assert_int_equal(store_run_tags(f->store, run_id, f->arena, &map, NULL), 0);
    return text(f, map);
}

/* ---- experiments ------------------------------------------------------------------------------------------------- */

TEST(an_experiment_is_made_with_location_and_tags_and_its_name_is_its_own)
{
    struct fixture f = open_empty();
    static const struct pair tags[] = {{"team", "a"}, {"team", "b"}, {"note", NULL}};
    static const struct pair bad_tag[] = {{"a$b", "x"}};
    struct err err = {0};
    struct experiment found;
    struct json map;
    int64_t id = 0;
    int64_t other = -7;
    assert_int_equal(store_experiment_create(f.store, "wine", "s3://bucket/x", tags, 3, 100, &id, NULL), 0);
    assert_int_equal(store_experiment_find(f.store, "wine", f.arena, &found, NULL), 0);
    assert_int_equal(found.id, id);
    assert_string_equal(found.artifact_location, "s3://bucket/x");
    assert_int_equal(found.created_ms, 100);
    assert_int_equal(store_experiment_tags(f.store, id, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{\"note\":\"\",\"team\":\"b\"}");
    assert_string_equal(message(&f, store_experiment_create(f.store, "wine", NULL, NULL, 0, 1, &other, &err), &err,
                                ERR_EXISTS),
                        "Experiment(name=wine) already exists.");
    assert_int_equal(store_experiment_delete(f.store, id, 200, NULL), 0);
    (void)message(&f, store_experiment_create(f.store, "wine", NULL, NULL, 0, 1, &other, &err), &err, ERR_EXISTS);
    (void)message(&f, store_experiment_create(f.store, "beer", NULL, bad_tag, 1, 1, &other, &err), &err, ERR_INPUT);
    assert_int_equal(other, -7);
    assert_string_equal(message(&f, store_experiment_find(f.store, "beer", f.arena, &found, &err), &err, ERR_NOT_FOUND),
                        "Could not find experiment with name 'beer'");
    assert_int_equal(store_experiment_find(f.store, "wine", f.arena, &found, NULL), 0);
    assert_true(found.deleted);
    close_fixture(&f);
}

TEST(a_deleted_experiment_comes_back_with_its_runs_and_with_those_deleted_before)
{
    struct fixture f = open_empty();
    struct err err = {0};
    int64_t id = create(&f, "wine", 100);
    for (int i = 1; i <= 2; i++) {
        struct run_info run = {.run_id = i == 1 ? "r1" : "r2", .experiment_id = id, .name = "n", .artifact_uri = "/a"};
        assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    }
    assert_int_equal(store_run_delete(f.store, "r2", 150, NULL), 0);
    assert_int_equal(store_experiment_delete(f.store, id, 200, NULL), 0);
    assert_true(get_run(&f, "r1").deleted);
    assert_int_equal(get_experiment(&f, id).updated_ms, 200);
    assert_string_equal(message(&f, store_experiment_delete(f.store, id, 300, &err), &err, ERR_NOT_FOUND),
                        arena_printf(f.arena, "No Experiment with id=%lld exists", (long long)id));
    assert_string_equal(message(&f, store_experiment_rename(f.store, id, "x", 300, &err), &err, ERR_STATE),
                        "Cannot rename a non-active experiment.");
    (void)message(&f, store_experiment_set_tag(f.store, id, "k", "v", &err), &err, ERR_INPUT);
    (void)message(&f, store_experiment_delete_tag(f.store, id, "k", &err), &err, ERR_INPUT);
    assert_string_equal(message(&f, store_run_restore(f.store, "r1", &err), &err, ERR_INPUT),
                        arena_printf(f.arena,
                                     "The experiment %lld must be in the 'active' state. Current state is deleted.",
                                     (long long)id));
    assert_int_equal(store_experiment_restore(f.store, id, 400, NULL), 0);
    assert_int_equal(get_experiment(&f, id).updated_ms, 400);
    assert_false(get_run(&f, "r1").deleted);
    assert_false(get_run(&f, "r2").deleted);
    (void)message(&f, store_experiment_restore(f.store, id, 500, &err), &err, ERR_NOT_FOUND);
    (void)message(&f, store_experiment_restore(f.store, 99, 500, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(an_experiment_is_renamed_to_a_name_that_is_free)
{
    struct fixture f = open_empty();
    struct err err = {0};
    int64_t wine = create(&f, "wine", 100);
    int64_t beer = create(&f, "beer", 100);
    assert_int_equal(store_experiment_rename(f.store, wine, "port", 200, NULL), 0);
    assert_string_equal(get_experiment(&f, wine).name, "port");
    assert_int_equal(get_experiment(&f, wine).updated_ms, 200);
    assert_int_equal(store_experiment_rename(f.store, wine, "port", 300, NULL), 0); /* its own */
    (void)message(&f, store_experiment_rename(f.store, wine, "beer", 300, &err), &err, ERR_EXISTS);
    assert_int_equal(store_experiment_delete(f.store, beer, 300, NULL), 0);
    (void)message(&f, store_experiment_rename(f.store, wine, "beer", 300, &err), &err, ERR_EXISTS);
    (void)message(&f, store_experiment_rename(f.store, wine, "", 300, &err), &err, ERR_INPUT);
    (void)message(&f, store_experiment_rename(f.store, 99, "x", 300, &err), &err, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(a_tag_of_an_experiment_is_taken_away_once)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct json map;
    assert_int_equal(store_experiment_set_tag(f.store, 0, "team", "a", NULL), 0);
    assert_int_equal(store_experiment_delete_tag(f.store, 0, "team", NULL), 0);
    assert_string_equal(message(&f, store_experiment_delete_tag(f.store, 0, "team", &err), &err, ERR_NOT_FOUND),
                        "No tag with name: team in experiment with id 0");
    assert_int_equal(store_experiment_tags(f.store, 0, f.arena, &map, NULL), 0);
    assert_string_equal(text(&f, map), "{}");
    close_fixture(&f);
}

/* ---- runs ----------------------------------------------------------------------------------------------------------
 * */

TEST(a_clients_run_has_the_name_and_the_tags_that_it_was_given)
{
    static const struct {
        const char *name, *tagged;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"a", NULL, "a"}, {NULL, "b", "b"}, {"", "b", "b"},   {"a", "a", "a"}, {"a", "b", NULL},
        {NULL, NULL, "calm-fox-7"}, {"", "", "calm-fox-7"}, {"a", "", "a"},
    };
    struct fixture f = open_empty();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct pair tags[] = {{"k", "1"}, {"k", "2"}, {"mlflow.runName", cases[i].tagged}};
        struct run_info run = {.run_id = arena_printf(f.arena, "r%zu", i),
                               .name = cases[i].name,
                               .user = "alice",
                               .status = RUN_STATUS_RUNNING,
                               .start_ms = 5,
                               .artifact_uri = "/a"};
        size_t count = cases[i].tagged == NULL ? 2 : 3;
        int result = store_run_create_tagged(f.store, &run, tags, count, "calm-fox-7", &err);
        if (cases[i].expected == NULL) {
            assert_string_equal(message(&f, result, &err, ERR_INPUT),
                                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
                                "values (run_name='a', mlflow.runName='b').");
            continue;
        }
        assert_string_equal(err.message, "");
        assert_string_equal(get_run(&f, run.run_id).name, cases[i].expected);
        assert_string_equal(get_run(&f, run.run_id).user, "alice");
        assert_int_equal(get_run(&f, run.run_id).start_ms, 5);
        assert_string_equal(run_tags(&f, run.run_id),
                            arena_printf(f.arena, "{\"k\":\"2\",\"mlflow.runName\":\"%s\"}", cases[i].expected));
    }
    close_fixture(&f);
}

TEST(a_clients_run_may_be_nested_and_needs_an_active_experiment)
{
    struct fixture f = open_empty();
    struct err err = {0};
    static const struct pair parent[] = {{"mlflow.parentRunId", "r0"}};
    char key[252];
    memset(key, 'k', sizeof key - 1);
    key[251] = '\0';
    const struct pair bad[] = {{key, "x"}};
    struct run_info run = {.run_id = "r1", .user = "", .artifact_uri = "/a"};
    (void)message(&f, store_run_create_tagged(f.store, &run, bad, 1, "n", &err), &err, ERR_INPUT);
    assert_int_equal(store_run_create_tagged(f.store, &run, parent, 1, "n", NULL), 0);
    assert_string_equal(get_run(&f, "r1").parent_run_id, "r0");
    assert_int_equal(store_run_delete_tag(f.store, "r1", "mlflow.parentRunId", NULL), 0);
    assert_null(get_run(&f, "r1").parent_run_id);
    run.run_id = "r2";
    run.experiment_id = create(&f, "wine", 1);
    assert_int_equal(store_experiment_delete(f.store, run.experiment_id, 1, NULL), 0);
    assert_non_null(strstr(message(&f, store_run_create_tagged(f.store, &run, NULL, 0, "n", &err), &err, ERR_INPUT),
                           "must be in the 'active' state. Current state is deleted."));
    close_fixture(&f);
}

static struct fixture open_with_run(void)
{
    struct fixture f = open_empty();
    struct run_info run = {
        .run_id = "r1", .name = "train", .user = "alice", .status = RUN_STATUS_RUNNING, .artifact_uri = "/a"};
    assert_int_equal(store_run_create_tagged(f.store, &run, NULL, 0, "n", NULL), 0);
    return f;
}

TEST(only_what_is_given_of_a_run_changes)
{
    struct fixture f = open_with_run();
    struct err err = {0};
    enum run_status finished = RUN_STATUS_FINISHED;
    enum run_status parsed = RUN_STATUS_RUNNING;
    int64_t end = 900;
    assert_int_equal(store_run_change(f.store, "r1", &(struct run_change){.end_ms = &end}, NULL), 0);
    assert_int_equal(get_run(&f, "r1").status, RUN_STATUS_RUNNING);
    assert_int_equal(get_run(&f, "r1").end_ms, 900);
    assert_int_equal(store_run_change(f.store, "r1", &(struct run_change){.status = &finished}, NULL), 0);
    assert_int_equal(get_run(&f, "r1").status, RUN_STATUS_FINISHED);
    assert_int_equal(get_run(&f, "r1").end_ms, 900);
    assert_int_equal(store_run_change(f.store, "r1", &(struct run_change){.name = ""}, NULL), 0);
    assert_string_equal(get_run(&f, "r1").name, "train");
    assert_int_equal(store_run_change(f.store, "r1", &(struct run_change){.name = "better"}, NULL), 0);
    assert_string_equal(get_run(&f, "r1").name, "better");
    assert_string_equal(run_tags(&f, "r1"), "{\"mlflow.runName\":\"better\"}");
    assert_int_equal(store_run_tag(f.store, "r1", "mlflow.runName", "", NULL), 0); /* no name is no change */
    assert_string_equal(get_run(&f, "r1").name, "better");
    assert_int_equal(run_status_parse("KILLED", &parsed), 0);
    assert_int_equal(parsed, RUN_STATUS_KILLED);
    assert_int_equal(run_status_parse("killed", &parsed), -1);
    assert_int_equal(store_run_delete(f.store, "r1", 1, NULL), 0);
    assert_string_equal(
        message(&f, store_run_change(f.store, "r1", &(struct run_change){.name = "x"}, &err), &err, ERR_INPUT),
        "The run r1 must be in the 'active' state. Current state is deleted.");
    close_fixture(&f);
}

TEST(a_run_is_deleted_and_restored_as_often_as_one_likes)
{
    struct fixture f = open_with_run();
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run_delete(f.store, "r1", 100, NULL), 0);
        assert_true(get_run(&f, "r1").deleted);
    }
    (void)message(&f, store_run_param(f.store, "r1", "k", "v", &err), &err, ERR_INPUT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run_restore(f.store, "r1", NULL), 0);
        assert_false(get_run(&f, "r1").deleted);
    }
    (void)message(&f, store_run_delete(f.store, "r9", 1, &err), &err, ERR_NOT_FOUND);
    assert_string_equal(message(&f, store_run_restore(f.store, "r9", &err), &err, ERR_NOT_FOUND),
                        "Run with id=r9 not found");
    close_fixture(&f);
}

TEST(a_tag_of_a_run_is_taken_away_once)
{
    struct fixture f = open_with_run();
    struct err err = {0};
    assert_int_equal(store_run_delete_tag(f.store, "r1", "mlflow.runName", NULL), 0);
    assert_string_equal(get_run(&f, "r1").name, "train");
    assert_string_equal(message(&f, store_run_delete_tag(f.store, "r1", "k", &err), &err, ERR_NOT_FOUND),
                        "No tag with name: k in run with id r1");
    close_fixture(&f);
}

static struct json model_document(struct fixture *f, const char *json)
{
    struct json model;
    assert_int_equal(json_read(str_from(json), (struct json_limits){0}, f->arena, &model, NULL), 0);
    return model;
}

TEST(models_of_old_clients_are_a_history_in_a_tag)
{
    struct fixture f = open_with_run();
    struct err err = {0};
    struct json map;
    struct json model = model_document(&f, "{\"artifact_path\":\"m\",\"flavors\":{\"sklearn\":{\"config\":null,"
                                           "\"v\":\"1\"}},\"utc_time_created\":\"t\",\"run_id\":\"r1\",\"more\":1}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_run_log_model(f.store, "r1", &model, NULL), 0);
    }
    assert_int_equal(store_run_tags(f.store, "r1", f.arena, &map, NULL), 0);
    assert_string_equal(json_get_text(&map, "mlflow.log-model.history", ""),
                        "[{\"run_id\": \"r1\", \"artifact_path\": \"m\", \"utc_time_created\": \"t\", "
                        "\"model_uuid\": null, \"flavors\": {\"sklearn\": {\"v\": \"1\"}}}, {\"run_id\": \"r1\", "
                        "\"artifact_path\": \"m\", \"utc_time_created\": \"t\", \"model_uuid\": null, \"flavors\": {"
                        "\"sklearn\": {\"v\": \"1\"}}}]");
    model = model_document(&f, "{\"artifact_path\":\"m\",\"run_id\":\"r1\"}");
    assert_string_equal(message(&f, store_run_log_model(f.store, "r1", &model, &err), &err, ERR_INPUT),
                        "Model json is missing mandatory fields: {'flavors', 'utc_time_created'}");
    model = model_document(&f, "[]");
    (void)message(&f, store_run_log_model(f.store, "r1", &model, &err), &err, ERR_INPUT);
    close_fixture(&f);
}

/* A history longer than other tags may be: it is not cut, which would leave no JSON. */
TEST(a_long_history_of_models_stays_whole_until_it_is_full)
{
    struct fixture f = open_with_run();
    struct err err = {0};
    struct json map;
    char *path = arena_alloc(f.arena, 60001);
    memset(path, 'a', 60000);
    static const char document[] =
        "{\"artifact_path\":\"%s\",\"flavors\":{},\"utc_time_created\":\"t\",\"run_id\":\"r1\"}";
    struct json model = model_document(&f, arena_printf(f.arena, document, path));
    int logged = 0;
    while (store_run_log_model(f.store, "r1", &model, &err) == 0) {
        assert_true(++logged < 100);
    }
    assert_int_equal(logged, 16);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(store_run_tags(f.store, "r1", f.arena, &map, NULL), 0);
    struct json history = model_document(&f, json_get_text(&map, "mlflow.log-model.history", ""));
    assert_int_equal(history.u.array.count, 16);
    close_fixture(&f);
}

TESTS(RUN(an_experiment_is_made_with_location_and_tags_and_its_name_is_its_own),
      RUN(a_deleted_experiment_comes_back_with_its_runs_and_with_those_deleted_before),
      RUN(an_experiment_is_renamed_to_a_name_that_is_free), RUN(a_tag_of_an_experiment_is_taken_away_once),
      RUN(a_clients_run_has_the_name_and_the_tags_that_it_was_given),
      RUN(a_clients_run_may_be_nested_and_needs_an_active_experiment), RUN(only_what_is_given_of_a_run_changes),
      RUN(a_run_is_deleted_and_restored_as_often_as_one_likes), RUN(a_tag_of_a_run_is_taken_away_once),
      RUN(models_of_old_clients_are_a_history_in_a_tag), RUN(a_long_history_of_models_stays_whole_until_it_is_full))
