/* SPDX-License-Identifier: Apache-2.0
 * Items that are begun before their turn (engine/heirs.c): which may be, and that taking one back leaves nothing.
 */
#include "run_driver.h"

static const char *follower_of(const struct driver *d, const char *step)
{
    size_t index = run_follower(d->run, place_at(d, step).step);
    return index == SIZE_MAX ? "" : arena_str(d->made.arena, d->made.pipeline->steps[index].id).p;
}

TEST(a_step_follows_the_one_that_it_only_waits_for)
{
    struct driver d = driver_of(
        MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "a b"}, {.id = "d", .needs = "c"}), NULL);
    driver_begin(&d);
    assert_string_equal(follower_of(&d, "a"), "b");
    assert_string_equal(follower_of(&d, "b"), "");
    assert_string_equal(driver_start(&d), "a");
    driver_succeed(&d, "a");
    assert_string_equal(follower_of(&d, "a"), "");
    assert_string_equal(follower_of(&d, "b"), "c");
    assert_string_equal(follower_of(&d, "c"), "d");
    assert_string_equal(follower_of(&d, "d"), "");
    driver_free(&d);
}

TEST(what_may_be_skipped_follows_nobody)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "x"}, {.id = "b", .needs = "a", .condition = "always()"},
                                     {.id = "c", .needs = "a x"},
                                     {.id = "m", .needs = "a", .matrix = "{\"k\": [1, 2]}"}),
                                NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a x");
    assert_string_equal(follower_of(&d, "a"), "");
    driver_fail(&d, "x");
    assert_string_equal(follower_of(&d, "a"), "");
    driver_free(&d);
}

TEST(what_is_not_needed_follows_nobody)
{
    struct run_options until = {.until = "a", .seed = 7};
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), &until);
    driver_begin(&d);
    assert_string_equal(follower_of(&d, "a"), "");
    driver_free(&d);
}

TEST(a_reserved_item_is_taken_by_its_name_alone)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b"}, {.id = "c"}), NULL);
    driver_begin(&d);
    run_reserve(d.run, place_at(&d, "a"));
    run_reserve(d.run, place_at(&d, "b"));
    assert_int_equal(run_first_ready(d.run)->place.step, place_at(&d, "c").step);
    assert_string_equal(driver_start(&d), "c");
    assert_null(run_first_ready(d.run));
    assert_string_equal(driver_states(&d), "running: a=ready b=ready c=active");
    assert_true(run_take(d.run, place_at(&d, "b"), d.now_ms, &d.changes));
    assert_false(run_is_reserved(d.run, place_at(&d, "b")));
    run_release(d.run, place_at(&d, "b")); /* it has begun: nothing to go back to */
    assert_null(run_first_ready(d.run));
    run_release(d.run, place_at(&d, "a"));
    assert_false(run_is_reserved(d.run, place_at(&d, "a")));
    assert_string_equal(driver_start(&d), "a");
    driver_free(&d);
}

TEST(what_is_released_stands_where_it_stood)
{
    struct driver d =
        driver_of(MAKE({.id = "a"}, {.id = "b"}, {.id = "c"}, {.id = "d"}, {.id = "e"}, {.id = "f"}), NULL);
    static const char *const reserved[] = {"a", "b", "c", "e"};
    static const char *const released[] = {"b", "e", "c", "a"}; /* "e" has not been passed over yet */
    driver_begin(&d);
    for (int i = 0; i < 4; i++) {
        run_reserve(d.run, place_at(&d, reserved[i]));
    }
    assert_int_equal(run_first_ready(d.run)->place.step, place_at(&d, "d").step);
    for (int i = 0; i < 4; i++) {
        run_release(d.run, place_at(&d, released[i]));
    }
    assert_string_equal(driver_start(&d), "a b c d e f");
    driver_free(&d);
}

TEST(what_is_released_after_all_others_have_begun_comes_before_what_is_ready_since)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b"}, {.id = "c"}, {.id = "d", .needs = "a"}), NULL);
    driver_begin(&d);
    run_reserve(d.run, place_at(&d, "b"));
    run_reserve(d.run, place_at(&d, "c"));
    assert_string_equal(driver_start(&d), "a");
    assert_null(run_first_ready(d.run));
    driver_succeed(&d, "a");
    run_release(d.run, place_at(&d, "c"));
    run_release(d.run, place_at(&d, "b"));
    assert_string_equal(driver_start(&d), "b c d");
    driver_free(&d);
}

TEST(a_reserved_item_can_be_cancelled_and_is_not_released_after_that)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b"}), NULL);
    driver_begin(&d);
    run_reserve(d.run, place_at(&d, "b"));
    driver_cancel(&d, "by ann");
    run_release(d.run, place_at(&d, "b"));
    assert_int_equal(item_at(&d, "b")->state, STEP_STATE_CANCELLED);
    driver_free(&d);
}

TEST(what_is_not_ready_is_not_reserved)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    run_reserve(d.run, place_at(&d, "b"));
    assert_false(run_is_reserved(d.run, place_at(&d, "b")));
    assert_string_equal(driver_start(&d), "a");
    driver_succeed(&d, "a");
    assert_string_equal(driver_start(&d), "b");
    driver_free(&d);
}

TEST(a_ready_item_that_was_taken_early_and_never_began_is_ready_again)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b"}), NULL);
    driver_begin(&d);
    run_reserve(d.run, place_at(&d, "b"));
    run_take_early(d.run, place_at(&d, "b"), d.now_ms, &d.changes);
    assert_int_equal(run_active_count(d.run), 1);
    struct run_event event = {
        .kind = RUN_EVENT_NOT_BEGUN, .place = place_at(&d, "b"), .now_ms = d.now_ms, .exit_code = -1};
    run_apply(d.run, &event, &d.changes);
    assert_string_equal(driver_start(&d), "a b");
    assert_int_equal(item_at(&d, "b")->attempts, 1);
    driver_free(&d);
}

TEST(an_early_item_is_active_and_counted_and_the_end_before_it_leaves_it_alone)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    run_take_early(d.run, place_at(&d, "b"), d.now_ms, &d.changes);
    assert_string_equal(driver_states(&d), "running: a=active b=active");
    assert_int_equal(item_at(&d, "b")->attempts, 1);
    assert_int_equal(item_at(&d, "b")->started_ms, 0);
    assert_int_equal(run_active_count(d.run), 2);
    driver_succeed(&d, "a");
    assert_string_equal(driver_states(&d), "running: a=succeeded b=active");
    assert_string_equal(driver_start(&d), "");
    driver_succeed(&d, "b");
    assert_string_equal(driver_states(&d), "succeeded: a=succeeded b=succeeded");
    driver_free(&d);
}

TEST(one_that_never_began_waits_as_before)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    run_take_early(d.run, place_at(&d, "b"), d.now_ms, &d.changes);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_NOT_BEGUN, .place = place_at(&d, "b")});
    assert_string_equal(driver_states(&d), "running: a=active b=pending");
    assert_int_equal(step_at(&d, "b")->item_count, 0);
    assert_false(step_at(&d, "b")->expanded);
    assert_int_equal(d.changes.items.count, 0);
    driver_succeed(&d, "a");
    assert_string_equal(driver_start(&d), "b");
    assert_int_equal(item_at(&d, "b")->attempts, 1);
    driver_succeed(&d, "b");
    assert_int_equal(d.run->state, RUN_STATE_SUCCEEDED);
    driver_free(&d);
}

TEST(of_a_cancelled_run_it_ends_as_if_it_had_never_been_given)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    run_take_early(d.run, place_at(&d, "b"), d.now_ms, &d.changes);
    driver_cancel(&d, "by ann");
    assert_string_equal(driver_actions(&d), "stop a[0]: cancel; stop b[0]: cancel");
    driver_end(&d, "a", ATTEMPT_STATE_CANCELLED, "cancelled");
    assert_string_equal(driver_states(&d), "running: a=cancelled b=active");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_NOT_BEGUN, .place = place_at(&d, "b")});
    assert_string_equal(driver_states(&d), "cancelled: a=cancelled b=cancelled");
    assert_string_equal(step_at(&d, "b")->reason, "by ann");
    assert_int_equal(step_at(&d, "b")->item_count, 0);
    driver_free(&d);
}

TEST(one_that_is_ready_can_be_taken_wherever_it_stands)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b"}, {.id = "c"}), NULL);
    driver_begin(&d);
    assert_true(run_take(d.run, place_at(&d, "b"), d.now_ms, &d.changes));
    assert_false(run_take(d.run, place_at(&d, "b"), d.now_ms, &d.changes));
    assert_string_equal(driver_start(&d), "a c");
    driver_free(&d);
}

TESTS(RUN(a_step_follows_the_one_that_it_only_waits_for), RUN(what_may_be_skipped_follows_nobody),
      RUN(what_is_not_needed_follows_nobody), RUN(a_reserved_item_is_taken_by_its_name_alone),
      RUN(what_is_released_stands_where_it_stood),
      RUN(what_is_released_after_all_others_have_begun_comes_before_what_is_ready_since),
      RUN(a_reserved_item_can_be_cancelled_and_is_not_released_after_that), RUN(what_is_not_ready_is_not_reserved),
      RUN(a_ready_item_that_was_taken_early_and_never_began_is_ready_again),
      RUN(an_early_item_is_active_and_counted_and_the_end_before_it_leaves_it_alone),
      RUN(one_that_never_began_waits_as_before), RUN(of_a_cancelled_run_it_ends_as_if_it_had_never_been_given),
      RUN(one_that_is_ready_can_be_taken_wherever_it_stands))
