/* SPDX-License-Identifier: Apache-2.0
 * Which files a file of pip's requirements is made of.
 */
#include "engine/requirements.h"

#include "base/fs.h"
#include "base/path.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static const char *files_of(const char *text, struct arena *arena)
{
    char root[] = "/tmp/sluice-requirements.XXXXXX";
    const char *words = "";
    const char *files[REQUIREMENTS_MAX];
    const char *beyond = NULL;
    assert_non_null(mkdtemp(root));
    const char *more = path_join(arena, root, "more");
    const char *top = path_join(arena, root, "top.txt");
    assert_int_equal(fs_make_folders(more, 0700, NULL), 0);
    assert_int_equal(fs_write(top, str_from(text), 0600, false, NULL), 0);
    struct str deep = STR("-r ../top.txt\n-c bounds.txt\n");
    assert_int_equal(fs_write(path_join(arena, more, "base.txt"), deep, 0600, false, NULL), 0);
    size_t count = requirements_files(top, arena, files, &beyond);
    if (beyond != NULL) {
        words = arena_printf(arena, "not %s: ", beyond + strlen(root) + 1);
    }
    for (size_t i = 0; i < count; i++) {
        words = arena_printf(arena, "%s%s%s", words, i == 0 ? "" : " ", files[i] + strlen(root) + 1);
    }
    assert_int_equal(fs_remove(root, NULL), 0);
    return words;
}

TEST(each_file_that_is_named_counts_once)
{
    static const struct {
        const char *text, *files;
    } rows[] = {
        {"", "top.txt"},
        {"numpy==2.0\n# -r more/base.txt\n", "top.txt"},
        {"-r more/base.txt", "top.txt more/base.txt more/bounds.txt"}, /* the last is not there, and might come */
        {"  -rmore/base.txt # theirs\r\n", "top.txt more/base.txt more/bounds.txt"},
        {"--requirement more/base.txt\n", "top.txt more/base.txt more/bounds.txt"},
        {"--requirement=./more/../more/base.txt\n", "top.txt more/base.txt more/bounds.txt"},
        {"-c\tgone.txt\n--constraint gone.txt\n-r top.txt\n", "top.txt gone.txt"},
        {"-r https://example.com/base.txt\n", "top.txt"},
        {"--constraints-are-no-option\n--requirement\n-r\n-r \n", "top.txt"},
        {"requests -r more/base.txt\n", "top.txt"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(files_of(rows[i].text, arena), rows[i].files);
    }
    arena_free(arena);
}

TEST(a_file_that_names_too_many_is_read_to_its_bound)
{
    struct arena *arena = arena_new();
    const char *text = "";
    for (int i = 0; i < 2 * REQUIREMENTS_MAX; i++) {
        text = arena_printf(arena, "%s-r f%d.txt\n", text, i);
    }
    const char *files = files_of(text, arena);
    const char *beyond = arena_printf(arena, "not f%d.txt: top.txt f0.txt ", REQUIREMENTS_MAX - 1);
    assert_int_equal(strncmp(files, beyond, strlen(beyond)), 0);
    assert_string_equal(strrchr(files, ' '), arena_printf(arena, " f%d.txt", REQUIREMENTS_MAX - 2));
    arena_free(arena);
}

TESTS(RUN(each_file_that_is_named_counts_once), RUN(a_file_that_names_too_many_is_read_to_its_bound))
