/* SPDX-License-Identifier: Apache-2.0
 * Definitions that are kept: found by their row, read again after a doubt, bounded in bytes, alive while they are used.
 */
#include "test.h"

#include "trigger/definition_cache.h"

static struct pipeline_in_force row_of(const char *name, const char *digest)
{
    return (struct pipeline_in_force){.name = name,
                                      .source = "folder",
                                      .path = "a.yaml",
                                      .file = "/p/a.yaml",
                                      .folder = "/p",
                                      .workspace = "/p",
                                      .definition = digest,
                                      .git = "{}",
                                      .stamp = "s"};
}

/* With so many bytes in its arena, and a step that uses this. */
static struct definition *make(size_t bytes, const char *uses)
{
    struct arena *arena = arena_new();
    struct pipeline *pipeline = arena_one(arena, struct pipeline);
    struct step *steps = arena_one(arena, struct step);
    (void)arena_alloc(arena, bytes);
    steps->uses = str_from(uses);
    pipeline->steps = steps;
    pipeline->step_count = 1;
    return definition_new(arena, pipeline);
}

static void keep(struct definition_cache *cache, const struct pipeline_in_force *row, size_t bytes, const char *uses)
{
    struct definition *definition = make(bytes, uses);
    definition_cache_keep(cache, row, definition);
    definition_release(definition);
}

static bool is_kept(struct definition_cache *cache, const struct pipeline_in_force *row)
{
    struct definition *found = definition_cache_find_of(cache, row);
    definition_release(found);
    return found != NULL;
}

TEST(one_that_is_kept_is_found_until_its_row_is_in_doubt)
{
    struct definition_cache *cache = definition_cache_new();
    struct arena *arena = arena_new();
    struct pipeline_in_force row = row_of("wine", "d1");
    struct pipeline_in_force found;
    assert_null(definition_cache_find(cache, "wine", arena, &found));
    keep(cache, &row, 100, "");
    struct definition *definition = definition_cache_find(cache, "wine", arena, &found);
    assert_non_null(definition);
    assert_string_equal(found.definition, "d1");
    assert_string_equal(found.git, "{}");
    definition_release(definition);
    definition_cache_doubt(cache);
    assert_null(definition_cache_find(cache, "wine", arena, &found));
    assert_true(is_kept(cache, &row)); /* it was read again, and is the same */
    definition = definition_cache_find(cache, "wine", arena, &found);
    assert_non_null(definition);
    definition_release(definition);
    arena_free(arena);
    definition_cache_free(cache);
}

TEST(another_text_folder_or_file_is_another_definition)
{
    struct definition_cache *cache = definition_cache_new();
    struct pipeline_in_force row = row_of("wine", "d1");
    struct pipeline_in_force others[] = {row, row, row, row};
    others[0].definition = "d2";
    others[1].file = "/q/a.yaml";
    others[2].folder = "/q";
    others[3].workspace = "/q";
    keep(cache, &row, 100, "");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(is_kept(cache, &others[i]));
    }
    keep(cache, &others[0], 100, "");
    assert_true(is_kept(cache, &others[0]));
    assert_false(is_kept(cache, &row)); /* there is one of a name */
    definition_cache_free(cache);
}

TEST(what_was_not_asked_for_longest_goes_first_and_what_is_used_lives)
{
    enum { PART = DEFINITION_CACHE_BYTES / 3 };
    struct definition_cache *cache = definition_cache_new();
    struct pipeline_in_force rows[] = {row_of("a", "a"), row_of("b", "b"), row_of("c", "c")};
    keep(cache, &rows[0], PART, "");
    keep(cache, &rows[1], PART, "");
    struct definition *used = definition_cache_find_of(cache, &rows[1]);
    assert_true(is_kept(cache, &rows[0]));
    keep(cache, &rows[2], PART, "");
    assert_true(definition_cache_bytes(cache) <= DEFINITION_CACHE_BYTES);
    assert_true(is_kept(cache, &rows[0]) && is_kept(cache, &rows[2]) && !is_kept(cache, &rows[1]));
    assert_int_equal(used->users, 1);
    assert_int_equal(used->pipeline->step_count, 1);
    definition_release(used);
    struct pipeline_in_force huge = row_of("huge", "h");
    keep(cache, &huge, DEFINITION_CACHE_BYTES, "");
    assert_false(is_kept(cache, &huge));
    assert_true(is_kept(cache, &rows[0]));
    definition_cache_free(cache);
}

TEST(one_that_names_a_plugin_by_its_file_is_not_kept)
{
    struct definition_cache *cache = definition_cache_new();
    struct pipeline_in_force row = row_of("wine", "d1");
    keep(cache, &row, 100, "./own.so");
    assert_false(is_kept(cache, &row));
    assert_int_equal(definition_cache_bytes(cache), 0);
    keep(cache, &row, 100, "evaluate");
    assert_true(is_kept(cache, &row));
    definition_cache_free(cache);
}

TESTS(RUN(one_that_is_kept_is_found_until_its_row_is_in_doubt),
      RUN(another_text_folder_or_file_is_another_definition),
      RUN(what_was_not_asked_for_longest_goes_first_and_what_is_used_lives),
      RUN(one_that_names_a_plugin_by_its_file_is_not_kept))
