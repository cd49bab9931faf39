/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

#define SCRIPT "\"command\": [\"sh\", \"-c\", "

static const char *const quadratic =
    "{" SCRIPT "\"mkdir $SLUICE_STEP_DIR/model; echo weights-{x} > {dir}/model/w; "
    "echo '{{\\\"loss\\\": '$(( ({x} - 3) * ({x} - 3) + {y} ))', \\\"val\\\": {\\\"n\\\": {x}}}' > "
    "{dir}/metrics.json\"], "
    "\"grid\": {\"x\": [1, 2, 3, 4], \"y\": [5, 0]}, \"metric\": \"loss\", \"mode\": \"min\"%s}";

TEST(train_tries_every_combination_and_keeps_the_best)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake, arena_printf(fake.arena, quadratic, "")), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "best"), "{\"x\":3,\"y\":0}");
    assert_string_equal(fake_host_output(&fake, "index"), "5");
    assert_string_equal(fake_host_output(&fake, "value"), "0");
    assert_string_equal(fake_host_output(&fake, "metrics"), "{\"loss\":0,\"val/n\":3}");
    assert_string_equal(fake_host_output(&fake, "candidates"), "8");
    assert_string_equal(fake_host_output(&fake, "failed"), "0");
    assert_string_equal(fake_host_find(fake.params, fake.param_count, "x"), "3");
    assert_true(fake_host_metric(&fake, "loss") == 0.0);
    assert_true(fake_host_metric(&fake, "candidates/loss") == 1.0); /* of the last: x 4, y 0 */
    assert_string_equal(fake_host_read(&fake, arena_printf(fake.arena, "%s/model/w", fake.folder)), "weights-3\n");
    assert_int_equal(access(arena_printf(fake.arena, "%s/candidates/5/params.json", fake.folder), F_OK), 0);
    assert_int_not_equal(access(arena_printf(fake.arena, "%s/candidates/4", fake.folder), F_OK), 0);
    fake_host_close(&fake);
}

TEST(train_keeps_a_candidate_whose_other_metrics_are_not_finite)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    const char *params = "{" SCRIPT "\"echo '{{\\\"loss\\\": {x}, \\\"auc\\\": NaN, \\\"far\\\": -Infinity}' > "
                         "{dir}/metrics.json\"], \"grid\": {\"x\": [2, 1]}, \"metric\": \"loss\", \"mode\": \"min\"}";
    if (fake_host_run(&fake, params) != STEP_OK) {
        fail_msg("%s", fake.failure);
    }
    assert_string_equal(fake_host_output(&fake, "value"), "1");
    fake_host_close(&fake);
}

TEST(train_gives_the_same_result_when_candidates_run_at_once)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake, arena_printf(fake.arena, quadratic, ", \"parallel\": 4, \"keep\": true")),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "index"), "5");
    assert_int_equal(access(arena_printf(fake.arena, "%s/candidates/4/output.log", fake.folder), F_OK), 0);
    fake_host_close(&fake);
}

TEST(train_records_a_table_of_all_candidates)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake,
                                   "{" SCRIPT "\"[ {x} = 2 ] && echo boom >&2 && exit 3; echo acc = 0.{x}\"], "
                                   "\"candidates\": [{\"x\": 1}, {\"x\": 2}, {\"x\": 3}], \"params\": {\"seed\": 7}, "
                                   "\"metric\": \"acc\", \"mode\": \"max\"}"),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "best"), "{\"seed\":7,\"x\":3}");
    assert_string_equal(fake_host_output(&fake, "failed"), "1");
    assert_string_equal(fake_host_output(&fake, "model"), "null");
    assert_non_null(strstr(fake.log, "candidate 1: boom"));
    const struct step_value *table = fake_host_parse(
        &fake, fake_host_read(&fake, fake_host_artifact(&fake, "candidates.json")));
    assert_int_equal(step_get(table, "columns")->count, 6);
    assert_string_equal(step_get(table, "columns")->items[3].string, "acc");
    const struct step_value *rows = step_get(table, "data");
    assert_int_equal(rows->count, 3);
    assert_true(rows->items[0].items[3].number == 0.1);
    assert_int_equal(rows->items[1].items[3].type, STEP_TYPE_NULL);
    assert_string_equal(rows->items[1].items[5].string, "'sh' exited with status 3");
    assert_int_equal(rows->items[2].items[5].type, STEP_TYPE_NULL);
    fake_host_close(&fake);
}

TEST(train_gives_params_by_file_environment_and_argument)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake, "{" SCRIPT "\"cat $SLUICE_PARAMS; echo $SLUICE_PARAM_LR $SLUICE_CANDIDATE; "
                                          "echo '{params}' '{l}' '{{x}' '{ \\\"a\\\": 1 }'; echo m: 1\"], \"grid\": "
                                          "{\"lr\": [0.1], \"l\": [[1, 2]]}, \"metric\": \"m\", \"mode\": \"max\"}"),
                     STEP_OK);
    assert_string_equal(fake_host_read(&fake, arena_printf(fake.arena, "%s/candidates/0/output.log", fake.folder)),
                        "{\"lr\":0.1,\"l\":[1,2]}\n0.1 0\n{\"lr\":0.1,\"l\":[1,2]} [1,2] {x} { \"a\": 1 }\nm: 1\n");
    fake_host_close(&fake);
}

TEST(train_takes_the_first_of_equal_candidates_also_when_it_ends_last)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake,
                                   "{" SCRIPT "\"sleep {wait}; echo m=1\"], \"grid\": {\"wait\": [0.2, 0.1, 0]}, "
                                   "\"metric\": \"m\", \"mode\": \"max\", \"parallel\": 3}"),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "index"), "0");
    fake_host_close(&fake);
}

TEST(train_leaves_out_printed_names_that_are_no_metrics)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake,
                                   "{\"command\": [\"echo\", \"12: 30\\nloss: 2\\n  val_loss = 1e-3 \\nepoch: x\\n"
                                   "loss: 1\"], \"grid\": {\"x\": [1]}, \"metric\": \"loss\", \"mode\": \"min\"}"),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "metrics"), "{\"loss\":1,\"val_loss\":0.001}");
    fake_host_close(&fake);
}

TEST(train_stops_at_the_first_failure_when_it_shall)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    assert_int_equal(fake_host_run(&fake, "{\"command\": [\"false\"], \"grid\": {\"x\": [1, 2, 3]}, \"metric\": \"m\", "
                                          "\"mode\": \"min\", \"on_failure\": \"fail\"}"),
                     STEP_FAILED);
    assert_string_equal(fake.failure, "candidate 0 failed: 'false' exited with status 1");
    fake_host_close(&fake);
}

TEST(train_says_why_no_candidate_is_the_best)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"command\": [\"true\"], \"grid\": {\"x\": [1, 2]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "all 2 candidates failed; the first: it left no metric 'm': expected it in 'metrics.json', or a line "
         "'m=NUMBER' "
         "printed"},
        {"{\"command\": [\"echo\", \"m=nan\"], \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "all 1 candidates failed; the first: its 'm' is NaN: expected a finite number"},
        {"{\"command\": [\"sleep\", \"9\"], \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\", \"timeout\": "
         "\"50ms\"}",
         "all 1 candidates failed; the first: 'sleep' did not end within 50ms"},
        {"{\"command\": [\"echo\", \"m=1\"], \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\", \"model\": "
         "\"m.pkl\"}",
         "candidate 0, the best, left no 'm.pkl': expected its model there"},
        {"{\"command\": [\"a\", \"{y}\"], \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "command: '{y}' is no param: expected one of the candidates' or {dir}, {index}, {params}, or {{ for a brace"},
        {"{\"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "none is given: expected exactly one of command and lua"},
        {"{\"command\": [\"a\"], \"lua\": \"b.lua\", \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "both are given: expected exactly one of command and lua"},
        {"{\"command\": [\"a\"], \"inputs\": {\"b\": \"c\"}, \"grid\": {\"x\": [1]}, \"metric\": \"m\", "
         "\"mode\": \"min\"}",
         "inputs: they are a Lua script's: expected a path among the command's arguments"},
        {"{\"lua\": \"b.lua\", \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "lua: there is no program here that runs Lua scripts"},
        {"{\"command\": [\"a\"], \"metric\": \"m\", \"mode\": \"min\"}",
         "none of grid and candidates: expected one of them"},
        {"{\"command\": [\"a\"], \"grid\": {\"x\": 1}, \"metric\": \"m\", \"mode\": \"min\"}",
         "grid: 'x': expected a list of values, got a number"},
        {"{\"command\": [\"a\"], \"grid\": {\"x\": [1, 2], \"y\": [1, 2]}, \"metric\": \"m\", \"mode\": \"min\", "
         "\"max_candidates\": 3}",
         "grid: it makes more than 3 candidates: expected fewer, or a higher max_candidates"},
        {"{\"command\": [\"a\"], \"grid\": {\"dir\": [1]}, \"metric\": \"m\", \"mode\": \"min\"}",
         "grid: 'dir' has a meaning of its own in commands: expected another name"},
        {"{\"command\": [\"a\"], \"candidates\": [{\"x\": 1}, {\"y\": 1}], \"metric\": \"m\", \"mode\": \"min\"}",
         "candidates: item 2 has other params than the first: expected the same names"},
        {"{\"command\": [\"a\"], \"grid\": {\"x\": [1]}, \"metric\": \"m\", \"mode\": \"min\", \"metrics\": \"../m\"}",
         "metrics: expected a path below the candidate's folder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "train");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        fake_host_close(&fake);
    }
}

/* `echo` stands for the runner: what it prints is what it would have been asked. */
TEST(train_asks_the_runner_to_run_a_lua_script)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    fake.context.runner = "/bin/echo";
    assert_int_equal(fake_host_run(&fake, "{\"lua\": \"{lr}.lua\", \"inputs\": {\"data\": \"a{b}.csv\"}, \"grid\": "
                                          "{\"lr\": [0.5]}, \"metric\": \"loss\", \"mode\": \"min\"}"),
                     STEP_FAILED);
    const char *dir = arena_printf(fake.arena, "%s/candidates/0", fake.context.step_dir);
    const char *asked = arena_printf(fake.arena, "candidate 0: lua run --params {\"lr\":0.5} --out %s --inputs "
                                                 "{\"data\":\"a{b}.csv\"} -- {lr}.lua", dir);
    assert_non_null(strstr(fake.log, asked));
    fake_host_close(&fake);
}

TEST(train_ends_when_it_is_cancelled)
{
    struct fake_host fake;
    fake_host_open(&fake, "train");
    fake.cancelled = true;
    assert_int_equal(fake_host_run(&fake,
                                   "{\"command\": [\"sleep\", \"9\"], \"grid\": {\"x\": [1, 2]}, \"metric\": \"m\", "
                                   "\"mode\": \"min\"}"),
                     STEP_FAILED);
    assert_string_equal(fake.failure, "cancelled after 0 of 2 candidates");
    fake_host_close(&fake);
}

TESTS(RUN(train_keeps_a_candidate_whose_other_metrics_are_not_finite),
      RUN(train_tries_every_combination_and_keeps_the_best),
      RUN(train_gives_the_same_result_when_candidates_run_at_once), RUN(train_records_a_table_of_all_candidates),
      RUN(train_gives_params_by_file_environment_and_argument),
      RUN(train_takes_the_first_of_equal_candidates_also_when_it_ends_last),
      RUN(train_leaves_out_printed_names_that_are_no_metrics), RUN(train_stops_at_the_first_failure_when_it_shall),
      RUN(train_says_why_no_candidate_is_the_best), RUN(train_asks_the_runner_to_run_a_lua_script),
      RUN(train_ends_when_it_is_cancelled))
