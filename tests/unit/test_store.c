/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "store/schema.h"
#include "store/stmt.h"
#include "store/store_internal.h"
#include "store_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int insert(struct store *store, const char *key, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (0, :key, 'v')");
    stmt_text(s, ":key", key);
    return stmt_run_one(s, "inserting", err);
}

/* ---- opening ----------------------------------------------------------------------------------------- */

TEST(a_new_file_gets_the_newest_schema_and_opening_it_again_changes_nothing)
{
    struct place place = make_place();
    for (int i = 0; i < 2; i++) {
        store_close(open_store(&place, STORE_READ_WRITE));
        assert_int_equal(ask_raw(&place, "PRAGMA user_version"), store_schema_version());
        assert_int_equal(ask_raw(&place, "SELECT COUNT(*) FROM experiments"), 1);
    }
    remove_place(&place);
}

TEST(what_is_no_database_is_called_damaged)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    FILE *file = fopen(place.path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("name: pipeline\n", file);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(store_open(place.path, STORE_READ_WRITE, &store, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    remove_place(&place);
}

TEST(a_reader_makes_no_file)
{
    struct place place = make_place();
    struct store *store = NULL;
    assert_int_equal(store_open(place.path, STORE_READ_ONLY, &store, NULL), -1);
    assert_int_equal(access(place.path, F_OK), -1);
    remove_place(&place);
}

TEST(the_check_passes_a_sound_file_and_finds_a_damaged_one)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    char junk[1500];
    memset(junk, 0x5a, sizeof junk);
    assert_int_equal(store_check(store, NULL), 0);
    store_close(store);
    int file = open(place.path, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, junk, sizeof junk, 4096 + 5), sizeof junk);
    assert_int_equal(close(file), 0);
    if (store_open(place.path, STORE_READ_WRITE, &store, &err) == 0) {
        assert_int_equal(store_check(store, &err), -1);
        store_close(store);
    }
    assert_int_equal(err.code, ERR_CORRUPT);
    remove_place(&place);
}

/* ---- transactions ------------------------------------------------------------------------------------- */

TEST(what_is_committed_stays_and_what_is_rolled_back_is_gone)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "kept", NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "lost", NULL), 0);
    store_rollback(store);
    store_rollback(store);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "open", NULL), 0);
    store_close(store);
    store = open_store(&place, STORE_READ_ONLY);
    assert_int_equal(count_tags(store), 1);
    store_close(store);
    remove_place(&place);
}

TEST(an_event_that_is_taken_back_takes_only_itself_back)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "turn", NULL), 0);
    assert_int_equal(store_savepoint(store, NULL), 0);
    assert_int_equal(insert(store, "refused", NULL), 0);
    store_savepoint_back(store);
    assert_int_equal(store_savepoint(store, NULL), 0);
    assert_int_equal(insert(store, "event", NULL), 0);
    assert_int_equal(store_savepoint_release(store, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    assert_int_equal(count_tags(store), 2);
    store_close(store);
    remove_place(&place);
}

TEST(a_second_writer_is_told_that_the_store_is_in_use)
{
    struct place place = make_place();
    struct store *first = open_store(&place, STORE_READ_WRITE);
    struct store *second = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    assert_int_equal(store_begin(first, NULL), 0);
    assert_int_equal(store_begin(second, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(store_commit(first, NULL), 0);
    assert_int_equal(store_begin(second, NULL), 0);
    assert_int_equal(store_commit(second, NULL), 0);
    store_close(second);
    store_close(first);
    remove_place(&place);
}

/* Also one that another connection writes to. */
TEST(what_is_read_together_is_of_one_moment)
{
    struct place place = make_place();
    struct err err = {0};
    struct store *writer = open_store(&place, STORE_READ_WRITE);
    struct store *reader = open_store(&place, STORE_READ_ONLY);
    assert_int_equal(store_read_begin(reader, NULL), 0);
    assert_int_equal(store_read_begin(reader, NULL), 0); /* once more is nothing */
    assert_int_equal(count_tags(reader), 0);
    assert_int_equal(insert(writer, "a", NULL), 0);
    assert_int_equal(count_tags(reader), 0);
    store_read_end(reader);
    store_read_end(reader);
    assert_int_equal(count_tags(reader), 1);
    /* A statement that fails ends nothing; and what was written in between stays. */
    assert_int_equal(store_read_begin(writer, NULL), 0);
    assert_int_equal(insert(writer, "a", &err), -1);
    assert_int_equal(insert(writer, "b", NULL), 0);
    assert_int_equal(count_tags(writer), 2);
    store_read_end(writer);
    assert_int_equal(count_tags(reader), 2);
    store_close(reader);
    store_close(writer);
    remove_place(&place);
}

TEST(reading_within_a_transaction_leaves_it_open)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "a", NULL), 0);
    assert_int_equal(store_read_begin(store, NULL), 0);
    assert_int_equal(count_tags(store), 1);
    store_read_end(store);
    store_rollback(store);
    assert_int_equal(count_tags(store), 0);
    assert_int_equal(store_read_begin(store, NULL), 0);
    assert_int_equal(count_tags(store), 0);
    store_read_end(store);
    assert_int_equal(store_begin(store, NULL), 0); /* it has ended */
    assert_int_equal(store_commit(store, NULL), 0);
    store_close(store);
    remove_place(&place);
}

TEST(a_reader_sees_what_is_committed_and_writes_nothing)
{
    struct place place = make_place();
    struct store *writer = open_store(&place, STORE_READ_WRITE);
    struct store *reader = open_store(&place, STORE_READ_ONLY);
    struct err err = {0};
    assert_int_equal(store_begin(writer, NULL), 0);
    assert_int_equal(insert(writer, "a", NULL), 0);
    assert_int_equal(count_tags(reader), 0);
    assert_int_equal(store_commit(writer, NULL), 0);
    assert_int_equal(count_tags(reader), 1);
    assert_int_equal(insert(reader, "b", &err), -1);
    assert_int_not_equal(err.code, ERR_NONE);
    store_close(reader);
    store_close(writer);
    remove_place(&place);
}

TEST(a_full_disk_is_said_to_be_full)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    struct stmt *limit = stmt_get(store, "PRAGMA max_page_count = 1"); /* never less than there are */
    assert_int_equal(stmt_step(limit, NULL), 1);
    stmt_done(limit);
    assert_int_equal(store_begin(store, NULL), 0);
    int result = 0;
    for (int i = 0; i < 100000 && result == 0; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "a rather long key %d", i);
        result = insert(store, key, &err);
    }
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.message, "the disk is full"));
    store_rollback(store);
    store_close(store);
    remove_place(&place);
}

/* ---- statements ---------------------------------------------------------------------------------------- */

TEST(why_the_file_cannot_be_opened_is_said)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    struct rlimit all;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, all.rlim_max}), 0);
    int result = store_open(place.path, STORE_READ_WRITE, &store, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    assert_int_equal(result, -1);
    assert_non_null(strstr(err.message, "opening the store: unable to open database file: Too many open files"));
    remove_place(&place);
}

TEST(a_statement_is_kept_and_starts_anew_with_nothing_bound)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct arena *arena = arena_new();
    static const char sql[] = "SELECT :text, :blob, :real, :int";
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":text", "h\xc3\xa9");
    stmt_blob(s, ":blob", "a\0b", 3);
    stmt_real(s, ":real", 0.1);
    stmt_int(s, ":int", INT64_MIN);
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_string_equal(stmt_column_text(s, 0, arena), "h\xc3\xa9");
    assert_true(str_eq(stmt_column_blob(s, 1, arena), (struct str){"a\0b", 3}));
    assert_true(stmt_column_real(s, 2) == 0.1);
    assert_true(stmt_column_int(s, 3) == INT64_MIN);
    assert_int_equal(stmt_step(s, NULL), 0);
    stmt_done(s);
    assert_ptr_equal(stmt_get(store, sql), s);
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_true(stmt_column_is_null(s, 0));
    assert_null(stmt_column_text_or_null(s, 0, arena));
    assert_string_equal(stmt_column_text(s, 0, arena), "");
    assert_int_equal(stmt_column_blob(s, 1, arena).n, 0);
    stmt_done(s);
    arena_free(arena);
    store_close(store);
    remove_place(&place);
}

TEST(a_statement_that_cannot_be_prepared_fails_when_it_is_run)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    struct stmt *s = stmt_get(store, "SELECT nothing FROM nowhere WHERE x = :x");
    stmt_int(s, ":x", 1);
    assert_int_equal(stmt_step(s, &err), -1);
    assert_int_not_equal(err.code, ERR_NONE);
    stmt_done(s);
    store_close(store);
    remove_place(&place);
}

TEST(a_statement_that_could_not_be_prepared_is_tried_again)
{
    static const char *const sql = "SELECT COUNT(*) FROM later";
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(stmt_step(stmt_get(store, sql), NULL), -1);
    exec_raw(&place, "CREATE TABLE later (x INTEGER)");
    struct stmt *s = stmt_get(store, sql);
    assert_int_equal(stmt_step(s, NULL), 1);
    stmt_done(s);
    store_close(store);
    remove_place(&place);
}

TEST(what_cannot_be_bound_is_not_taken_for_null)
{
    static const char *const sql = "SELECT :text";
    static const char *const words = "a text that is longer than what this store may hold, by a few letters";
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    int was = sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, 50);
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":text", words);
    assert_int_equal(stmt_step(s, &err), -1);
    assert_non_null(strstr(err.message, "too big"));
    (void)sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, was);
    s = stmt_get(store, sql);
    stmt_text(s, ":text", words);
    assert_int_equal(stmt_step(s, NULL), 1);
    assert_false(stmt_column_is_null(s, 0));
    stmt_done(s);
    store_close(store);
    remove_place(&place);
}

/* No page more than there are. */
static void let_be_full(struct store *store, bool full)
{
    struct stmt *limit = stmt_get(store, full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 100000");
    assert_int_equal(stmt_step(limit, NULL), 1);
    stmt_done(limit);
}

TEST(a_transaction_in_which_the_store_failed_goes_no_further)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    char key[2000];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    let_be_full(store, true);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, "before", NULL), 0);
    for (int i = 0; i < 100 && insert(store, key, &err) == 0; i++) {
        key[i] = 'l';
    }
    assert_int_equal(err.code, ERR_LIMIT);
    err_clear(&err);
    assert_int_equal(insert(store, "after", &err), -1); /* whoever passed over it */
    assert_int_equal(err.code, ERR_LIMIT);
    err_clear(&err);
    assert_int_equal(store_commit(store, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    let_be_full(store, false);
    assert_int_equal(count_tags(store), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert(store, key, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    store_close(store);
    remove_place(&place);
}

TEST(a_broken_constraint_and_a_wrong_number_of_rows_are_errors_of_state)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    struct err err = {0};
    assert_int_equal(insert(store, "twice", NULL), 0);
    assert_int_equal(insert(store, "twice", &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    err_clear(&err);
    struct stmt *s = stmt_get(store, "UPDATE experiment_tags SET value = 'x' WHERE key = 'never'");
    assert_int_equal(stmt_run_one(s, "changing a tag", &err), -1);
    assert_int_equal(err.code, ERR_STATE);
    assert_string_equal(err.message, "changing a tag: 0 rows where one was expected");
    assert_int_equal(insert(store, "third", NULL), 0);
    store_close(store);
    remove_place(&place);
}

/* ---- the write-ahead log ------------------------------------------------------------------------------- */

/* A transaction that writes so many pages, and some more. Returns how many are only in the log. */
static int turn_of(struct store *store, int pages, bool tidies)
{
    static int written;
    static char value[4000];
    memset(value, 'v', sizeof value - 1);
    assert_int_equal(store_begin(store, NULL), 0);
    for (int i = 0; i < pages; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key %08d", written++);
        struct stmt *s = stmt_get(store, "INSERT INTO experiment_tags (experiment_id, key, value) "
                                         "VALUES (0, :key, :value)");
        stmt_text(s, ":key", key);
        stmt_text(s, ":value", value);
        assert_int_equal(stmt_run_one(s, "inserting", NULL), 0);
    }
    assert_int_equal(store_commit(store, NULL), 0);
    if (tidies) {
        store_tidy(store);
    }
    return store->wal_pages;
}

TEST(the_log_of_small_turns_is_copied_soon_and_that_of_large_ones_after_some)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    int most = 0;
    for (int i = 0; i < 40; i++) {
        int pages = turn_of(store, 10, true);
        most = pages > most ? pages : most;
    }
    assert_in_range(most, 200, 250);
    (void)turn_of(store, 300, true);
    int copied = 0;
    for (int i = 0; i < 12; i++) {
        copied += turn_of(store, 900, true) == 0 ? 1 : 0;
    }
    assert_in_range(copied, 2, 4);
    (void)turn_of(store, 900, true);
    assert_int_equal(turn_of(store, 1, true), 0); /* nothing more of that size comes */
    store_close(store);
    remove_place(&place);
}

TEST(the_log_of_one_who_never_copies_it_does_not_grow_for_ever)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    for (int i = 0; i < 40; i++) {
        assert_in_range(turn_of(store, 100, false), 0, 1000);
    }
    store_close(store);
    remove_place(&place);
}

static int64_t cache_size(struct store *store)
{
    struct stmt *s = stmt_get(store, "PRAGMA cache_size");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t size = stmt_column_int(s, 0);
    stmt_done(s);
    return size;
}

TEST(many_pages_are_kept_until_a_transaction_asks_for_few)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    int64_t few = cache_size(store);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_begin(store, NULL), 0);
        store_expect_many_pages(store);
        assert_true(cache_size(store) < 4 * few); /* both below 0: of KiB */
        assert_int_equal(store_commit(store, NULL), 0);
        assert_true(cache_size(store) < 4 * few);
    }
    assert_int_equal(store_begin(store, NULL), 0);
    store_expect_many_pages(store);
    store_rollback(store);
    (void)turn_of(store, 1, true);
    assert_int_equal(cache_size(store), few);
    store_close(store);
    remove_place(&place);
}

TESTS(RUN(a_new_file_gets_the_newest_schema_and_opening_it_again_changes_nothing),
      RUN(what_is_no_database_is_called_damaged), RUN(a_reader_makes_no_file),
      RUN(the_check_passes_a_sound_file_and_finds_a_damaged_one),
      RUN(what_is_committed_stays_and_what_is_rolled_back_is_gone),
      RUN(an_event_that_is_taken_back_takes_only_itself_back), RUN(a_second_writer_is_told_that_the_store_is_in_use),
      RUN(what_is_read_together_is_of_one_moment),
      RUN(reading_within_a_transaction_leaves_it_open),
      RUN(a_reader_sees_what_is_committed_and_writes_nothing), RUN(a_full_disk_is_said_to_be_full),
      RUN(why_the_file_cannot_be_opened_is_said), RUN(a_statement_is_kept_and_starts_anew_with_nothing_bound),
      RUN(a_statement_that_cannot_be_prepared_fails_when_it_is_run),
      RUN(a_statement_that_could_not_be_prepared_is_tried_again), RUN(what_cannot_be_bound_is_not_taken_for_null),
      RUN(a_transaction_in_which_the_store_failed_goes_no_further),
      RUN(a_broken_constraint_and_a_wrong_number_of_rows_are_errors_of_state),
      RUN(the_log_of_small_turns_is_copied_soon_and_that_of_large_ones_after_some),
      RUN(the_log_of_one_who_never_copies_it_does_not_grow_for_ever),
      RUN(many_pages_are_kept_until_a_transaction_asks_for_few))
