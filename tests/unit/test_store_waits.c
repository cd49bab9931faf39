/* SPDX-License-Identifier: Apache-2.0 */
#include "store/waits.h"
#include "store_fixture.h"

static struct wait_row insert(struct fixture *f, const char *run_id, int64_t attempt)
{
    struct wait_row wait = {.attempt = attempt,
                            .run_id = run_id,
                            .position = 2,
                            .item = 1,
                            .kind = "approval",
                            .spec = "{\"by\":[\"eva\"]}",
                            .state = "null",
                            .expires_ms = 5000,
                            .created_ms = 100};
    assert_int_equal(store_wait_insert(f->store, &wait, NULL), 0);
    assert_true(wait.id > 0);
    return wait;
}

static struct wait_row *list(struct fixture *f, const char *run_id, bool all, size_t expected)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    assert_int_equal(store_wait_list(f->store, run_id, all, f->arena, &waits, &count, NULL), 0);
    assert_int_equal(count, expected);
    return waits;
}

TEST(a_wait_is_open_until_it_ends_and_ends_once)
{
    struct fixture f = open_empty();
    struct err err = {0};
    struct wait_row wait = insert(&f, "r1", 7);
    const struct wait_row *read = list(&f, "r1", false, 1);
    assert_int_equal(read->id, wait.id);
    assert_int_equal(read->attempt, 7);
    assert_int_equal(read->position, 2);
    assert_int_equal(read->item, 1);
    assert_string_equal(read->kind, "approval");
    assert_string_equal(read->spec, "{\"by\":[\"eva\"]}");
    assert_string_equal(read->state, "null");
    assert_string_equal(read->status, "open");
    assert_null(read->outcome);
    assert_int_equal(read->check_ms, 0);
    assert_int_equal(read->expires_ms, 5000);
    wait = *read;
    wait.check_ms = 200; /* a look that found nothing */
    wait.spec = "{\"seen\":1}";
    assert_int_equal(store_wait_update(f.store, &wait, NULL), 0);
    assert_string_equal(list(&f, "r1", false, 1)->spec, "{\"seen\":1}");
    assert_int_equal(list(&f, "r1", false, 1)->check_ms, 200);
    wait.status = "met";
    wait.outcome = "{\"outcome\":\"met\"}";
    wait.ended_ms = 300;
    assert_int_equal(store_wait_update(f.store, &wait, NULL), 0);
    (void)list(&f, "r1", false, 0);
    static const char *const later[] = {"open", "rejected", "expired", "withdrawn", "void", "met"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        wait.status = later[i];
        wait.outcome = "{}";
        assert_int_equal(store_wait_update(f.store, &wait, &err), -1);
        assert_int_equal(err.code, ERR_STATE);
    }
    read = list(&f, "r1", true, 1);
    assert_string_equal(read->status, "met");
    assert_string_equal(read->outcome, "{\"outcome\":\"met\"}");
    assert_int_equal(read->ended_ms, 300);
    close_fixture(&f);
}

TEST(waits_are_listed_by_run_oldest_first)
{
    struct fixture f = open_empty();
    struct wait_row first = insert(&f, "r1", 1);
    struct wait_row second = insert(&f, "r2", 2);
    struct wait_row third = insert(&f, "r1", 3);
    const struct wait_row *waits = list(&f, NULL, false, 3);
    assert_int_equal(waits[0].id, first.id);
    assert_int_equal(waits[1].id, second.id);
    waits = list(&f, "r1", false, 2);
    assert_int_equal(waits[1].id, third.id);
    (void)list(&f, "r3", true, 0);
    close_fixture(&f);
}

/* The number of due waits at a time, and of them the first two; the last word is when to look again. */
static int64_t due_at(struct fixture *f, int64_t now_ms, size_t expected, int64_t first, int64_t second)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    int64_t next_ms = -1;
    assert_int_equal(store_wait_list_due(f->store, now_ms, f->arena, &waits, &count, &next_ms, NULL), 0);
    assert_int_equal(count, expected);
    assert_true(count < 1 || (waits[0].id == first && waits[0].spec != NULL));
    assert_true(count < 2 || waits[1].id == second);
    return next_ms;
}

TEST(a_wait_is_due_at_its_check_and_when_it_expires)
{
    struct fixture f = open_empty();
    assert_int_equal(due_at(&f, 100000, 0, 0, 0), 0);
    struct wait_row expires = insert(&f, "r2", 1); /* at 5000 */
    struct wait_row checked = insert(&f, "r1", 2);
    struct wait_row never = insert(&f, "r1", 3);
    struct wait_row over = insert(&f, "r1", 4);
    checked.check_ms = 200;
    never.expires_ms = 0;
    over.status = "met";
    over.ended_ms = 150;
    checked.status = never.status = "open";
    struct wait_row *changed[] = {&checked, &never, &over};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_wait_update(f.store, changed[i], NULL), 0);
    }
    assert_int_equal(due_at(&f, 199, 0, 0, 0), 200);
    assert_int_equal(due_at(&f, 200, 1, checked.id, 0), 5000);
    assert_int_equal(due_at(&f, 4999, 1, checked.id, 0), 5000);
    assert_int_equal(due_at(&f, 5000, 2, expires.id, checked.id), 0);
    checked.check_ms = 9000; /* it expires before */
    assert_int_equal(store_wait_update(f.store, &checked, NULL), 0);
    assert_int_equal(due_at(&f, 4999, 0, 0, 0), 5000);
    assert_int_equal(due_at(&f, 5000, 2, expires.id, checked.id), 0);
    close_fixture(&f);
}

TEST(the_waits_of_items_that_have_ended_are_withdrawn)
{
    struct fixture f = open_empty();
    struct run_item items[2] = {{.state = STEP_STATE_WAITING}, {.state = STEP_STATE_CANCELLED}};
    struct run_step steps[3] = {[2] = {.items = items, .item_count = 2}};
    const struct pipeline pipeline = {.step_count = 3};
    const struct run run = {.run_id = "r1", .pipeline = &pipeline, .steps = steps};
    struct wait_row ended = insert(&f, "r1", 1); /* of item 1 */
    struct wait_row other = insert(&f, "r2", 2);
    assert_int_equal(store_waits_withdraw(f.store, &run, 700, NULL), 0);
    assert_int_equal(list(&f, NULL, false, 1)->id, other.id);
    const struct wait_row *read = list(&f, "r1", true, 1);
    assert_int_equal(read->id, ended.id);
    assert_string_equal(read->status, "withdrawn");
    assert_int_equal(read->ended_ms, 700);
    items[1].state = STEP_STATE_WAITING;
    (void)insert(&f, "r1", 3);
    assert_int_equal(store_waits_withdraw(f.store, &run, 800, NULL), 0);
    (void)list(&f, "r1", false, 1);
    close_fixture(&f);
}

TEST(the_last_outcome_of_an_attempt_is_found)
{
    struct fixture f = open_empty();
    struct wait_row found;
    struct wait_row rows[] = {insert(&f, "r1", 7), insert(&f, "r1", 7), insert(&f, "r1", 8), insert(&f, "r1", 7)};
    assert_int_equal(store_wait_last(f.store, "r1", 7, f.arena, &found, NULL), 0);
    for (size_t i = 0; i < 3; i++) { /* the last of attempt 7 is still open */
        rows[i].status = "met";
        rows[i].outcome = "{}";
        assert_int_equal(store_wait_update(f.store, &rows[i], NULL), 0);
    }
    assert_int_equal(store_wait_last(f.store, "r1", 7, f.arena, &found, NULL), 1);
    assert_int_equal(found.id, rows[1].id);
    assert_string_equal(found.outcome, "{}");
    assert_int_equal(store_wait_last(f.store, "r2", 7, f.arena, &found, NULL), 0);
    close_fixture(&f);
}

TEST(a_person_has_one_voice_and_the_last_word_counts)
{
    struct fixture f = open_empty();
    struct wait_row wait = insert(&f, "r1", 1);
    struct wait_row other = insert(&f, "r1", 2);
    static const struct vote given[] = {{"eva", "approve", "good", "[\"leads\"]", 10, NULL, NULL},
                                        {"bob", "approve", "", "[]", 20, "server", "ann"},
                                        {"eva", "reject", "no, bad", "[]", 30, "tag", NULL}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_vote_put(f.store, wait.id, &given[i], NULL), 0);
    }
    struct vote *votes = NULL;
    size_t count = 0;
    assert_int_equal(store_vote_list(f.store, wait.id, f.arena, &votes, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(votes[0].actor, "bob");
    assert_string_equal(votes[1].actor, "eva");
    assert_string_equal(votes[1].decision, "reject");
    assert_string_equal(votes[1].reason, "no, bad");
    assert_string_equal(votes[1].groups, "[]");
    assert_int_equal(votes[1].at_ms, 30);
    assert_int_equal(store_vote_list(f.store, other.id, f.arena, &votes, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(a_vote_on_nothing_is_refused)
{
    struct fixture f = open_empty();
    struct vote vote = {"eva", "approve", "", "[]", 10, NULL, NULL};
    struct err err = {0};
    assert_int_equal(store_vote_put(f.store, 99, &vote, &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    close_fixture(&f);
}

TESTS(RUN(a_wait_is_open_until_it_ends_and_ends_once), RUN(waits_are_listed_by_run_oldest_first),
      RUN(a_wait_is_due_at_its_check_and_when_it_expires), RUN(the_waits_of_items_that_have_ended_are_withdrawn),
      RUN(the_last_outcome_of_an_attempt_is_found),
      RUN(a_person_has_one_voice_and_the_last_word_counts), RUN(a_vote_on_nothing_is_refused))
