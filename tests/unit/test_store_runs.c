/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiments.h"
#include "store/run_batch.h"
#include "store/run_links.h"
#include "store/run_writes.h"
#include "store/runs.h"
#include "store/stmt.h"
#include "store_fixture.h"

#include <stdio.h>

static struct run_info some_run(const char *run_id)
{
    return (struct run_info){.run_id = run_id,
                             .name = "train",
                             .user = "alice",
                             .status = RUN_STATUS_RUNNING,
                             .start_ms = 1000,
                             .artifact_uri = "/home/artifacts/0/r1/artifacts"};
}

/* A store with the run "r1" in it. */
static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    struct run_info run = some_run("r1");
    assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    return f;
}

static void change(struct fixture *f, const char *sql)
{
    assert_int_equal(stmt_run_one(stmt_get(f->store, sql), sql, NULL), 0);
}

static struct run_info get_run(struct fixture *f, const char *run_id)
{
    struct run_info run;
    assert_int_equal(store_run_get(f->store, run_id, f->arena, &run, NULL), 0);
    return run;
}

static const char *tags_text(struct fixture *f, const char *run_id)
{
    struct json tags;
    assert_int_equal(store_run_tags(f->store, run_id, f->arena, &tags, NULL), 0);
    return json_text(f->arena, &tags).p;
}

/* ---- the run ------------------------------------------------------------------------------------ */

TEST(a_run_is_read_as_it_was_made)
{
    struct fixture f = open_fixture();
    struct run_info child = some_run("r2");
    child.parent_run_id = "r1";
    child.status = RUN_STATUS_SCHEDULED;
    assert_int_equal(store_run_create(f.store, &child, NULL), 0);
    struct run_info run = get_run(&f, "r2");
    assert_string_equal(run.run_id, "r2");
    assert_int_equal(run.experiment_id, 0);
    assert_string_equal(run.name, "train");
    assert_string_equal(run.user, "alice");
    assert_int_equal(run.status, RUN_STATUS_SCHEDULED);
    assert_int_equal(run.start_ms, 1000);
    assert_int_equal(run.end_ms, 0);
    assert_false(run.deleted);
    assert_string_equal(run.artifact_uri, child.artifact_uri);
    assert_string_equal(run.parent_run_id, "r1");
    assert_null(get_run(&f, "r1").parent_run_id);
    assert_string_equal(tags_text(&f, "r2"), "{\"mlflow.parentRunId\":\"r1\",\"mlflow.runName\":\"train\",\"mlflow."
                                             "user\":\"alice\"}");
    assert_string_equal(tags_text(&f, "r1"), "{\"mlflow.runName\":\"train\",\"mlflow.user\":\"alice\"}");
    close_fixture(&f);
}

TEST(a_run_id_serves_once_and_has_mlflows_form)
{
    static const struct {
        const char *id;
        enum err_code code;
    } cases[] = {{"r1", ERR_EXISTS}, {"", ERR_INPUT},    {"-a", ERR_INPUT},   {"_a", ERR_INPUT},
                 {"a/b", ERR_INPUT}, {"a.b", ERR_INPUT}, {"A_b-9", ERR_NONE}, {NULL, ERR_INPUT}};
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct run_info run = some_run(cases[i].id);
        run.name = "second";
        (void)store_run_create(f.store, &run, &err);
        assert_int_equal(err.code, cases[i].code);
    }
    assert_string_equal(get_run(&f, "r1").name, "train");
    char id[258];
    memset(id, 'a', sizeof id);
    id[257] = '\0';
    struct run_info run = some_run(id);
    assert_int_equal(store_run_create(f.store, &run, NULL), -1);
    run.run_id = id + 1;
    assert_int_equal(store_run_create(f.store, &run, NULL), 0);
    close_fixture(&f);
}

TEST(a_run_needs_a_name_and_an_experiment)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct run_info run = some_run("r2");
    run.name = "";
    assert_int_equal(store_run_create(f.store, &run, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err_clear(&err);
    run.name = "x";
    run.experiment_id = 12;
    assert_int_equal(store_run_create(f.store, &run, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(an_update_sets_the_status_and_keeps_the_end_it_is_not_given)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    assert_int_equal(store_run_update(f.store, "r1", RUN_STATUS_FAILED, 5000, NULL), 0);
    assert_int_equal(get_run(&f, "r1").end_ms, 5000);
    assert_int_equal(store_run_update(f.store, "r1", RUN_STATUS_KILLED, 0, NULL), 0);
    assert_int_equal(get_run(&f, "r1").end_ms, 5000);
    assert_int_equal(get_run(&f, "r1").status, RUN_STATUS_KILLED);
    assert_string_equal(run_status_name(RUN_STATUS_KILLED), "KILLED");
    assert_int_equal(store_run_update(f.store, "no", RUN_STATUS_FAILED, 1, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err_for_mlflow(&err), "Run with id=no not found");
    close_fixture(&f);
}

TEST(a_run_is_deleted_with_its_experiment_and_takes_only_what_sluice_found_out)
{
    static const char *const deletions[] = {"UPDATE experiments SET deleted_ms = 1 WHERE id = 0", "UPDATE runs SET "
                                                                                                  "deleted_ms = 1 "
                                                                                                  "WHERE run_id = "
                                                                                                  "'r1'"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f = open_fixture();
        struct err err = {0};
        struct dataset_use use = {.name = "d", .digest = "1", .source_type = "local", .source = "x"};
        struct artifact artifact = {.path = "a", .sha256 = "00", .size_bytes = 1};
        change(&f, deletions[i]);
        assert_true(get_run(&f, "r1").deleted);
        assert_int_equal(store_run_param(f.store, "r1", "k", "v", &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_string_equal(err.message, "The run r1 must be in the 'active' state. Current state is deleted.");
        assert_int_equal(store_run_tag(f.store, "r1", "k", "v", NULL), -1);
        assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), -1);
        assert_int_equal(store_run_model(f.store, "r1", "m-1", true, NULL), -1);
        assert_int_equal(store_artifact_put(f.store, "r1", &artifact, NULL), -1);
        assert_int_equal(store_run_tag(f.store, "r1", "sluice.reason", "killed by signal 9", NULL), 0);
        assert_int_equal(store_run_update(f.store, "r1", RUN_STATUS_FAILED, 2, NULL), 0);
        close_fixture(&f);
    }
}

/* ---- params and tags ----------------------------------------------------------------------------- */

TEST(a_param_is_written_once)
{
    struct fixture f = open_fixture();
    struct json params;
    struct err err = {0};
    assert_int_equal(store_run_param(f.store, "r1", "lr", "0.1", NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "lr", "0.1", NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "empty", "", NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "empty", NULL, NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "lr", "0.10", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, "Changing param values is not allowed. Param with key='lr' was already logged "
                                     "with value='0.1' for "
                                     "run ID='r1'. Attempted logging new value '0.10'.");
    err_clear(&err);
    assert_int_equal(store_run_param(f.store, "r1", "a*", "1", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err_clear(&err);
    assert_int_equal(store_run_param(f.store, "none", "a", "1", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(store_run_params(f.store, "r1", f.arena, &params, NULL), 0);
    assert_string_equal(json_text(f.arena, &params).p, "{\"empty\":\"\",\"lr\":\"0.1\"}");
    close_fixture(&f);
}

TEST(a_long_value_is_cut_and_the_same_long_value_again_is_fine)
{
    struct fixture f = open_fixture();
    struct json params;
    static char value[9001];
    memset(value, 'x', sizeof value - 1);
    assert_int_equal(store_run_param(f.store, "r1", "p", value, NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "p", value, NULL), 0);
    assert_int_equal(store_run_tag(f.store, "r1", "t", value, NULL), 0);
    assert_int_equal(store_run_params(f.store, "r1", f.arena, &params, NULL), 0);
    assert_int_equal(json_get(&params, "p")->u.string.n, 6000);
    assert_int_equal(store_run_tags(f.store, "r1", f.arena, &params, NULL), 0);
    assert_int_equal(json_get(&params, "t")->u.string.n, 8000);
    close_fixture(&f);
}

/* MLflow's server looks at neither the keys nor the lengths of these. */
TEST(tags_that_a_run_is_made_with_are_of_any_key_and_kept_whole)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct json tags;
    static char value[20001];
    static char key[252];
    memset(value, 'x', sizeof value - 1);
    memset(key, 'k', sizeof key - 1);
    struct pair given[] = {{"it's", value}, {"../a", "up"}, {"a//b", ""}, {"line\nend", "v"}};
    struct run_info run = some_run("r2");
    assert_int_equal(store_run_create_tagged(f.store, &run, given, 4, "otherwise", NULL), 0);
    assert_int_equal(store_run_tags_give(f.store, "r1", given, 4, NULL), 0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(store_run_tags(f.store, i == 1 ? "r1" : "r2", f.arena, &tags, NULL), 0);
        assert_int_equal(json_get(&tags, "it's")->u.string.n, 20000);
        assert_string_equal(json_get_text(&tags, "../a", ""), "up");
        assert_string_equal(json_get_text(&tags, "a//b", "none"), "");
        assert_string_equal(json_get_text(&tags, "line\nend", ""), "v");
    }
    assert_int_equal(store_run_tag(f.store, "r1", "it's", "v", NULL), -1);
    assert_int_equal(store_run_tags_give(f.store, "r1", &(struct pair){key, "v"}, 1, &err), -1);
    assert_string_equal(err.message, "'key' exceeds the maximum length of 250 characters");
    err_clear(&err);
    assert_int_equal(store_run_tags_give(f.store, "r9", given, 4, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(a_batch_and_inputs_are_for_a_run_id_as_mlflow_has_them)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct run_batch nothing = {0};
    assert_int_equal(store_run_log_batch(f.store, "a/b", &nothing, &err), -1);
    assert_string_equal(err.message, "Invalid value \"a/b\" for parameter 'run_id' supplied.");
    err_clear(&err);
    assert_int_equal(store_run_inputs_log(f.store, "_a", NULL, 0, NULL, 0, &err), -1);
    assert_string_equal(err.message, "Invalid value \"_a\" for parameter 'run_id' supplied.");
    err_clear(&err);
    assert_int_equal(store_run_log_batch(f.store, "r9", &nothing, &err), -1);
    assert_string_equal(err_for_mlflow(&err), "Run with id=r9 not found");
    close_fixture(&f);
}

TEST(a_key_of_251_characters_is_refused_in_mlflows_words)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    char key[252];
    memset(key, 'k', sizeof key);
    key[251] = '\0';
    assert_int_equal(store_run_param(f.store, "r1", key, "v", &err), -1);
    assert_string_equal(err.message, "'Param key' exceeds the maximum length of 250 characters");
    err_clear(&err);
    assert_int_equal(store_run_tag(f.store, "r1", key, "v", &err), -1);
    assert_string_equal(err.message, "'key' exceeds the maximum length of 250 characters");
    assert_int_equal(store_run_param(f.store, "r1", key + 1, "v", NULL), 0);
    close_fixture(&f);
}

TEST(the_last_word_of_a_tag_counts_and_some_tags_change_the_run)
{
    struct fixture f = open_fixture();
    assert_int_equal(store_run_tag(f.store, "r1", "team", "a", NULL), 0);
    assert_int_equal(store_run_tag(f.store, "r1", "team", "b", NULL), 0);
    assert_int_equal(store_run_tag(f.store, "r1", "mlflow.runName", "renamed", NULL), 0);
    assert_int_equal(store_run_tag(f.store, "r1", "mlflow.parentRunId", "elsewhere", NULL), 0);
    assert_string_equal(get_run(&f, "r1").name, "renamed");
    assert_string_equal(get_run(&f, "r1").parent_run_id, "elsewhere");
    assert_string_equal(tags_text(&f, "r1"), "{\"mlflow.parentRunId\":\"elsewhere\",\"mlflow.runName\":\"renamed\","
                                             "\"mlflow.user\":\"alice\",\"team\":\"b\"}");
    assert_int_equal(store_run_tag(f.store, "none", "sluice.reason", "x", NULL), -1);
    close_fixture(&f);
}

/* ---- artifacts, datasets, models ------------------------------------------------------------------- */

TEST(artifacts_are_listed_by_path_and_replaced)
{
    struct fixture f = open_fixture();
    struct artifact *list = NULL;
    size_t count = 9;
    const struct artifact puts[] = {{"plots/roc.svg", "aa", 1}, {"model.txt", "bb", 2}, {"plots/roc.svg", "cc", 3}};
    assert_int_equal(store_artifact_list(f.store, "r1", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_artifact_put(f.store, "r1", &puts[i], NULL), 0);
    }
    assert_int_equal(store_artifact_put(f.store, "m-0123", &puts[0], NULL), 0);
    assert_int_equal(store_artifact_list(f.store, "r1", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].path, "model.txt");
    assert_string_equal(list[1].path, "plots/roc.svg");
    assert_string_equal(list[1].sha256, "cc");
    assert_int_equal(list[1].size_bytes, 3);
    assert_int_equal(store_artifact_list(f.store, "m-0123", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    close_fixture(&f);
}

TEST(an_artifact_stays_below_its_folder)
{
    static const char *const paths[] = {"", "/etc/passwd", "../x", "a/../../x", "a//b", ".", "a/"};
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct artifact artifact = {.path = paths[i], .sha256 = "00"};
        struct err err = {0};
        assert_int_equal(store_artifact_put(f.store, "r1", &artifact, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
    struct artifact artifact = {.path = "a", .sha256 = "00"};
    struct err err = {0};
    assert_int_equal(store_artifact_put(f.store, "nobody", &artifact, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(a_dataset_is_one_for_its_experiment_name_and_digest)
{
    struct fixture f = open_fixture();
    struct run_info second = some_run("r2");
    struct dataset_use *list = NULL;
    size_t count = 0;
    struct dataset_use use = {
        .name = "wine", .digest = "d1", .source_type = "local", .source = "wine.csv", .context = "training"};
    assert_int_equal(store_run_create(f.store, &second, NULL), 0);
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), 0);
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), 0);
    use.sha256 = "d1d1";
    use.context = NULL;
    assert_int_equal(store_run_dataset(f.store, "r2", 0, &use, NULL), 0);
    use.context = "evaluation";
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), 0);
    use.digest = "d0";
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), 0);
    assert_int_equal(store_run_datasets(f.store, "r1", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].digest, "d0");
    assert_string_equal(list[0].context, "evaluation");
    assert_null(list[0].schema);
    assert_string_equal(list[1].digest, "d1");
    assert_string_equal(list[1].sha256, "d1d1");
    assert_string_equal(list[1].context, "training");
    assert_string_equal(list[1].source, "wine.csv");
    assert_int_equal(store_run_datasets(f.store, "r2", f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_null(list[0].context);
    close_fixture(&f);
}

TEST(a_dataset_beyond_mlflows_lengths_is_refused)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct dataset_use use = {
        .name = "n", .digest = "0123456789012345678901234567890123456", .source_type = "local", .source = "s"};
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, &err), -1);
    assert_string_equal(err.message, "'digest' exceeds the maximum length of 36 characters");
    use.digest++;
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), 0);
    use.name = "";
    assert_int_equal(store_run_dataset(f.store, "r1", 0, &use, NULL), -1);
    close_fixture(&f);
}

TEST(a_model_is_linked_once_as_input_and_once_as_output)
{
    struct fixture f = open_fixture();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(store_run_model(f.store, "r1", "m-1", i % 2 == 0, NULL), 0);
    }
    struct stmt *s = stmt_get(f.store, "SELECT COUNT(*), SUM(is_output) FROM run_models WHERE run_id = 'r1' AND "
                                       "model_id = 'm-1'");
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_int_equal(stmt_column_int(s, 0), 2);
    assert_int_equal(stmt_column_int(s, 1), 1);
    stmt_done(s);
    close_fixture(&f);
}

/* ---- the end of an attempt, and silence ------------------------------------------------------------------------ */

static void make_run(struct fixture *f, const char *run_id, const char *parent, enum run_status status)
{
    struct run_info run = some_run(run_id);
    run.parent_run_id = parent;
    run.status = status;
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
}

TEST(what_clients_left_open_ends_with_the_attempt_and_pipelines_below_do_not)
{
    static const struct {
        const char *run_id;
        const char *parent;
        enum run_status before, after;
    } runs[] = {
        {"open", "r1", RUN_STATUS_RUNNING, RUN_STATUS_KILLED},
        {"waiting", "open", RUN_STATUS_SCHEDULED, RUN_STATUS_KILLED},
        {"ended", "r1", RUN_STATUS_FINISHED, RUN_STATUS_FINISHED},
        {"below-ended", "ended", RUN_STATUS_RUNNING, RUN_STATUS_KILLED},
        {"pipeline", "r1", RUN_STATUS_RUNNING, RUN_STATUS_RUNNING},
        {"step", "pipeline", RUN_STATUS_RUNNING, RUN_STATUS_RUNNING},
        {"other", NULL, RUN_STATUS_RUNNING, RUN_STATUS_RUNNING},
    };
    struct fixture f = open_fixture();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        make_run(&f, runs[i].run_id, runs[i].parent, runs[i].before);
    }
    change(&f, "UPDATE runs SET parent_run_id = 'waiting' WHERE run_id = 'r1'"); /* a circle ends, too */
    change(&f, "INSERT INTO definitions VALUES ('d', 'p', '', 1)");
    change(&f, "INSERT INTO pipeline_runs (run_id, pipeline, number, definition, file, folder, workspace, "
               "experiment_id, state, params, contexts, trigger, actor, seed, created_ms) VALUES ('pipeline', 'p', 1, "
               "'d', '', '', '', 0, 'running', '{}', '{}', 'pipeline', 'a', 1, 1)");
    assert_int_equal(store_run_end(f.store, "r1", RUN_STATUS_KILLED, 50, NULL), 0);
    assert_int_equal(get_run(&f, "r1").status, RUN_STATUS_KILLED);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct run_info run = get_run(&f, runs[i].run_id);
        assert_int_equal(run.status, runs[i].after);
        assert_int_equal(run.end_ms, runs[i].after == RUN_STATUS_KILLED ? 50 : 0);
    }
    close_fixture(&f);
}

TEST(the_longest_silent_come_first_and_those_of_open_pipelines_never)
{
    struct fixture f = open_fixture();
    struct silent_run *silent = NULL;
    size_t count = 0;
    make_run(&f, "below", "r1", RUN_STATUS_RUNNING);
    make_run(&f, "later", NULL, RUN_STATUS_RUNNING);
    make_run(&f, "fresh", NULL, RUN_STATUS_RUNNING);
    assert_int_equal(store_run_wrote(f.store, "below", 10, 5, NULL), 0);
    assert_int_equal(store_run_wrote(f.store, "below", 14, 5, NULL), 0); /* within the grain */
    assert_int_equal(store_run_wrote(f.store, "later", 20, 5, NULL), 0);
    assert_int_equal(store_run_wrote(f.store, "unknown", 20, 5, NULL), 0);
    assert_int_equal(store_run_writes_follow(f.store, 90, NULL), 0);
    assert_int_equal(store_run_writes_silent(f.store, 50, 10, f.arena, &silent, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(silent[0].run_id, "below");
    assert_string_equal(silent[1].run_id, "r1");
    assert_int_equal(silent[1].at_ms, 10);
    assert_string_equal(silent[2].run_id, "later");
    change(&f, "INSERT INTO definitions VALUES ('d', 'p', '', 1)");
    change(&f, "INSERT INTO pipeline_runs (run_id, pipeline, number, definition, file, folder, workspace, "
               "experiment_id, state, params, contexts, trigger, actor, seed, created_ms) VALUES ('r1', 'p', 1, "
               "'d', '', '', '', 0, 'running', '{}', '{}', 'cli', 'a', 1, 1)");
    assert_int_equal(store_run_writes_silent(f.store, 50, 10, f.arena, &silent, &count, NULL), 0);
    assert_int_equal(count, 1);
    change(&f, "UPDATE pipeline_runs SET ended_ms = 5");
    assert_int_equal(store_run_writes_move(f.store, 35, NULL), 0);
    assert_int_equal(store_run_writes_silent(f.store, 50, 10, f.arena, &silent, &count, NULL), 0);
    assert_int_equal(count, 2);
    close_fixture(&f);
}

TESTS(RUN(what_clients_left_open_ends_with_the_attempt_and_pipelines_below_do_not),
      RUN(the_longest_silent_come_first_and_those_of_open_pipelines_never),
      RUN(a_run_is_read_as_it_was_made), RUN(a_run_id_serves_once_and_has_mlflows_form),
      RUN(a_run_needs_a_name_and_an_experiment), RUN(an_update_sets_the_status_and_keeps_the_end_it_is_not_given),
      RUN(a_run_is_deleted_with_its_experiment_and_takes_only_what_sluice_found_out), RUN(a_param_is_written_once),
      RUN(a_long_value_is_cut_and_the_same_long_value_again_is_fine),
      RUN(tags_that_a_run_is_made_with_are_of_any_key_and_kept_whole),
      RUN(a_batch_and_inputs_are_for_a_run_id_as_mlflow_has_them),
      RUN(a_key_of_251_characters_is_refused_in_mlflows_words),
      RUN(the_last_word_of_a_tag_counts_and_some_tags_change_the_run), RUN(artifacts_are_listed_by_path_and_replaced),
      RUN(an_artifact_stays_below_its_folder), RUN(a_dataset_is_one_for_its_experiment_name_and_digest),
      RUN(a_dataset_beyond_mlflows_lengths_is_refused), RUN(a_model_is_linked_once_as_input_and_once_as_output))
