/* SPDX-License-Identifier: Apache-2.0
 * What a transaction has read once is not read again in it; and it is forgotten with what is taken back.
 */
#include "store/events.h"
#include "store/experiments.h"
#include "store/removals.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store_file.h"
#include "store_fixture.h"

static void append(const struct fixture *f, const char *action)
{
    const struct activity activity = {.at_ms = 5, .actor = "ann", .action = action, .object = "run wine 1"};
    assert_int_equal(store_activity_append(f->store, &activity, NULL), 0);
}

/* "first second ", in the order of the log, whose chain holds. */
static const char *actions(const struct fixture *f)
{
    struct activity *rows = NULL;
    size_t count = 0;
    int64_t verified = 0;
    char head[96];
    const char *words = "";
    assert_int_equal(store_activity_verify(f->store, NULL, &verified, head, NULL), 0);
    assert_int_equal(store_activity_list(f->store, NULL, false, 0, 100, f->arena, &rows, &count, NULL), 0);
    assert_int_equal(verified, count);
    for (size_t i = 0; i < count; i++) {
        words = arena_printf(f->arena, "%s%s ", words, rows[i].action);
    }
    return words;
}

TEST(rows_of_the_log_follow_what_stays_when_a_part_or_all_is_taken_back)
{
    struct fixture f = open_empty();
    append(&f, "alone");
    assert_int_equal(store_begin(f.store, NULL), 0);
    append(&f, "first");
    assert_int_equal(store_savepoint(f.store, NULL), 0);
    append(&f, "taken.back");
    store_savepoint_back(f.store);
    append(&f, "second");
    assert_int_equal(store_savepoint(f.store, NULL), 0);
    append(&f, "third");
    assert_int_equal(store_savepoint_release(f.store, NULL), 0);
    append(&f, "fourth");
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_int_equal(store_begin(f.store, NULL), 0);
    append(&f, "rolled.back");
    store_rollback(f.store);
    append(&f, "last");
    assert_string_equal(actions(&f), "alone first second third fourth last ");
    close_fixture(&f);
}

TEST(a_row_that_another_process_has_added_is_followed)
{
    struct place place = make_place();
    struct fixture own = {open_store(&place, STORE_READ_WRITE), arena_new()};
    struct fixture other = {open_store(&place, STORE_READ_WRITE), own.arena};
    static const unsigned char key[32] = "the key of a home for a test";
    store_activity_set_key(own.store, key);
    store_activity_set_key(other.store, key);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_begin(own.store, NULL), 0);
        append(&own, "own");
        assert_int_equal(store_commit(own.store, NULL), 0);
        append(&other, "other");
    }
    assert_string_equal(actions(&own), "own other own other ");
    store_close(other.store);
    close_fixture(&own);
    remove_place(&place);
}

TEST(whether_something_is_told_follows_what_is_set_and_taken_back)
{
    struct fixture f = open_empty();
    assert_int_equal(store_begin(f.store, NULL), 0);
    assert_int_equal(store_telling_is_on(f.store, NULL), 0);
    assert_int_equal(store_savepoint(f.store, NULL), 0);
    assert_int_equal(store_telling_set(f.store, true, 5, NULL), 0);
    assert_int_equal(store_telling_is_on(f.store, NULL), 1);
    store_savepoint_back(f.store);
    assert_int_equal(store_telling_is_on(f.store, NULL), 0);
    assert_int_equal(store_telling_set(f.store, true, 5, NULL), 0);
    assert_int_equal(store_commit(f.store, NULL), 0);
    assert_int_equal(store_telling_is_on(f.store, NULL), 1);
    assert_int_equal(store_begin(f.store, NULL), 0);
    assert_int_equal(store_telling_set(f.store, false, 5, NULL), 0);
    assert_int_equal(store_telling_is_on(f.store, NULL), 0);
    store_rollback(f.store);
    assert_int_equal(store_telling_is_on(f.store, NULL), 1);
    close_fixture(&f);
}

static int take_out(struct store *store, int64_t id)
{
    return store_experiment_delete(store, id, 6, NULL);
}

static int take_away(struct store *store, int64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)id);
    return store_remove_experiment(store, text, NULL);
}

TEST(an_experiment_that_goes_is_not_active_in_the_same_transaction)
{
    static int (*const ways[])(struct store *store, int64_t id) = {take_out, take_away};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct fixture f = open_empty();
        int64_t id = 0;
        assert_int_equal(store_begin(f.store, NULL), 0);
        assert_int_equal(store_experiment_ensure(f.store, "wine", 5, &id, NULL), 0);
        assert_int_equal(store_experiment_require_active(f.store, id, NULL), 0);
        assert_int_equal(ways[i](f.store, id), 0);
        assert_int_equal(store_experiment_require_active(f.store, id, NULL), -1);
        store_rollback(f.store);
        assert_int_equal(store_experiment_require_active(f.store, id, NULL), -1); /* it was never there */
        close_fixture(&f);
    }
}

TEST(an_experiment_whose_making_is_taken_back_is_not_there)
{
    struct fixture f = open_empty();
    int64_t id = 0;
    assert_int_equal(store_begin(f.store, NULL), 0);
    assert_int_equal(store_savepoint(f.store, NULL), 0);
    assert_int_equal(store_experiment_ensure(f.store, "wine", 5, &id, NULL), 0);
    store_savepoint_back(f.store);
    assert_int_equal(store_experiment_require_active(f.store, id, NULL), -1);
    store_rollback(f.store);
    close_fixture(&f);
}

TESTS(RUN(rows_of_the_log_follow_what_stays_when_a_part_or_all_is_taken_back),
      RUN(a_row_that_another_process_has_added_is_followed),
      RUN(whether_something_is_told_follows_what_is_set_and_taken_back),
      RUN(an_experiment_that_goes_is_not_active_in_the_same_transaction),
      RUN(an_experiment_whose_making_is_taken_back_is_not_there))
