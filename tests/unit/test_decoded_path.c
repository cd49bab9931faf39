/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoded_path.h"

#include "base/fs.h"
#include "base/path.h"

#include "test.h"

#include <stdio.h>

static struct files files;
static struct arena *arena;
static char home[] = "/tmp/sluice-test-decoded-XXXXXX";

static const char *const names[] = {
    "a%20b", "d%41/e%2526f", "d%41/plain", "50%", "%", "%4", "%b2x", "line%0Aend", "bell%07", "both", "both%20",
    "both ", "twice%61", "twice%6a", "twic%65%6A", "deep/%2525252525252541", "long%20", "ok%c3%bc", "half%c3x",
};

static int make(void **state)
{
    (void)state;
    arena = arena_new();
    if (mkdtemp(home) == NULL || files_open(home, &files, NULL) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = arena_printf(arena, "%s/artifacts/0/RUN/artifacts/%s", home, names[i]);
        if (fs_make_folders(path_dir(arena, path), 0700, NULL) < 0) {
            return -1;
        }
        FILE *file = fopen(path, "w");
        if (file == NULL || fclose(file) != 0) {
            return -1;
        }
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    files_close(&files);
    int result = fs_remove(home, NULL);
    arena_free(arena);
    return result;
}

TEST(a_file_is_found_by_what_a_client_makes_of_its_name)
{
    static const struct {
        const char *asked, *found; /* NULL: nothing */
    } rows[] = {
        {"a b", "a%20b"},
        {"a%20b", "a%20b"},
        {"dA", "d%41"},
        {"dA/e&f", "d%41/e%2526f"},
        {"d%41/e&f", "d%41/e%2526f"},
        {"dA/plain", "d%41/plain"},
        {"50%", "50%"},
        {"%", "%"},
        {"%4", "%4"},
        {"\xef\xbf\xbdx", "%b2x"},
        {"lineend", "line%0Aend"},
        {"bell%07", "bell%07"},
        {"both ", "both "},
        {"both", "both"},
        {"twicej", "twic%65%6A"}, /* of two the first */
        {"twicea", "twice%61"},
        {"deep/A", "deep/%2525252525252541"},
        {"okü", "ok%c3%bc"},
        {"half\xef\xbf\xbdx", "half%c3x"},
        {"a c", NULL},
        {"dA/nothing", NULL},
        {"nothing/a b", NULL},
        {"50%/a b", NULL}, /* below a file */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *found = decoded_path_find(&files, "0/RUN/artifacts", rows[i].asked, arena);
        if (rows[i].found == NULL) {
            assert_null(found);
        } else {
            assert_non_null(found);
            assert_string_equal(found, arena_printf(arena, "0/RUN/artifacts/%s", rows[i].found));
        }
    }
}

TEST(a_name_as_long_as_names_are)
{
    char name[256];
    char asked[256 + 512];
    size_t length = 0;
    for (size_t i = 0; i < 85; i++) { /* each escape is three bytes, as is what stands for a byte that is none */
        memcpy(name + 3 * i, "%FF", 3);
        memcpy(asked + length, "\xef\xbf\xbd", 3);
        length += 3;
    }
    name[255] = asked[length] = '\0';
    const char *path = arena_printf(arena, "%s/artifacts/0/RUN/artifacts/%s", home, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    const char *found = decoded_path_find(&files, "0/RUN/artifacts", asked, arena);
    assert_non_null(found);
    assert_string_equal(found, arena_printf(arena, "0/RUN/artifacts/%s", name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {RUN(a_file_is_found_by_what_a_client_makes_of_its_name),
                                       RUN(a_name_as_long_as_names_are)};
    return cmocka_run_group_tests(tests, make, end);
}
