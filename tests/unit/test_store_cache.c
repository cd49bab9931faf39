/* SPDX-License-Identifier: Apache-2.0
 * Keys, kept results and digests of files.
 */
#include "store/cache.h"

#include "store_fixture.h"

static struct cache_entry entry_of(const char *key, const char *run_id, int64_t created_ms)
{
    return (struct cache_entry){.key = key,
                                .pipeline = "p",
                                .step = "s",
                                .run_id = run_id,
                                .place = {2, 3},
                                .matrix = "{\"lr\":1}",
                                .created_ms = created_ms};
}

TEST(the_later_result_of_a_key_is_the_one_that_is_kept)
{
    struct fixture f = open_empty();
    struct cache_entry found;
    struct cache_entry rows[] = {entry_of("k", "r1", 10), entry_of("k", "r2", 20), entry_of("other", "r3", 15)};
    assert_int_equal(store_cache_get(f.store, "k", f.arena, &found, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(store_cache_put(f.store, &rows[i], NULL), 0);
    }
    assert_int_equal(store_cache_get(f.store, "k", f.arena, &found, NULL), 1);
    assert_string_equal(found.run_id, "r2");
    assert_int_equal(found.created_ms, 20);
    assert_int_equal(found.place.step, 2);
    assert_int_equal(found.place.item, 3);
    struct cache_entry *list = NULL;
    size_t count = 0;
    assert_int_equal(store_cache_list(f.store, "p", "s", "{\"lr\":1}", 5, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].run_id, "r2");
    assert_string_equal(list[1].run_id, "r3");
    assert_int_equal(store_cache_list(f.store, "p", "s", "{\"lr\":1}", 1, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(store_cache_list(f.store, "p", "s", "null", 5, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(the_last_word_on_an_item_counts)
{
    struct fixture f = open_empty();
    struct step_key key = {
        .run_id = "r", .place = {1, 0}, .key = "k", .parts = "{}", .files = "{\"/a\":\"b\"}", .decision = "{}"};
    struct step_key found;
    assert_int_equal(store_step_key_get(f.store, "r", key.place, f.arena, &found, NULL), 0);
    assert_int_equal(store_step_key_put(f.store, &key, NULL), 0);
    key.decision = "{\"outcome\":\"ran\"}";
    assert_int_equal(store_step_key_put(f.store, &key, NULL), 0);
    assert_int_equal(store_step_key_get(f.store, "r", key.place, f.arena, &found, NULL), 1);
    assert_string_equal(found.decision, key.decision);
    assert_string_equal(found.files, key.files);
    assert_int_equal(store_step_key_get(f.store, "r", (struct run_place){1, 1}, f.arena, &found, NULL), 0);
    close_fixture(&f);
}

TEST(a_digest_is_known_only_with_the_very_stamp)
{
    struct fixture f = open_empty();
    char sha256[65] = "";
    assert_int_equal(store_file_digest_get(f.store, "/a", "1:2", sha256, NULL), 0);
    assert_int_equal(store_file_digest_put(f.store, "/a", "1:2", "old", NULL), 0);
    assert_int_equal(store_file_digest_put(f.store, "/a", "1:3", "new", NULL), 0);
    assert_int_equal(store_file_digest_get(f.store, "/a", "1:2", sha256, NULL), 0);
    assert_int_equal(store_file_digest_get(f.store, "/a", "1:3", sha256, NULL), 1);
    assert_string_equal(sha256, "new");
    close_fixture(&f);
}

TESTS(RUN(the_later_result_of_a_key_is_the_one_that_is_kept), RUN(the_last_word_on_an_item_counts),
      RUN(a_digest_is_known_only_with_the_very_stamp))
