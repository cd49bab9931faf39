/* SPDX-License-Identifier: Apache-2.0
 * Rows of steps and attempts: what a restart finds is what was there.
 */
#include "store/steps.h"
#include "run_driver.h"

#include <math.h>

struct fixture {
    struct store *store;
    struct driver d;
};

static const struct made_step rows[] = {
    {.id = "list"},
    {.id = "work", .needs = "list", .matrix = "{\"axes\": {\"lr\": [1, 2, 3]}}", .max_parallel = 2},
    {.id = "ask", .needs = "list"},
    {.id = "after", .needs = "work ask"},
};

static struct fixture open_fixture(void)
{
    struct fixture f = {.d = driver_of(make_pipeline(rows, 4), NULL)};
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &f.store, NULL), 0);
    assert_int_equal(store_steps_insert(f.store, f.d.run, NULL), 0);
    return f;
}

static void close_fixture(struct fixture *f)
{
    driver_free(&f->d);
    store_close(f->store);
}

/* Writes what the last call changed, as the engine does. */
static void persist(struct fixture *f)
{
    for (size_t i = 0; i < f->d.changes.items.count; i++) {
        assert_int_equal(store_item_put(f->store, f->d.run, f->d.changes.items.items[i], NULL), 0);
    }
    for (size_t i = 0; i < f->d.changes.steps.count; i++) {
        assert_int_equal(store_step_put(f->store, f->d.run, f->d.changes.steps.items[i], NULL), 0);
    }
}

/* A run of the same pipeline with the rows of the store. */
static struct run *load(struct fixture *f, struct run_changes *changes)
{
    struct run *run = run_new(f->d.made.pipeline, "r1", &(struct run_options){.seed = 7});
    assert_int_equal(store_steps_load(f->store, run, NULL), 0);
    run->state = f->d.run->state;
    run_resume(run, changes);
    return run;
}

/* The fixture's run is what the store says, from here on. */
static void restart(struct fixture *f)
{
    run_changes_clear(&f->d.changes);
    struct run *run = load(f, &f->d.changes);
    run_free(f->d.run);
    f->d.run = run;
}

static void assert_same_text(const char *a, const char *b)
{
    assert_string_equal(a == NULL ? "(none)" : a, b == NULL ? "(none)" : b);
}

TEST(a_run_goes_on_after_a_restart_at_any_point_as_if_there_had_been_none)
{
    struct fixture f = open_fixture();
    driver_begin(&f.d);
    persist(&f);
    restart(&f);
    assert_string_equal(driver_start(&f.d), "list");
    persist(&f);
    restart(&f);
    driver_succeed(&f.d, "list");
    persist(&f);
    restart(&f);
    assert_string_equal(driver_states(&f.d),
                        "running: list=succeeded work=ready[ready ready pending] ask=ready after=pending");
    assert_string_equal(driver_start(&f.d), "work[0] work[1] ask");
    persist(&f);
    restart(&f);
    driver_apply(&f.d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&f.d, "ask"), .reason = "eva"});
    persist(&f);
    restart(&f);
    driver_succeed(&f.d, "work[1]");
    persist(&f);
    restart(&f);
    assert_string_equal(driver_start(&f.d), "work[2]");
    persist(&f);
    restart(&f);
    driver_apply(&f.d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&f.d, "ask")});
    persist(&f);
    restart(&f);
    assert_true(item_at(&f.d, "ask")->resumed);
    assert_string_equal(driver_start(&f.d), "ask");
    assert_int_equal(item_at(&f.d, "ask")->attempts, 1);
    static const char *const ends[] = {"ask", "work[0]", "work[2]"};
    for (size_t i = 0; i < 3; i++) {
        driver_succeed(&f.d, ends[i]);
        persist(&f);
        restart(&f);
    }
    assert_string_equal(driver_start(&f.d), "after");
    driver_succeed(&f.d, "after");
    assert_string_equal(
        driver_states(&f.d),
        "succeeded: list=succeeded work=succeeded[succeeded succeeded succeeded] ask=succeeded after=succeeded");
    close_fixture(&f);
}

TEST(an_item_is_read_as_it_was_written)
{
    struct fixture f = open_fixture();
    driver_begin(&f.d);
    (void)driver_start(&f.d);
    driver_succeed(&f.d, "list");
    (void)driver_start(&f.d);
    struct run_item *item = item_at(&f.d, "work[1]");
    struct arena *arena = f.d.run->arena;
    json_set(arena, &item->outputs, "n", json_int(7));
    json_set(arena, &item->artifacts, "plot", json_cstring(arena, "/a/plot.svg"));
    json_set(arena, &item->metrics, "loss", json_number(0.1));
    json_set(arena, &item->metrics, "bad", json_number((double)NAN));
    json_set(arena, &item->metrics, "low", json_number(-(double)INFINITY));
    item->reason = "attempt 1: exit code 1";
    item->due_ms = 77;
    item->model_id = "m-1";
    item->model_uri = "models:/m-1";
    item->step_run_id = "s1";
    item->child_run_id = "c1";
    item->carried_from = "12";
    item->refused_by = "r2 < 0.3";
    item->gate_passed = item->resumed = true;
    item->ended_ms = 99;
    assert_int_equal(store_item_put(f.store, f.d.run, place_at(&f.d, "work[1]"), NULL), 0);
    struct run_changes changes = {0};
    struct run *run = load(&f, &changes);
    const struct run_item *read = &run->steps[1].items[1];
    assert_int_equal(read->state, item->state);
    assert_int_equal(read->attempts, 1);
    assert_int_equal(read->started_ms, item->started_ms);
    assert_int_equal(read->due_ms, 77);
    assert_int_equal(read->ended_ms, 99);
    assert_string_equal(read->key, item->key);
    assert_same_text(read->reason, item->reason);
    assert_same_text(read->model_id, "m-1");
    assert_same_text(read->model_uri, "models:/m-1");
    assert_same_text(read->step_run_id, "s1");
    assert_same_text(read->child_run_id, "c1");
    assert_same_text(read->carried_from, "12");
    assert_same_text(read->refused_by, "r2 < 0.3");
    assert_true(read->gate_passed && read->resumed);
    assert_true(json_equal(&read->matrix, &item->matrix));
    assert_true(json_equal(&read->outputs, &item->outputs));
    assert_true(json_equal(&read->artifacts, &item->artifacts));
    assert_true(json_get_number(&read->metrics, "loss", 0) == 0.1);
    assert_true(isnan(json_get_number(&read->metrics, "bad", 0)));
    assert_true(isinf(json_get_number(&read->metrics, "low", 0)));
    run_changes_clear(&changes);
    run_free(run);
    close_fixture(&f);
}

TEST(the_flags_of_a_step_are_kept)
{
    struct fixture f = open_fixture();
    struct run_step *step = step_at(&f.d, "after");
    for (unsigned bits = 0; bits < 16; bits++) {
        step->expanded = (bits & 1) != 0;
        step->after_failure = (bits & 2) != 0;
        step->refused = (bits & 4) != 0;
        step->wanted = (bits & 8) != 0;
        assert_int_equal(store_step_put(f.store, f.d.run, 3, NULL), 0);
        struct run_changes changes = {0};
        struct run *run = load(&f, &changes);
        const struct run_step *read = &run->steps[3];
        assert_int_equal(read->expanded, step->expanded);
        assert_int_equal(read->after_failure, step->after_failure);
        assert_int_equal(read->refused, step->refused);
        assert_int_equal(read->wanted, step->wanted);
        run_changes_clear(&changes);
        run_free(run);
    }
    close_fixture(&f);
}

TEST(rows_of_another_pipeline_are_called_damaged)
{
    struct fixture f = open_fixture();
    struct made shorter = make_pipeline(rows, 1);
    struct run *run = run_new(shorter.pipeline, "r1", &(struct run_options){.seed = 7});
    struct err err = {0};
    assert_int_equal(store_steps_load(f.store, run, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    run_free(run);
    arena_free(shorter.arena);
    close_fixture(&f);
}

TEST(artifacts_of_a_step_are_found_without_its_run)
{
    struct fixture f = open_fixture();
    struct json artifacts;
    driver_begin(&f.d);
    json_set(f.d.run->arena, &item_at(&f.d, "list")->artifacts, "plot", json_cstring(f.d.run->arena, "/a"));
    persist(&f);
    assert_int_equal(store_step_artifacts(f.store, "r1", "list", f.d.run->arena, &artifacts, NULL), 0);
    assert_string_equal(json_get_text(&artifacts, "plot", ""), "/a");
    assert_int_equal(store_step_artifacts(f.store, "r1", "none", f.d.run->arena, &artifacts, NULL), 0);
    assert_int_equal(artifacts.u.object.count, 0);
    close_fixture(&f);
}

TEST(cancelling_the_rows_leaves_what_has_ended)
{
    struct fixture f = open_fixture();
    driver_begin(&f.d);
    (void)driver_start(&f.d);
    persist(&f);
    driver_succeed(&f.d, "list");
    persist(&f);
    assert_int_equal(store_steps_cancel(f.store, "r1", "by hand", 500, NULL), 0);
    f.d.run->state = RUN_STATE_CANCELLED;
    restart(&f);
    assert_string_equal(
        driver_states(&f.d),
        "cancelled: list=succeeded work=cancelled[cancelled cancelled cancelled] ask=cancelled after=cancelled");
    assert_string_equal(item_at(&f.d, "work[2]")->reason, "by hand");
    assert_int_equal(item_at(&f.d, "work[2]")->ended_ms, 500);
    assert_null(item_at(&f.d, "list")->reason);
    close_fixture(&f);
}

/* ---- attempts -------------------------------------------------------------------------------------------- */

static struct attempt_row insert_attempt(struct fixture *f, int64_t number)
{
    struct attempt_row row = {.run_id = "r1",
                              .position = 1,
                              .item = 2,
                              .number = number,
                              .state = ATTEMPT_STATE_STARTING,
                              .mark = "mark",
                              .step_run_id = "s1",
                              .runner = "runner-1",
                              .boot_id = "boot",
                              .started_ms = 100};
    assert_int_equal(store_attempt_insert(f->store, &row, NULL), 0);
    return row;
}

TEST(an_attempt_is_read_as_it_was_written_and_its_end_is_final)
{
    struct fixture f = open_fixture();
    struct attempt_row row = insert_attempt(&f, 1);
    struct attempt_row read;
    struct err err = {0};
    row.state = ATTEMPT_STATE_RUNNING;
    row.runner = "runner-2";
    row.boot_id = "boot-2";
    row.pid = 1234;
    row.start_ticks = 5678;
    row.spawning = true;
    row.wait = "{\"wait\":{}}";
    row.stopping = "cancel";
    assert_int_equal(store_attempt_update(f.store, &row, NULL), 0);
    row.state = ATTEMPT_STATE_FAILED;
    row.reason = "exit code 1";
    row.exit = "{\"code\":1}";
    row.result = "{}";
    row.ended_ms = 200;
    assert_int_equal(store_attempt_update(f.store, &row, NULL), 0);
    static const enum attempt_state later[] = {ATTEMPT_STATE_STARTING, ATTEMPT_STATE_SUCCEEDED, ATTEMPT_STATE_LOST};
    for (size_t i = 0; i < 3; i++) {
        struct attempt_row again = row;
        again.state = later[i];
        again.reason = "changed";
        again.ended_ms = i == 0 ? 0 : 300;
        assert_int_equal(store_attempt_update(f.store, &again, &err), -1);
        assert_int_equal(err.code, ERR_STATE);
    }
    assert_int_equal(store_attempt_get(f.store, row.id, f.d.run->arena, &read, NULL), 0);
    assert_int_equal(read.state, ATTEMPT_STATE_FAILED);
    assert_int_equal(read.position, 1);
    assert_int_equal(read.item, 2);
    assert_int_equal(read.number, 1);
    assert_string_equal(read.reason, "exit code 1");
    assert_string_equal(read.mark, "mark");
    assert_string_equal(read.step_run_id, "s1");
    assert_string_equal(read.runner, "runner-2");
    assert_string_equal(read.boot_id, "boot-2");
    assert_int_equal(read.pid, 1234);
    assert_int_equal(read.start_ticks, 5678);
    assert_true(read.spawning);
    assert_string_equal(read.exit, "{\"code\":1}");
    assert_string_equal(read.result, "{}");
    assert_string_equal(read.wait, "{\"wait\":{}}");
    assert_string_equal(read.stopping, "cancel");
    assert_int_equal(read.started_ms, 100);
    assert_int_equal(read.ended_ms, 200);
    close_fixture(&f);
}

TEST(an_attempt_number_serves_once_for_an_item)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct attempt_row row = insert_attempt(&f, 1);
    row.id = 0;
    assert_int_equal(store_attempt_insert(f.store, &row, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    err = (struct err){0};
    row.number = 2;
    assert_int_equal(store_attempt_insert(f.store, &row, NULL), 0);
    assert_int_equal(store_attempt_get(f.store, row.id + 1, f.d.run->arena, &row, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TEST(an_id_that_was_given_out_is_nobody_elses)
{
    struct fixture f = open_fixture();
    int64_t last = -1;
    assert_int_equal(store_attempt_last_id(f.store, &last, NULL), 0);
    assert_int_equal(last, 0);
    struct attempt_row row = insert_attempt(&f, 1);
    assert_int_equal(store_attempt_last_id(f.store, &last, NULL), 0);
    assert_int_equal(last, row.id);
    assert_int_equal(store_attempt_ids_give(f.store, 64, NULL), 0);
    assert_int_equal(store_attempt_last_id(f.store, &last, NULL), 0);
    assert_int_equal(last, 64);
    row.id = 70;
    row.number = 2;
    row.early = true;
    assert_int_equal(store_attempt_insert(f.store, &row, NULL), 0);
    assert_int_equal(store_attempt_last_id(f.store, &last, NULL), 0);
    assert_int_equal(last, 70);
    struct attempt_row read;
    assert_int_equal(store_attempt_get(f.store, 70, f.d.run->arena, &read, NULL), 0);
    assert_true(read.early);
    assert_int_equal(read.number, 2);
    close_fixture(&f);
}

TEST(an_attempt_that_is_taken_back_leaves_no_row)
{
    struct fixture f = open_fixture();
    struct err err = {0};
    struct attempt_row row = insert_attempt(&f, 1);
    assert_int_equal(store_attempt_take_back(f.store, &row, NULL), 0);
    assert_int_equal(store_attempt_get(f.store, row.id, f.d.run->arena, &row, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

struct ids {
    VEC_OF(int64_t)
};

static void take_open(void *ctx, const struct attempt_row *attempt)
{
    assert_null(attempt->reason);
    assert_null(attempt->stopping);
    assert_string_equal(attempt->run_id, "r1");
    vec_push((struct ids *)ctx, attempt->id);
}

TEST(attempts_are_listed_by_run_or_while_they_are_open)
{
    struct fixture f = open_fixture();
    struct attempt_row *list = NULL;
    size_t count = 0;
    struct attempt_row first = insert_attempt(&f, 1);
    struct attempt_row second = insert_attempt(&f, 2);
    struct attempt_row third = insert_attempt(&f, 3);
    struct ids open = {0};
    first.state = ATTEMPT_STATE_LOST;
    first.ended_ms = 300;
    assert_int_equal(store_attempt_update(f.store, &first, NULL), 0);
    assert_int_equal(store_attempts_open(f.store, take_open, &open, NULL), 0);
    assert_int_equal(open.count, 2);
    assert_int_equal(open.items[0], second.id);
    assert_int_equal(open.items[1], third.id);
    vec_clear(&open);
    assert_int_equal(store_attempt_list(f.store, "r1", f.d.run->arena, &list, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].id, first.id);
    assert_int_equal(store_attempt_list(f.store, "r2", f.d.run->arena, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(a_question_is_answered_once)
{
    struct fixture f = open_fixture();
    struct str reply;
    struct err err = {0};
    assert_int_equal(store_call_get(f.store, 1, 7, f.d.run->arena, &reply, NULL), 0);
    assert_int_equal(store_call_put(f.store, 1, 7, STR("{\"result\":1}"), NULL), 0);
    assert_int_equal(store_call_put(f.store, 1, 7, STR("{\"result\":2}"), &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_int_equal(store_call_put(f.store, 2, 7, STR("{\"result\":3}"), NULL), 0);
    assert_int_equal(store_call_get(f.store, 1, 7, f.d.run->arena, &reply, NULL), 1);
    assert_true(str_is(reply, "{\"result\":1}"));
    close_fixture(&f);
}

TESTS(RUN(a_run_goes_on_after_a_restart_at_any_point_as_if_there_had_been_none),
      RUN(an_item_is_read_as_it_was_written), RUN(the_flags_of_a_step_are_kept),
      RUN(rows_of_another_pipeline_are_called_damaged), RUN(artifacts_of_a_step_are_found_without_its_run),
      RUN(cancelling_the_rows_leaves_what_has_ended),
      RUN(an_attempt_is_read_as_it_was_written_and_its_end_is_final),
      RUN(an_attempt_number_serves_once_for_an_item), RUN(an_id_that_was_given_out_is_nobody_elses),
      RUN(an_attempt_that_is_taken_back_leaves_no_row),
      RUN(attempts_are_listed_by_run_or_while_they_are_open),
      RUN(a_question_is_answered_once))
