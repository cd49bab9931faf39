/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include "test.h"

#include <stdio.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

TEST(joining_respects_absolute_and_empty_paths)
{
    static const char *const cases[][3] = {
        {"a", "b/c", "a/b/c"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"a", "/b", "/b"},
        {"", "b", "b"},        {"", "/b", "/b"},   {"a", "", "a/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(path_join(arena, cases[i][0], cases[i][1]), cases[i][2]);
    }
}

TEST(the_normal_form_resolves_what_text_can_tell)
{
    static const char *const cases[][2] = {
        {"", "."},
        {".", "."},
        {"./", "."},
        {"/", "/"},
        {"//", "/"},
        {"a", "a"},
        {"a/", "a"},
        {"./a", "a"},
        {"a//b", "a/b"},
        {"a/./b", "a/b"},
        {"a/..", "."},
        {"a/../b", "b"},
        {"a/b/../..", "."},
        {"a/b/../../c", "c"},
        {"..", ".."},
        {"../a", "../a"},
        {"../a/..", ".."},
        {"../../a/../b", "../../b"},
        {"a/../../b", "../b"},
        {"/..", "/"},
        {"/../a", "/a"},
        {"/a/../../b", "/b"},
        {"/a/b/..", "/a"},
        {"/a/..", "/"},
        {"...", "..."},
        {"a/.../b", "a/.../b"},
        {"..a", "..a"},
        {"/.", "/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *normal = path_normal(arena, cases[i][0]);
        if (strcmp(normal, cases[i][1]) != 0) {
            fail_msg("'%s' became '%s', not '%s'", cases[i][0], normal, cases[i][1]);
        }
        assert_string_equal(path_normal(arena, normal), normal);
    }
}

TEST(a_path_has_a_base_and_a_folder)
{
    static const char *const cases[][3] = {
        {"a", "a", "."}, {"a/b", "b", "a"}, {"/a", "a", "/"}, {"/a/b", "b", "/a"},
        {"a/", "", "a"}, {"/", "", "/"},    {"", "", "."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(path_base(cases[i][0]), cases[i][1]);
        assert_string_equal(path_dir(arena, cases[i][0]), cases[i][2]);
    }
}

TEST(what_climbs_out_is_not_below)
{
    static const struct str good[] = {STR("a"),       STR("a/b"),          STR("..a/b.."), STR("..."),
                                      STR(".hidden"), STR("a b/\xc3\xa6"), STR("a\\..\\b")};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(path_is_below(good[i]));
    }
    static const struct str bad[] = {{0},         STR(""),     STR("/"),      STR("/a"),    STR("."),    STR(".."),
                                     STR("../a"), STR("a/.."), STR("a/../b"), STR("a/./b"), STR("a//b"), STR("a/"),
                                     STR("a\0b"), STR("\0"),   STR("a/..\0"), STR("./a")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (path_is_below(bad[i])) {
            fail_msg("'%.*s' is not below", STR_ARG(bad[i]));
        }
    }
}

struct glob_case {
    const char *glob, *path;
    bool matches;
};

static void check_globs(const struct glob_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (path_matches(cases[i].glob, cases[i].path) != cases[i].matches) {
            fail_msg("'%s' %s '%s'", cases[i].glob, cases[i].matches ? "should match" : "should not match",
                     cases[i].path);
        }
    }
}

TEST(stars_stop_at_a_slash_and_double_stars_do_not)
{
    static const struct glob_case cases[] = {
        {"", "", true}, {"", "a", false}, {"a", "", false}, {"a", "a", true}, {"a", "A", false}, {"a", "ab", false},
        {"*", "", true}, {"*", "abc", true}, {"*", "a/b", false}, {"*.csv", "x.csv", true}, {"*.csv", ".csv", true},
        {"*.csv", "d/x.csv", false}, {"*.csv", "x.csv.gz", false}, {"d/*", "d/x", true}, {"d/*", "d/x/y", false},
        {"d/*", "d", false}, {"d/*/y", "d/x/y", true}, {"d/*/y", "d/y", false}, {"*/*", "a/b", true},
        {"*/*", "a", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false}, {"a*a", "a", false},
        {"a*a", "aa", true}, {"?", "a", true}, {"?", "", false}, {"?", "/", false}, {"a?c", "abc", true},
        {"a?c", "a/c", false}, {"?*", "ab", true}, {"?*", "", false}, {"**", "", true}, {"**", "a/b/c", true},
        {"a/**", "a/b/c", true}, {"a/**", "a/b", true}, {"a/**", "ab", false}, {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/b", true}, {"a/**/b", "a/x/y/b", true}, {"a/**/b", "a/xb", false}, {"a/**/b", "ab", false},
        {"**/b", "b", true}, {"**/b", "a/b", true}, {"**/b", "a/c/b", true}, {"**/b", "ab", false},
        {"**/b", "a/xb", false}, {"**/*.py", "x.py", true}, {"**/*.py", "a/x.py", true},
        {"**/*.py", "a/b/x.py", true}, {"**/*.py", "a/b/x.pyc", false}, {"**/x*", "a/yx", false},
        {"**/a/**/b", "q/a/r/s/b", true}, {"**/a/**/b", "q/a/r/sb", false}, {"**/a*/c", "ab/a/b/ax/c", true},
        {"a/**/b/**/c", "a/b/c", true}, {"a/**/b/*", "a/b/b/x", true}, {"a/**/b/*", "a/b/x/y", false},
        {"a**c", "a/b/c", true},
    };
    check_globs(cases, sizeof cases / sizeof *cases);
}

TEST(classes_match_one_character_of_a_set)
{
    static const struct glob_case cases[] = {
        {"[abc]", "b", true},
        {"[abc]", "d", false},
        {"[a-c]", "b", true},
        {"[a-c]", "d", false},
        {"[!a-c]", "d", true},
        {"[!a-c]", "b", false},
        {"[^a]", "b", true},
        {"[!a]", "/", false},
        {"[/]", "/", false},
        {"a[.-0]b", "a/b", false},
        {"[]]", "]", true},
        {"[]a]", "a", true},
        {"[!]]", "]", false},
        {"[!]]", "a", true},
        {"[a-]", "-", true},
        {"[a-]", "a", true},
        {"[-a]", "-", true},
        {"[c-a]", "b", false},
        {"[", "[", true},
        {"[a", "[a", true},
        {"[a", "a", false},
        {"[", "a", false},
        {"[!", "[!", true},
        {"[a-", "[a-", true},
        {"x[0-9][0-9].csv", "x42.csv", true},
        {"x[0-9][0-9].csv", "x4.csv", false},
        {"*[0-9]", "abc7", true},
        {"[*]", "*", true},
        {"[*]", "a", false},
        {"[a-c", "[a-c", true},
        {"\xc3[\xa0-\xaf]", "\xc3\xa6", true},
    };
    check_globs(cases, sizeof cases / sizeof *cases);
}

TEST(many_stars_take_no_exponential_time)
{
    char path[4000];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(path_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path));
    assert_false(path_matches("**a**a**a**a**a**a**a**a**b", path));
    for (size_t i = 1; i < sizeof path - 1; i += 2) {
        path[i] = '/';
    }
    assert_false(path_matches("**/a/**/a/**/a/**/a/**/a/**/b", path));
    assert_true(path_matches("**/a/**/a/**/a/**/a/**/a/**/a", path));
}

#define PATH_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TESTS(PATH_RUN(joining_respects_absolute_and_empty_paths), PATH_RUN(the_normal_form_resolves_what_text_can_tell),
      PATH_RUN(a_path_has_a_base_and_a_folder), PATH_RUN(what_climbs_out_is_not_below),
      PATH_RUN(stars_stop_at_a_slash_and_double_stars_do_not), PATH_RUN(classes_match_one_character_of_a_set),
      PATH_RUN(many_stars_take_no_exponential_time))
