/* SPDX-License-Identifier: Apache-2.0 */
#include "store/first_sync.h"

#include "store/store_internal.h"
#include "store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static int insert_tag(struct store *store, const char *key)
{
    char sql[200];
    (void)snprintf(sql, sizeof sql, "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (0, '%s', '')",
                   key);
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

static void put_tag(struct store *store, const char *key)
{
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert_tag(store, key), SQLITE_OK);
    assert_int_equal(store_commit(store, NULL), 0);
}

static int64_t synchronous_of(struct store *store)
{
    struct stmt *s = stmt_get(store, "PRAGMA synchronous");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t level = stmt_column_int(s, 0);
    stmt_done(s);
    return level;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

TEST(a_new_store_is_synced_by_the_first_commit_that_writes)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    int file = open(place.folder, O_RDONLY);
    assert_true(file > 0);
    store_sync_beside(store, file);
    assert_true(store_is_unsynced(store));
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    assert_true(store_is_unsynced(store) && is_open(file));
    put_tag(store, "first");
    assert_false(store_is_unsynced(store));
    assert_false(is_open(file));
    store_close(store);
    remove_place(&place);
}

TEST(what_is_written_while_syncs_are_put_off_is_no_promise)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(store_sync_later(store, true, NULL), 0);
    put_tag(store, "beginning");
    assert_int_equal(store_sync_later(store, false, NULL), 0);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    assert_true(store_is_unsynced(store));
    put_tag(store, "promise");
    assert_false(store_is_unsynced(store));
    assert_int_equal(store_sync_later(store, true, NULL), 0);
    put_tag(store, "another");
    assert_int_equal(synchronous_of(store), 2); /* FULL: nothing is put off any more */
    store_close(store);
    remove_place(&place);
}

TEST(a_store_left_unsynced_by_a_kill_owes_its_syncs_still)
{
    struct place place = make_place();
    pid_t child = fork();
    if (child == 0) {
        (void)open_store(&place, STORE_READ_WRITE);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct store *store = open_store(&place, STORE_READ_WRITE);
    assert_true(store_is_unsynced(store));
    put_tag(store, "promise");
    assert_false(store_is_unsynced(store));
    store_close(store);
    store = open_store(&place, STORE_READ_WRITE);
    assert_false(store_is_unsynced(store));
    store_close(store);
    remove_place(&place);
}

TEST(a_file_beside_that_cannot_be_synced_fails_the_commit_and_leaves_nothing_of_it)
{
    struct place place = make_place();
    struct store *store = open_store(&place, STORE_READ_WRITE);
    int ends[2];
    assert_int_equal(pipe(ends), 0); /* which has no disk: EINVAL */
    store_sync_beside(store, ends[0]);
    struct err err = {0};
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(insert_tag(store, "lost"), SQLITE_OK);
    assert_int_equal(store_commit(store, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.message, "syncing what lies beside the store"));
    assert_int_equal(count_tags(store), 0);
    assert_true(store_is_unsynced(store));
    store_sync_beside(store, 0);
    put_tag(store, "again");
    assert_false(store_is_unsynced(store));
    store_close(store);
    (void)close(ends[1]);
    remove_place(&place);
}

/* As a power cut may leave it: the page has its place, and not its bytes. */
TEST(a_page_of_zeros_that_was_never_synced_is_a_new_store)
{
    struct place place = make_place();
    int fd = open(place.path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    (void)close(fd);
    assert_int_equal(store_mend_unsynced(place.path, NULL), 0);
    struct store *store = open_store(&place, STORE_READ_WRITE);
    put_tag(store, "first");
    store_close(store);
    assert_int_equal(store_mend_unsynced(place.path, NULL), 0);
    store = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(count_tags(store), 1);
    store_close(store);
    remove_place(&place);
}

TEST(zeros_that_are_more_than_a_page_are_damage)
{
    struct place place = make_place();
    struct store *store = NULL;
    struct err err = {0};
    int fd = open(place.path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    (void)close(fd);
    assert_int_equal(store_mend_unsynced(place.path, NULL), 0);
    assert_int_equal(store_open(place.path, STORE_READ_WRITE, &store, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    remove_place(&place);
}

TESTS(RUN(a_new_store_is_synced_by_the_first_commit_that_writes),
      RUN(what_is_written_while_syncs_are_put_off_is_no_promise),
      RUN(a_store_left_unsynced_by_a_kill_owes_its_syncs_still),
      RUN(a_file_beside_that_cannot_be_synced_fails_the_commit_and_leaves_nothing_of_it),
      RUN(a_page_of_zeros_that_was_never_synced_is_a_new_store),
      RUN(zeros_that_are_more_than_a_page_are_damage))
