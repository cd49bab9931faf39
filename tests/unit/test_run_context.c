/* SPDX-License-Identifier: Apache-2.0
 * What an expression sees of a run.
 */
#include "plugin/catalogue.h"
#include "run_driver.h"

static struct json parsed(struct driver *d, const char *text)
{
    struct json value = {0};
    if (json_read(str_from(text), (struct json_limits){0}, d->run->arena, &value, NULL) < 0) {
        fail_msg("'%s' is no JSON", text);
    }
    return value;
}

/* A run with `train` succeeded, `grid` (a matrix) succeeded, `skip` skipped, `later` active. */
static struct driver middle_of_a_run(void)
{
    struct driver d = driver_of(MAKE({.id = "train"}, {.id = "grid", .matrix = "{\"axes\":{\"a\":[1,2]}}"},
                                     {.id = "skip", .condition = "false"}, {.id = "later", .needs = "train grid"}),
                                NULL);
    d.run->params = parsed(&d, "{\"min_r2\":0.3,\"name\":\"wine\"}");
    d.run->info = parsed(&d, "{\"id\":\"r1\",\"number\":12,\"started_ms\":1795515300000}");
    d.run->git = parsed(&d, "{\"commit\":\"abc\"}");
    d.run->secrets = parsed(&d, "{\"KEY\":\"***\"}");
    driver_begin(&d);
    (void)driver_start(&d);
    struct run_item *train = item_at(&d, "train");
    train->outputs = parsed(&d, "{\"n_rows\":100,\"status\":\"mine\"}");
    train->artifacts = parsed(&d, "{\"holdout\":\"/a/holdout.csv\"}");
    train->metrics = parsed(&d, "{\"rmse\":0.5}");
    train->step_run_id = "run7";
    train->model_id = "m-1";
    train->model_uri = "models:/m-1";
    item_at(&d, "grid[1]")->outputs = parsed(&d, "{\"n\":2}");
    item_at(&d, "grid[1]")->metrics = parsed(&d, "{\"rmse\":0.25}");
    item_at(&d, "grid[0]")->model_id = "m-2";
    driver_succeed(&d, "train");
    driver_succeed(&d, "grid[1]");
    driver_succeed(&d, "grid[0]");
    assert_string_equal(driver_start(&d), "later");
    return d;
}

static const char *value_of(struct driver *d, struct run_context *context, const char *text)
{
    struct expr_env env = run_context_env(context);
    struct json value;
    struct err err = {0};
    if (expr_eval(made_expr(d->made.arena, text), &env, d->made.arena, &value, &err) < 0) {
        return arena_printf(d->made.arena, "error: %s", err.message);
    }
    return json_text(d->made.arena, &value).p;
}

TEST(an_expression_sees_the_run_and_the_steps_that_ended)
{
    static const char *const cases[][2] = {
        {"params.min_r2", "0.3"},
        {"run.number", "12"},
        {"git.commit", "\"abc\""},
        {"secrets.KEY", "\"***\""},
        {"steps.train.outputs.n_rows", "100"},
        {"steps.train.n_rows", "100"},
        {"steps.train.status", "\"succeeded\""},
        {"steps.train.outputs.status", "\"mine\""},
        {"steps.train.artifacts.holdout", "\"/a/holdout.csv\""},
        {"steps.train.metrics.rmse", "0.5"},
        {"steps.train.run_id", "\"run7\""},
        {"steps.train.model_id", "\"m-1\""},
        {"steps.train.model_uri", "\"models:/m-1\""},
        {"steps.skip.status", "\"skipped\""},
        {"steps.skip.outputs.n ?? 'none'", "\"none\""},
        {"steps.skip.model_id ?? 'none'", "\"none\""},
        {"steps.later.status ?? 'not yet'", "\"not yet\""},
        {"steps.grid.outputs.n", "[null,2]"},
        {"steps.grid.metrics.rmse", "[null,0.25]"},
        {"steps.grid.model_id", "[\"m-2\",null]"},
        {"steps.grid.run_id", "[null,null]"},
        {"inputs.data ?? 'none'", "\"none\""},
        {"matrix.a ?? 'none'", "\"none\""},
    };
    struct driver d = middle_of_a_run();
    struct run_context context = {.run = d.run, .step = 3, .item = item_at(&d, "later"), .arena = d.made.arena};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(value_of(&d, &context, cases[i][0]), cases[i][1]);
    }
    assert_non_null(strstr(value_of(&d, &context, "steps.skip.outputs.n"), "error: "));
    assert_non_null(strstr(value_of(&d, &context, "fromJSON('{}').absent"), "fromJSON(...).absent is missing"));
    assert_string_equal(value_of(&d, &context, "fromJSON('{}').absent ?? 'none'"), "\"none\"");
    assert_non_null(strstr(value_of(&d, &context, "hashFiles('*.py')"), "hashFiles is not available here"));
    driver_free(&d);
}

TEST(an_item_sees_what_is_its_own)
{
    struct driver d = middle_of_a_run();
    struct json inputs = parsed(&d, "{\"data\":\"/in/data.csv\"}");
    struct json env = parsed(&d, "{\"A\":\"1\"}");
    struct json info = parsed(&d, "{\"dir\":\"/steps/1\",\"attempt\":2}");
    struct json secrets = parsed(&d, "{\"KEY\":\"real\"}");
    struct run_context context = {.run = d.run,
                                  .step = 1,
                                  .item = item_at(&d, "grid[1]"),
                                  .inputs = &inputs,
                                  .env = &env,
                                  .step_info = &info,
                                  .secrets = &secrets,
                                  .arena = d.made.arena};
    static const char *const cases[][2] = {
        {"matrix.a", "2"},     {"inputs.data", "\"/in/data.csv\""}, {"env.A", "\"1\""}, {"step.dir", "\"/steps/1\""},
        {"step.attempt", "2"}, {"secrets.KEY", "\"real\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(value_of(&d, &context, cases[i][0]), cases[i][1]);
    }
    driver_free(&d);
}

TEST(of_a_matrix_that_left_nothing_all_it_could_leave_is_a_list_of_nulls)
{
    static const char *const cases[][2] = {
        {"steps.run.outputs.n", "[null,null]"},
        {"steps.run.artifacts.plot", "[null,null]"},
        {"steps.run.metrics.rmse", "[null,null]"},
        {"steps['run']['metrics']['a b']", "[null,null]"},
        {"steps.run.metrics[params.name]", "[null,null]"},
        {"steps.run.metrics.rmse[1] ?? 'none'", "\"none\""},
        {"steps.tool.outputs.best", "[null,null]"},
        {"steps.tool.best", "[null,null]"},
        {"toJSON(steps.tool.outputs)", "\"{\\\"best\\\":[null,null]}\""},
        {"steps.child.outputs.rows", "[null,null]"},
        {"steps.child.rows", "[null,null]"},
        {"steps.some.metrics.rmse", "[0.5,null]"},
        {"steps.some.metrics.rmes ?? 'none'", "\"none\""}, /* where one has metrics, that is a wrong name */
        {"steps.some.outputs.best", "[null,null]"},
        {"steps.skip.metrics.rmse ?? 'none'", "\"none\""},
        {"steps.one.metrics.rmse ?? 'none'", "\"none\""},
    };
    static const char two[] = "{\"axes\":{\"a\":[1,2]}}";
    struct driver d = driver_of(MAKE({.id = "run", .matrix = two, .continue_on_error = true},
                                     {.id = "tool", .matrix = two, .continue_on_error = true},
                                     {.id = "child", .matrix = two, .continue_on_error = true},
                                     {.id = "some", .matrix = two, .continue_on_error = true},
                                     {.id = "skip", .matrix = two, .condition = "false"},
                                     {.id = "one", .continue_on_error = true},
                                     {.id = "later", .needs = "run tool child some one"}),
                                NULL);
    static const struct plugin_output best[] = {{.name = {"best", 4}}};
    static const struct plugin plugin = {.outputs = best, .output_count = 1};
    static const struct step_output n[] = {{.name = {"n", 1}}};
    static const struct step_artifact plot[] = {{.name = {"plot", 4}}};
    struct step *steps = (struct step *)(uintptr_t)d.made.pipeline->steps;
    steps[0].outputs = n;
    steps[0].output_count = 1;
    steps[0].artifacts = plot;
    steps[0].artifact_count = 1;
    steps[1].plugin = steps[3].plugin = &plugin;
    d.run->params = parsed(&d, "{\"name\":\"rmse\"}");
    driver_begin(&d);
    (void)driver_start(&d);
    item_at(&d, "some[0]")->metrics = parsed(&d, "{\"rmse\":0.5}");
    item_at(&d, "some[0]")->outputs = parsed(&d, "{\"other\":1}");
    static const char *const items[] = {"run[0]", "run[1]", "tool[0]", "tool[1]", "child[0]",
                                        "child[1]", "some[0]", "some[1]", "one"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        driver_fail(&d, items[i]);
    }
    struct run_context context = {.run = d.run, .step = 6, .item = item_at(&d, "later"), .arena = d.made.arena};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(value_of(&d, &context, cases[i][0]), cases[i][1]);
    }
    driver_free(&d);
}

TESTS(RUN(an_expression_sees_the_run_and_the_steps_that_ended), RUN(an_item_sees_what_is_its_own),
      RUN(of_a_matrix_that_left_nothing_all_it_could_leave_is_a_list_of_nulls))
