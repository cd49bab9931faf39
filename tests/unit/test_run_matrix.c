/* SPDX-License-Identifier: Apache-2.0
 * Matrices: which items there are, in which order, how many run at once, what one item's failure does to the others.
 */
#include "run_driver.h"

#include "run/run_internal.h"

/* The items as JSON, one list; or the error. */
static const char *items_of(struct driver *d)
{
    struct json *items = NULL;
    size_t count = 0;
    struct err err = {0};
    if (run_expand_matrix(d->run, 0, &items, &count, &err) < 0) {
        return arena_strdup(d->made.arena, err.message);
    }
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(d->made.arena, &list, items[i]);
    }
    return json_text(d->made.arena, &list).p;
}

static void check_items(const char *matrix, const char *expected)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = matrix}), NULL);
    json_set(d.run->arena, &d.run->params, "n", json_int(7));
    struct json list = json_array();
    json_push(d.run->arena, &list, json_int(1));
    json_push(d.run->arena, &list, json_int(2));
    json_set(d.run->arena, &d.run->params, "list", list);
    json_set(d.run->arena, &d.run->params, "none", json_array());
    assert_string_equal(items_of(&d), expected);
    driver_free(&d);
}

TEST(items_are_the_product_of_the_axes_and_the_last_turns_fastest)
{
    check_items(
        "{\"axes\":{\"lr\":[0.1,0.01],\"depth\":[2,4]}}",
        "[{\"lr\":0.1,\"depth\":2},{\"lr\":0.1,\"depth\":4},{\"lr\":0.01,\"depth\":2},{\"lr\":0.01,\"depth\":4}]");
    check_items("{\"axes\":{\"a\":[\"x\"]}}", "[{\"a\":\"x\"}]");
    check_items("{\"axes\":{\"a\":[true,null,1.5,\"s\"]}}", "[{\"a\":true},{\"a\":null},{\"a\":1.5},{\"a\":\"s\"}]");
    check_items("{}", "[]");
}

TEST(axes_may_be_expressions)
{
    check_items("{\"axes\":{\"a\":[\"${{ params.n }}\",\"n${{ params.n }}\"]}}", "[{\"a\":7},{\"a\":\"n7\"}]");
    check_items("{\"axes\":{\"a\":\"${{ params.list }}\",\"b\":[3]}}", "[{\"a\":1,\"b\":3},{\"a\":2,\"b\":3}]");
    check_items("{\"axes\":{\"a\":\"${{ params.none }}\",\"b\":[3]}}", "[]");
    check_items("{\"axes\":{\"a\":\"${{ params.n }}\"}}", "matrix axis 'a': expected a list, found an integer");
}

TEST(values_of_an_axis_may_be_maps_and_lists)
{
    check_items("{\"axes\":{\"cfg\":[{\"lr\":0.1,\"n\":\"${{ params.n }}\"},{\"lr\":0.2}],\"a\":[1]}}",
                "[{\"cfg\":{\"lr\":0.1,\"n\":7},\"a\":1},{\"cfg\":{\"lr\":0.2},\"a\":1}]");
    check_items("{\"axes\":{\"a\":[[1,2]]}}", "[{\"a\":[1,2]}]");
    check_items("{\"axes\":{\"a\":[\"${{ params.list }}\"]}}", "[{\"a\":[1,2]}]");
    check_items("{\"axes\":{\"a\":[{\"x\":1},{\"x\":2}]},\"exclude\":[{\"a\":{\"x\":1}}],"
                "\"include\":[{\"a\":{\"x\":2},\"b\":3}]}",
                "[{\"a\":{\"x\":2},\"b\":3}]");
}

TEST(exclude_removes_what_agrees_on_all_it_names)
{
    check_items("{\"axes\":{\"a\":[1,2],\"b\":[1,2]},\"exclude\":[{\"a\":1,\"b\":1}]}",
                "[{\"a\":1,\"b\":2},{\"a\":2,\"b\":1},{\"a\":2,\"b\":2}]");
    check_items("{\"axes\":{\"a\":[1,2],\"b\":[1,2]},\"exclude\":[{\"a\":1}]}",
                "[{\"a\":2,\"b\":1},{\"a\":2,\"b\":2}]");
    check_items("{\"axes\":{\"a\":[1,2]},\"exclude\":[{\"a\":1.0},{\"c\":2},{\"a\":\"2\"}]}", "[{\"a\":2}]");
}

/* The example of GitHub's documentation of include. */
TEST(include_adds_to_items_or_is_an_item)
{
    check_items(
        "{\"axes\":{\"fruit\":[\"apple\",\"pear\"],\"animal\":[\"cat\",\"dog\"]},\"include\":["
        "{\"color\":\"green\"},{\"color\":\"pink\",\"animal\":\"cat\"},{\"fruit\":\"apple\",\"shape\":\"circle\"},"
        "{\"fruit\":\"banana\"},{\"fruit\":\"banana\",\"animal\":\"cat\"}]}",
        "[{\"fruit\":\"apple\",\"animal\":\"cat\",\"color\":\"pink\",\"shape\":\"circle\"},"
        "{\"fruit\":\"apple\",\"animal\":\"dog\",\"color\":\"green\",\"shape\":\"circle\"},"
        "{\"fruit\":\"pear\",\"animal\":\"cat\",\"color\":\"pink\"},"
        "{\"fruit\":\"pear\",\"animal\":\"dog\",\"color\":\"green\"},"
        "{\"fruit\":\"banana\"},{\"fruit\":\"banana\",\"animal\":\"cat\"}]");
    check_items("{\"include\":[{\"a\":1},{\"a\":2}]}", "[{\"a\":1},{\"a\":2}]");
    check_items("{\"axes\":{\"a\":[1]},\"exclude\":[{\"a\":1}],\"include\":[{\"a\":1}]}", "[{\"a\":1}]");
}

TEST(a_dynamic_matrix_is_the_list_that_an_expression_gives)
{
    struct driver d = driver_of(
        MAKE({.id = "list"}, {.id = "w", .needs = "list", .dynamic = "fromJSON(steps.list.outputs.items)"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    json_set(d.run->arena, &item_at(&d, "list")->outputs, "items",
             json_cstring(d.run->arena, "[{\"f\":\"a\"},{\"f\":\"b\"},5]"));
    driver_succeed(&d, "list");
    assert_string_equal(driver_states(&d), "running: list=succeeded w=ready[ready ready ready]");
    assert_string_equal(json_text(d.made.arena, &item_at(&d, "w[1]")->matrix).p, "{\"f\":\"b\"}");
    assert_int_equal(item_at(&d, "w[2]")->matrix.u.integer, 5);
    driver_free(&d);
}

TEST(a_matrix_that_is_no_list_or_too_long_fails_its_step_in_words)
{
    static const struct {
        const char *expression, *state, *reason;
    } cases[] = {
        {"params.text", "failed", "matrix: expected a list, found a string"},
        {"params.gone", "failed", "params.gone is missing"},
        {"params.none", "skipped", "its matrix is empty"},
        {"params.many", "failed", "the matrix has 10001 items, more than 10000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct driver d = driver_of(MAKE({.id = "w", .dynamic = cases[i].expression}), NULL);
        json_set(d.run->arena, &d.run->params, "text", json_cstring(d.run->arena, "x"));
        json_set(d.run->arena, &d.run->params, "none", json_array());
        struct json many = json_array();
        for (int k = 0; k < 10001; k++) {
            json_push(d.run->arena, &many, json_int(k));
        }
        json_set(d.run->arena, &d.run->params, "many", many);
        driver_begin(&d);
        assert_string_equal(step_state_name(step_at(&d, "w")->state), cases[i].state);
        assert_non_null(strstr(step_at(&d, "w")->reason, cases[i].reason));
        assert_true(run_state_is_terminal(d.run->state));
        driver_free(&d);
    }
    struct strbuf axes;
    strbuf_init(&axes, 1 << 20);
    strbuf_add_text(&axes, "{\"axes\":{\"a\":[0");
    for (int i = 1; i < 101; i++) {
        strbuf_printf(&axes, ",%d", i);
    }
    const char *list = strchr(axes.data, '[');
    char *again = strdup(list);
    strbuf_printf(&axes, "],\"b\":%s],\"c\":%s]}}", again, again);
    check_items(axes.data, "the matrix has more than 10000 items");
    free(again);
    strbuf_clear(&axes);
}

TEST(an_items_key_is_its_index_and_its_values)
{
    struct arena *arena = arena_new();
    struct json a = json_object();
    struct json b = json_object();
    json_set(arena, &a, "x", json_int(1));
    json_set(arena, &a, "y", json_int(2));
    json_set(arena, &b, "y", json_int(2));
    json_set(arena, &b, "x", json_int(1));
    char one[20];
    char two[20];
    run_item_key(3, &a, one);
    run_item_key(3, &b, two);
    assert_string_equal(one, two);
    assert_memory_equal(one, "3-", 2);
    assert_int_equal(strlen(one), 10);
    json_set(arena, &b, "x", json_int(9));
    run_item_key(3, &b, two);
    assert_string_not_equal(one, two);
    arena_free(arena);
}

static const char *const four = "{\"axes\":{\"a\":[1,2,3,4]}}";

TEST(at_most_max_parallel_items_are_under_way_in_order)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = four, .max_parallel = 2}, {.id = "b", .needs = "w"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_states(&d), "running: w=ready[ready ready pending pending] b=pending");
    assert_string_equal(driver_start(&d), "w[0] w[1]");
    driver_succeed(&d, "w[1]");
    assert_string_equal(driver_start(&d), "w[2]");
    driver_succeed(&d, "w[0]");
    driver_succeed(&d, "w[2]");
    assert_string_equal(driver_start(&d), "w[3]");
    assert_string_equal(driver_states(&d), "running: w=active[succeeded succeeded succeeded active] b=pending");
    driver_succeed(&d, "w[3]");
    assert_string_equal(driver_start(&d), "b");
    driver_free(&d);
}

TEST(a_failed_item_fails_the_step_after_all_have_ended)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = four}, {.id = "b", .needs = "w"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "w[1]");
    driver_end(&d, "w[2]", ATTEMPT_STATE_FAILED, "another");
    driver_succeed(&d, "w[0]");
    assert_string_equal(driver_states(&d), "running: w=active[succeeded failed failed active] b=pending");
    driver_succeed(&d, "w[3]");
    assert_string_equal(driver_states(&d), "failed: w=failed[succeeded failed failed succeeded] b=skipped");
    assert_string_equal(step_at(&d, "w")->reason, "2 of 4 items failed; the first: exit code 1");
    driver_free(&d);
}

TEST(fail_fast_stops_the_others_and_retries_none_of_them)
{
    struct retry_policy twice = {.attempts = 2, .on = RETRY_FAILURE};
    struct driver d =
        driver_of(MAKE({.id = "w", .matrix = four, .max_parallel = 3, .fail_fast = true, .retry = twice}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "w[0] w[1] w[2]");
    driver_fail(&d, "w[0]");
    assert_string_equal(driver_states(&d), "running: w=active[delayed active active pending]");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    assert_string_equal(driver_start(&d), "w[0]");
    driver_fail(&d, "w[0]");
    assert_string_equal(driver_actions(&d), "stop w[1]: cancel; stop w[2]: cancel");
    assert_string_equal(driver_states(&d), "running: w=active[failed active active cancelled]");
    assert_string_equal(item_at(&d, "w[3]")->reason, "another item failed and fail_fast is set");
    driver_fail(&d, "w[1]"); /* before the stop reached it */
    assert_int_equal(item_at(&d, "w[1]")->state, STEP_STATE_FAILED);
    driver_end(&d, "w[2]", ATTEMPT_STATE_CANCELLED, NULL);
    assert_string_equal(driver_states(&d), "failed: w=failed[failed failed cancelled cancelled]");
    assert_string_equal(d.run->reason, "step 'w': 2 of 4 items failed; the first: exit code 1");
    driver_free(&d);
}

TEST(outputs_of_a_matrix_are_lists_in_its_order)
{
    struct driver d = driver_of(
        MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2,3]}}", .continue_on_error = true},
             {.id = "b", .needs = "w", .condition = "steps.w.outputs.n[2] == 30 && steps.w.outputs.n[1] == null"}),
        NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    json_set(d.run->arena, &item_at(&d, "w[0]")->outputs, "n", json_int(10));
    json_set(d.run->arena, &item_at(&d, "w[2]")->outputs, "n", json_int(30));
    driver_succeed(&d, "w[2]");
    driver_fail(&d, "w[1]");
    driver_succeed(&d, "w[0]");
    assert_string_equal(driver_states(&d), "running: w=failed[succeeded failed succeeded] b=ready");
    driver_free(&d);
}

TEST(what_a_matrix_declares_is_a_list_even_when_no_item_left_it)
{
    static const struct step_output outputs[] = {{.name = {"n", 1}}};
    static const struct step_artifact artifacts[] = {{.name = {"f", 1}}, {.name = {"", 0}}};
    struct made made = MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2]}}", .continue_on_error = true},
                            {.id = "b", .needs = "w", .condition = "toJSON(steps.w.outputs.n) == '[null,null]'"},
                            {.id = "c", .needs = "w", .condition = "toJSON(steps.w.artifacts.f) == '[null,null]'"});
    struct step *step = (struct step *)(uintptr_t)&made.pipeline->steps[0];
    step->outputs = outputs;
    step->output_count = 1;
    step->artifacts = artifacts;
    step->artifact_count = 2;
    struct driver d = driver_of(made, NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "w[0]");
    driver_fail(&d, "w[1]");
    assert_string_equal(driver_states(&d), "running: w=failed[failed failed] b=ready c=ready");
    driver_free(&d);
}

TEST(cancelling_ends_the_items_that_did_not_begin)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = four, .max_parallel = 2}), NULL);
    driver_begin(&d);
    struct run_place place;
    assert_true(run_take_ready(d.run, 1, &d.changes, &place));
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_actions(&d), "stop w[0]: cancel");
    assert_string_equal(driver_states(&d), "running: w=active[active cancelled cancelled cancelled]");
    driver_succeed(&d, "w[0]"); /* it was done already */
    assert_string_equal(driver_states(&d), "cancelled: w=cancelled[succeeded cancelled cancelled cancelled]");
    driver_free(&d);
}

TESTS(RUN(items_are_the_product_of_the_axes_and_the_last_turns_fastest), RUN(axes_may_be_expressions),
      RUN(values_of_an_axis_may_be_maps_and_lists),
      RUN(exclude_removes_what_agrees_on_all_it_names), RUN(include_adds_to_items_or_is_an_item),
      RUN(a_dynamic_matrix_is_the_list_that_an_expression_gives),
      RUN(a_matrix_that_is_no_list_or_too_long_fails_its_step_in_words),
      RUN(an_items_key_is_its_index_and_its_values), RUN(at_most_max_parallel_items_are_under_way_in_order),
      RUN(a_failed_item_fails_the_step_after_all_have_ended),
      RUN(fail_fast_stops_the_others_and_retries_none_of_them), RUN(outputs_of_a_matrix_are_lists_in_its_order),
      RUN(what_a_matrix_declares_is_a_list_even_when_no_item_left_it),
      RUN(cancelling_ends_the_items_that_did_not_begin))
