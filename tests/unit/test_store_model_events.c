/* SPDX-License-Identifier: Apache-2.0
 * Who hears of what happens to registered models, what chain it is in, and which pipeline is a model's deployment job.
 */
#include "store/deployment_jobs.h"
#include "store/model_events.h"
#include "store/models.h"
#include "store/stmt.h"
#include "store/triggers.h"
#include "store_fixture.h"

static void listen(struct fixture *f, const char *pipeline, const char *trigger_id, const char *settings)
{
    struct json read;
    assert_int_equal(json_read(str_from(settings), (struct json_limits){0}, f->arena, &read, NULL), 0);
    const struct subscription row = {
        .pipeline = pipeline,
        .kind = "model",
        .trigger_id = trigger_id,
        .about = json_get_text(&read, "model", ""),
        .settings = settings,
    };
    const struct pipeline_in_force in_force = {.name = pipeline, .source = "folder", .path = pipeline,
                                               .file = "f", .folder = "/", .workspace = "/",
                                               .definition = "d", .git = "{}", .stamp = ""};
    assert_int_equal(store_in_force_put(f->store, &in_force, NULL), 0);
    assert_int_equal(store_subscription_put(f->store, &row, NULL), 0);
}

/* All triggers, oldest first: "PIPELINE KEY ACTOR;". */
static const char *heard(struct fixture *f)
{
    struct stmt *s =
        stmt_get(f->store, "SELECT pipeline || ' ' || key || ' ' || actor || ';' FROM triggers ORDER BY id");
    const char *text = "";
    while (stmt_step(s, NULL) == 1) {
        text = arena_printf(f->arena, "%s%s", text, stmt_column_text(s, 0, f->arena));
    }
    stmt_done(s);
    return text;
}

static int64_t make_version(struct fixture *f, const char *name, const char *model_id, const struct mover *by)
{
    const struct model_version version = {.name = name, .model_id = model_id, .source = "s3://a/b"};
    int64_t number = 0;
    struct err none = {0};
    struct registered_model model;
    if (store_registry_get(f->store, name, f->arena, &model, &none) < 0) {
        assert_int_equal(store_registry_create(f->store, name, NULL, NULL, 0, 1, NULL), 0);
    }
    assert_int_equal(store_version_create(f->store, &version, false, NULL, 0, by, 2, &number, NULL), 0);
    return number;
}

TEST(globs_actions_and_doors_decide_who_hears)
{
    struct fixture f = open_empty();
    const struct mover ann = {.actor = "ann (login)", .door = "mlflow", .person = "ann"};
    const struct mover import = {.actor = "ann", .door = "import"};
    int64_t previous = 0;
    listen(&f, "all", "model_version", "{\"model\": \"*\"}");
    listen(&f, "wines", "model_version", "{\"model\": \"wine-?\"}");
    listen(&f, "moves", "model_alias", "{\"model\": \"*\", \"alias\": \"ch[a-h]*\", \"actions\": [\"set\"]}");
    listen(&f, "tags", "model_tag", "{\"model\": \"*\", \"key\": \"v*\", \"actions\": [\"deleted\"]}");
    listen(&f, "stages", "model_stage", "{\"model\": \"*\", \"stage\": \"prod*\"}");
    make_version(&f, "wine-a", NULL, &ann);
    make_version(&f, "beer", NULL, NULL);
    assert_string_equal(heard(&f), "all wine-a 1 ann;wines wine-a 2 ann;all beer 3 sluice;");
    assert_int_equal(store_alias_set(f.store, "beer", "champion", 1, -1, &ann, 3, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "beer", "champion", 1, -1, &ann, 3, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "beer", "best", 1, -1, &ann, 3, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "beer", "champion", 0, -1, &ann, 3, &previous, NULL), 0);
    assert_int_equal(store_alias_set(f.store, "beer", "champion", 1, -1, &import, 3, &previous, NULL), 0);
    assert_int_equal(store_version_tag(f.store, "beer", 1, "valid", "yes", &ann, 4, NULL), 0);
    assert_int_equal(store_version_delete_tag(f.store, "beer", 1, "valid", &ann, 4, NULL), 0);
    assert_int_equal(store_version_delete_tag(f.store, "beer", 1, "valid", &ann, 4, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "beer", 1, "production", false, &ann, 5, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "beer", 1, "Production", false, &ann, 5, NULL), 0);
    assert_int_equal(store_stage_set(f.store, "beer", 1, "Staging", false, &ann, 5, NULL), 0);
    assert_string_equal(heard(&f), "all wine-a 1 ann;wines wine-a 2 ann;all beer 3 sluice;moves beer@champion 4 ann;"
                                   "tags beer/1#valid 5 ann;stages beer/1 6 ann;");
    close_fixture(&f);
}

TEST(a_change_that_is_taken_back_was_heard_by_nobody)
{
    struct fixture f = open_empty();
    listen(&f, "all", "model_version", "{\"model\": \"*\"}");
    assert_int_equal(store_begin(f.store, NULL), 0);
    make_version(&f, "wine", NULL, NULL);
    assert_string_equal(heard(&f), "all wine 1 sluice;");
    store_rollback(f.store);
    assert_string_equal(heard(&f), "");
    close_fixture(&f);
}

TEST(a_version_whose_model_is_not_ready_is_told_of_later_and_once)
{
    struct fixture f = open_empty();
    struct logged_model model = {.model_id = "m-00000000000000000000000000000001",
                                 .name = "wine",
                                 .artifact_uri = "/m",
                                 .source_run_id = "",
                                 .model_type = "",
                                 .status = MODEL_STATUS_PENDING,
                                 .status_message = "",
                                 .sha256 = ""};
    listen(&f, "all", "model_version", "{\"model\": \"*\"}");
    assert_int_equal(store_model_create(f.store, &model, NULL), 0);
    make_version(&f, "wine", model.model_id, NULL);
    assert_string_equal(heard(&f), "");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_model_finalize(f.store, model.model_id, MODEL_STATUS_READY, "", 9, NULL), 0);
        assert_int_equal(store_model_set_status(f.store, model.model_id, MODEL_STATUS_READY, 9, NULL), 0);
    }
    assert_string_equal(heard(&f), "all wine 1 sluice;");
    close_fixture(&f);
}

TEST(settings_that_cannot_be_read_mean_nothing)
{
    struct fixture f = open_empty();
    static const char *const settings[] = {"", "{", "[]", "{\"model\": 5}", "{\"model\": \"\"}", "null"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const struct subscription row = {.pipeline = arena_printf(f.arena, "p%zu", i),
                                         .kind = "model",
                                         .trigger_id = "model_version",
                                         .about = "",
                                         .settings = settings[i]};
        assert_int_equal(store_subscription_put(f.store, &row, NULL), 0);
    }
    make_version(&f, "wine", NULL, NULL);
    assert_string_equal(heard(&f), "");
    close_fixture(&f);
}

static const char *job_of(struct fixture *f, const char *model)
{
    struct deployment_job job;
    assert_int_equal(store_deployment_job(f->store, model, f->arena, &job, NULL), 0);
    return arena_printf(f->arena, "%s %s %zu", job.pipeline == NULL ? "-" : job.pipeline,
                        job.state == NULL ? "-" : job.state, job.others);
}

TEST(a_model_chooses_among_the_jobs_that_mean_it)
{
    struct fixture f = open_empty();
    struct err err = {0};
    const struct mover ann = {.actor = "ann", .door = "rest"};
    make_version(&f, "wine", NULL, NULL);
    assert_string_equal(job_of(&f, "wine"), "- - 0");
    assert_string_equal(job_of(&f, "nothing"), "- - 0");
    listen(&f, "b-job", "model_version", "{\"model\": \"w*\"}");
    listen(&f, "a-job", "model_version", "{\"model\": \"*\"}");
    listen(&f, "other", "model_alias", "{\"model\": \"*\"}");
    assert_string_equal(job_of(&f, "wine"), "a-job CONNECTED 1");
    assert_int_equal(store_deployment_job_set(f.store, "wine", "b-job", &ann, 3, NULL), 0);
    assert_string_equal(job_of(&f, "wine"), "b-job CONNECTED 0");
    make_version(&f, "wine", NULL, NULL);
    assert_string_equal(heard(&f), "b-job wine 1 sluice;");
    assert_int_equal(store_deployment_job_set(f.store, "wine", "other", &ann, 3, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err_clear(&err);
    assert_int_equal(store_deployment_job_set(f.store, "none", "b-job", &ann, 3, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err_clear(&err);
    assert_int_equal(store_registry_rename(f.store, "wine", "grape", &ann, 4, NULL), 0);
    assert_string_equal(job_of(&f, "grape"), "b-job REQUIRED_PARAMETERS_CHANGED 0");
    assert_int_equal(store_in_force_remove(f.store, "b-job", NULL), 0);
    assert_string_equal(job_of(&f, "grape"), "b-job NOT_FOUND 0");
    assert_int_equal(store_deployment_job_set(f.store, "grape", "", &ann, 5, NULL), 0);
    assert_string_equal(job_of(&f, "grape"), "- NOT_SET_UP 0");
    assert_int_equal(store_deployment_job_set(f.store, "grape", NULL, &ann, 5, NULL), 0);
    assert_string_equal(job_of(&f, "grape"), "a-job CONNECTED 0");
    close_fixture(&f);
}

TEST(a_deployment_follows_its_model_to_another_name_and_ends_with_it)
{
    struct fixture f = open_empty();
    const struct mover ann = {.actor = "ann", .door = "rest"};
    struct deployment found;
    listen(&f, "job", "model_version", "{\"model\": \"*\"}");
    make_version(&f, "wine", NULL, NULL);
    assert_int_equal(store_deployment(f.store, "wine", 1, NULL, f.arena, &found, NULL), 0);
    assert_string_equal(found.run_state, "PENDING");
    assert_int_equal(store_deployment(f.store, "wine", 1, "another", f.arena, &found, NULL), 0);
    assert_null(found.run_state);
    assert_int_equal(store_registry_rename(f.store, "wine", "grape", &ann, 4, NULL), 0);
    assert_int_equal(store_deployment(f.store, "grape", 1, "job", f.arena, &found, NULL), 0);
    assert_string_equal(found.run_state, "PENDING");
    assert_int_equal(store_registry_delete(f.store, "grape", &ann, 5, NULL), 0);
    assert_int_equal(store_deployment(f.store, "grape", 1, NULL, f.arena, &found, NULL), 0);
    assert_null(found.pipeline);
    close_fixture(&f);
}

static void add_run(struct fixture *f, const char *run_id, const char *pipeline, int revision, const char *parent)
{
    struct stmt *s = stmt_get(
        f->store, "INSERT INTO pipeline_runs (run_id, pipeline, number, revision, definition, file, folder, workspace, "
                  "experiment_id, state, params, contexts, trigger, actor, seed, parent_run, created_ms) VALUES "
                  "(:run_id, :pipeline, 1, :revision, 'd', '', '', '', 0, 'running', '{}', '{}', 'model', 'ann', 1, "
                  ":parent, 1)");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":pipeline", pipeline);
    stmt_int(s, ":revision", revision);
    stmt_text(s, ":parent", parent);
    assert_int_equal(stmt_run_one(s, "a run", NULL), 0);
}

static const char *chain_of(struct fixture *f, const char *run_id)
{
    struct json chain;
    assert_int_equal(store_trigger_chain(f->store, run_id, f->arena, &chain, NULL), 0);
    return json_text(f->arena, &chain).p;
}

TEST(a_chain_goes_through_parts_and_retries)
{
    struct fixture f = open_empty();
    struct stmt *s = stmt_get(f.store, "INSERT INTO definitions (digest, name, source, created_ms) VALUES ('d', 'a', "
                                       "'', 1)");
    struct trigger_row row = {.pipeline = "a", .kind = "model", .trigger_id = "model_version", .key = "k",
                              .occurrences = 1, .event = "", .event_sha256 = "", .params = "{}",
                              .chain = "[\"first\"]", .actor = "ann", .outcome = TRIGGER_STARTED,
                              .run_id = "r1", .reason = "", .settled_ms = 1};
    (void)stmt_run(s, NULL);
    add_run(&f, "r1", "a", 1, NULL);
    add_run(&f, "r2", "a", 2, NULL);
    add_run(&f, "part", "b", 1, "r2");
    assert_int_equal(store_trigger_insert(f.store, &row, NULL), 1);
    assert_string_equal(chain_of(&f, "r1"), "[\"first\",\"a\"]");
    assert_string_equal(chain_of(&f, "r2"), "[\"first\",\"a\"]");
    assert_string_equal(chain_of(&f, "part"), "[\"first\",\"a\",\"b\"]");
    assert_string_equal(chain_of(&f, "unknown"), "[]");
    const struct mover by = {.actor = "step x of run b 1", .door = "step", .run_id = "part"};
    listen(&f, "c", "model_version", "{\"model\": \"*\"}");
    make_version(&f, "wine", NULL, &by);
    assert_int_equal(store_trigger_find(f.store, "c", "model", "model_version", "wine 2", f.arena, &row, NULL), 1);
    assert_string_equal(row.chain, "[\"first\",\"a\",\"b\"]");
    assert_string_equal(row.actor, "ann"); /* who began the run whose step did it */
    assert_string_equal(row.model, "wine");
    assert_int_equal(row.version, 1);
    close_fixture(&f);
}

TESTS(RUN(globs_actions_and_doors_decide_who_hears),
      RUN(a_change_that_is_taken_back_was_heard_by_nobody),
      RUN(a_version_whose_model_is_not_ready_is_told_of_later_and_once),
      RUN(settings_that_cannot_be_read_mean_nothing),
      RUN(a_model_chooses_among_the_jobs_that_mean_it),
      RUN(a_deployment_follows_its_model_to_another_name_and_ends_with_it),
      RUN(a_chain_goes_through_parts_and_retries))
