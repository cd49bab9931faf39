/* SPDX-License-Identifier: Apache-2.0 */
#include "store/published.h"
#include "store_fixture.h"

static void put(struct fixture *f, const char *owner, const char *path, const char *sha256, bool alters)
{
    struct published_row row = {
        .owner = owner, .path = path, .name = "n", .step = "s", .sha256 = sha256, .stamp = "stamp"};
    assert_int_equal(store_published_put(f->store, &row, alters, NULL), 0);
}

static const char *digest_at(struct fixture *f, const char *owner, const char *path)
{
    struct published_row row;
    int found = store_published_get(f->store, owner, path, f->arena, &row, NULL);
    assert_true(found >= 0);
    return found == 1 ? row.sha256 : "none";
}

TEST(what_was_published_is_found_by_its_owner_and_path)
{
    struct fixture f = open_empty();
    struct published_row row;
    put(&f, "r1", "/h/r1/a", "one", false);
    assert_int_equal(store_published_get(f.store, "r1", "/h/r1/a", f.arena, &row, NULL), 1);
    assert_string_equal(row.name, "n");
    assert_string_equal(row.step, "s");
    assert_string_equal(row.stamp, "stamp");
    assert_string_equal(digest_at(&f, "r2", "/h/r1/a"), "none");
    assert_string_equal(digest_at(&f, "r1", "/h/r1"), "none");
    put(&f, "r1", "/h/r1/a", "two", false);
    assert_string_equal(digest_at(&f, "r1", "/h/r1/a"), "two");
    close_fixture(&f);
}

TEST(a_folder_takes_the_place_of_what_was_recorded_below_it)
{
    struct fixture f = open_empty();
    put(&f, "r1", "/h/d/x", "x", false);
    put(&f, "r1", "/h/d/e/y", "y", false);
    put(&f, "r1", "/h/d.txt", "beside", false);
    put(&f, "r1", "/h/d0", "beside", false);
    put(&f, "r2", "/h/d/x", "other", false);
    put(&f, "r1", "/h/d", "d", false);
    assert_string_equal(digest_at(&f, "r1", "/h/d"), "d");
    assert_string_equal(digest_at(&f, "r1", "/h/d/x"), "none");
    assert_string_equal(digest_at(&f, "r1", "/h/d/e/y"), "none");
    assert_string_equal(digest_at(&f, "r1", "/h/d.txt"), "beside");
    assert_string_equal(digest_at(&f, "r1", "/h/d0"), "beside");
    assert_string_equal(digest_at(&f, "r2", "/h/d/x"), "other");
    close_fixture(&f);
}

TEST(what_alters_a_folder_ends_what_was_recorded_of_it)
{
    struct fixture f = open_empty();
    put(&f, "r1", "/h/d", "d", false);
    put(&f, "r1", "/h/d/x", "x", false); /* a part of it, as it is in it */
    assert_string_equal(digest_at(&f, "r1", "/h/d"), "d");
    put(&f, "r1", "/h/d/e/new", "new", true);
    assert_string_equal(digest_at(&f, "r1", "/h/d"), "none");
    assert_string_equal(digest_at(&f, "r1", "/h/d/x"), "x");
    close_fixture(&f);
}

TESTS(RUN(what_was_published_is_found_by_its_owner_and_path),
      RUN(a_folder_takes_the_place_of_what_was_recorded_below_it),
      RUN(what_alters_a_folder_ends_what_was_recorded_of_it))
