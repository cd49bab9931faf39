/* SPDX-License-Identifier: Apache-2.0
 * A copy of the store of one moment, and what has to change in it before another home uses it.
 */
#include "store/relocate.h"
#include "store/snapshot.h"
#include "store_file.h"

#include <sys/stat.h>

static void tag(struct store *store, const char *key)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql, "INSERT INTO experiment_tags VALUES (0, '%s', '')", key);
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(stmt_run(stmt_get_text(store, str_from(sql)), NULL), 1);
    assert_int_equal(store_commit(store, NULL), 0);
}

static int64_t log_bytes(const struct place *place)
{
    char path[128];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s-wal", place->path);
    return stat(path, &status) < 0 ? 0 : (int64_t)status.st_size;
}

TEST(a_reader_copies_what_was_committed_while_the_writer_goes_on)
{
    struct place place = make_place();
    struct place copy = make_place();
    struct store *writer = open_store(&place, STORE_READ_WRITE);
    tag(writer, "before");
    struct store *reader = open_store(&place, STORE_READ_ONLY);
    assert_int_equal(store_begin(writer, NULL), 0);
    assert_int_equal(stmt_run(stmt_get(writer, "INSERT INTO experiment_tags VALUES (0, 'open', '')"), NULL), 1);
    struct err err = {0};
    assert_int_equal(store_copy_to(reader, copy.path, INT64_MAX, &err), 0);
    assert_int_equal(store_commit(writer, NULL), 0);
    struct store *copied = open_store(&copy, STORE_READ_ONLY);
    assert_int_equal(store_check(copied, NULL), 0);
    assert_int_equal(count_tags(copied), 1);
    assert_int_equal(count_tags(writer), 2);
    store_close(copied);
    /* Another copy to the same place would be a mixture of both. */
    assert_int_equal(store_copy_to(reader, copy.path, INT64_MAX, &err), -1);
    store_close(reader);
    store_close(writer);
    remove_place(&copy);
    remove_place(&place);
}

TEST(a_copy_ends_when_the_log_grows_beyond_its_budget)
{
    struct place place = make_place();
    struct place copy = make_place();
    struct store *writer = open_store(&place, STORE_READ_WRITE);
    assert_int_equal(stmt_run(stmt_get(writer, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
                                               "i < 20000) INSERT INTO experiment_tags SELECT 0, i, '' FROM n"),
                              NULL),
                     20000);
    struct store *reader = open_store(&place, STORE_READ_ONLY);
    struct err err = {0};
    assert_true(log_bytes(&place) > 102400);
    assert_int_equal(store_copy_to(reader, copy.path, -1, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.message, "grew by more than"));
    (void)unlink(copy.path);
    assert_int_equal(store_copy_to(reader, copy.path, INT64_MAX, NULL), 0);
    store_close(reader);
    store_close(writer);
    remove_place(&copy);
    remove_place(&place);
}

TEST(the_log_is_cut_at_once_or_after_the_last_reader)
{
    struct place place = make_place();
    struct store *writer = open_store(&place, STORE_READ_WRITE);
    tag(writer, "a");
    assert_true(log_bytes(&place) > 0);
    store_shorten_log(writer);
    assert_int_equal(log_bytes(&place), 0);
    struct store *reader = open_store(&place, STORE_READ_ONLY);
    struct stmt *s = stmt_get(reader, "SELECT key FROM experiment_tags");
    assert_int_equal(stmt_step(s, NULL), 1);
    tag(writer, "b");
    store_shorten_log(writer); /* somebody reads: it does not wait */
    assert_true(log_bytes(&place) > 0);
    stmt_done(s);
    for (int i = 0; i < 400 && log_bytes(&place) > 0; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "c%d", i);
        tag(writer, key);
        store_tidy(writer);
    }
    assert_int_equal(log_bytes(&place), 0);
    store_close(reader);
    store_close(writer);
    remove_place(&place);
}

/* ---- relocating ---- */

static void run(struct store *store, const char *sql)
{
    struct err err = {0};
    if (stmt_run(stmt_get_text(store, str_from(sql)), &err) < 0) {
        fail_msg("%s: %s", sql, err.message);
    }
}

static const char *one(struct store *store, const char *sql)
{
    static char text[256];
    struct stmt *s = stmt_get_text(store, str_from(sql));
    assert_int_equal(stmt_step(s, NULL), 1);
    (void)snprintf(text, sizeof text, "%s", stmt_column_view(s, 0).p);
    stmt_done(s);
    return text;
}

TEST(places_in_the_home_move_and_nothing_else_does)
{
    struct store *store = NULL;
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &store, NULL), 0);
    run(store, "INSERT INTO experiments (name, artifact_location, created_ms, updated_ms) VALUES "
               "('own', '/old/h\"ome/artifacts/1', 0, 0), ('uri', 'file:///old/h\"ome/x', 0, 0), "
               "('near', '/old/h\"ome2/artifacts/1', 0, 0), ('far', 's3://b/old/h\"ome/x', 0, 0)");
    run(store, "INSERT INTO published VALUES ('r', '/old/h\"ome/artifacts/1/r', '', 's', 'd', '')");
    run(store, "INSERT INTO steps (run_id, position, item, step, state, outputs, artifacts) VALUES ('r', 0, 0, 's', "
               "'succeeded', '{\"at\":\"/old/h\\\"ome/artifacts/1\",\"not\":\"see /old/h\\\"ome/x\"}', "
               "'{\"a\":\"/old/h\\\"ome/artifacts/1/r/a\"}')");
    assert_int_equal(store_begin(store, NULL), 0);
    assert_int_equal(store_relocate(store, "/old/h\"ome", "/new/pl\"ace", NULL), 0);
    assert_int_equal(store_commit(store, NULL), 0);
    assert_string_equal(one(store, "SELECT artifact_location FROM experiments WHERE name = 'own'"),
                        "/new/pl\"ace/artifacts/1");
    assert_string_equal(one(store, "SELECT artifact_location FROM experiments WHERE name = 'uri'"),
                        "file:///new/pl\"ace/x");
    assert_string_equal(one(store, "SELECT artifact_location FROM experiments WHERE name = 'near'"),
                        "/old/h\"ome2/artifacts/1");
    assert_string_equal(one(store, "SELECT artifact_location FROM experiments WHERE name = 'far'"),
                        "s3://b/old/h\"ome/x");
    assert_string_equal(one(store, "SELECT path FROM published"), "/new/pl\"ace/artifacts/1/r");
    assert_string_equal(one(store, "SELECT outputs FROM steps"),
                        "{\"at\":\"/new/pl\\\"ace/artifacts/1\",\"not\":\"see /old/h\\\"ome/x\"}");
    assert_string_equal(one(store, "SELECT artifacts FROM steps"), "{\"a\":\"/new/pl\\\"ace/artifacts/1/r/a\"}");
    store_close(store);
}

TESTS(RUN(a_reader_copies_what_was_committed_while_the_writer_goes_on),
      RUN(a_copy_ends_when_the_log_grows_beyond_its_budget), RUN(the_log_is_cut_at_once_or_after_the_last_reader),
      RUN(places_in_the_home_move_and_nothing_else_does))
