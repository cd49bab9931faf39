/* SPDX-License-Identifier: Apache-2.0 */
#include "store/secrets.h"

#include "store_fixture.h"

static struct secret_row some_row(const char *name)
{
    return (struct secret_row){.name = name,
                               .sealed = {"\1\0\xff sealed", 10},
                               .key_id = "0011223344556677",
                               .pipelines = "[\"nightly\"]",
                               .set_by = "ann",
                               .set_ms = 100};
}

TEST(a_secret_is_read_as_it_was_put_and_the_last_one_of_a_name_stays)
{
    struct fixture f = open_empty();
    struct secret_row made = some_row("TOKEN");
    struct secret_row read;
    struct err err = {0};
    assert_int_equal(store_secret_get(f.store, "TOKEN", f.arena, &read, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(store_secret_put(f.store, &made, NULL), 0);
    assert_int_equal(store_secret_get(f.store, "TOKEN", f.arena, &read, NULL), 0);
    assert_string_equal(read.name, "TOKEN");
    assert_true(str_eq(read.sealed, made.sealed));
    assert_string_equal(read.key_id, "0011223344556677");
    assert_string_equal(read.pipelines, "[\"nightly\"]");
    assert_string_equal(read.set_by, "ann");
    assert_int_equal(read.set_ms, 100);
    made.sealed = STR("another");
    made.key_id = "8899aabbccddeeff";
    made.pipelines = "null";
    made.set_by = "bob";
    made.set_ms = 200;
    assert_int_equal(store_secret_put(f.store, &made, NULL), 0);
    assert_int_equal(store_secret_get(f.store, "TOKEN", f.arena, &read, NULL), 0);
    assert_true(str_is(read.sealed, "another"));
    assert_string_equal(read.key_id, "8899aabbccddeeff");
    assert_string_equal(read.pipelines, "null");
    assert_string_equal(read.set_by, "bob");
    assert_int_equal(read.set_ms, 200);
    close_fixture(&f);
}

TEST(secrets_are_listed_by_name_and_removed_once)
{
    struct fixture f = open_empty();
    static const char *const names[] = {"B", "a", "A"};
    struct secret_row *rows = NULL;
    struct err err = {0};
    size_t count = 7;
    assert_int_equal(store_secret_list(f.store, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 3; i++) {
        struct secret_row row = some_row(names[i]);
        assert_int_equal(store_secret_put(f.store, &row, NULL), 0);
    }
    assert_int_equal(store_secret_remove(f.store, "B", NULL), 0);
    assert_int_equal(store_secret_remove(f.store, "B", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "there is no secret 'B'");
    assert_int_equal(store_secret_list(f.store, f.arena, &rows, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].name, "A");
    assert_string_equal(rows[1].name, "a");
    assert_true(str_eq(rows[1].sealed, some_row("a").sealed));
    close_fixture(&f);
}

TEST(every_home_has_an_id_of_its_own)
{
    struct fixture f = open_empty();
    struct fixture other = open_empty();
    const char *id = NULL;
    const char *again = NULL;
    const char *other_id = NULL;
    assert_int_equal(store_home_id(f.store, f.arena, &id, NULL), 0);
    assert_int_equal(store_home_id(f.store, f.arena, &again, NULL), 0);
    assert_int_equal(store_home_id(other.store, other.arena, &other_id, NULL), 0);
    assert_int_equal(strlen(id), 32);
    assert_string_equal(id, again);
    assert_string_not_equal(id, other_id);
    close_fixture(&f);
    close_fixture(&other);
}

TESTS(RUN(a_secret_is_read_as_it_was_put_and_the_last_one_of_a_name_stays),
      RUN(secrets_are_listed_by_name_and_removed_once), RUN(every_home_has_an_id_of_its_own))
