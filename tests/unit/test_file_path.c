/* SPDX-License-Identifier: Apache-2.0
 * Paths that clients write: what was tried against MLflow's servers, by the name it is known by, and what people have.
 */
#include "api/file_path.h"
#include "base/percent.h"

#include "test.h"

/* As the server does: what stands in the URL is decoded once, then checked. */
static int check_encoded(const char *text, const char **ret, struct err *err)
{
    static struct arena *arena;
    struct str decoded;
    arena = arena == NULL ? arena_new() : arena;
    if (!percent_decode(str_from(text), false, arena, &decoded)) {
        return err_set(err, ERR_INPUT, "Invalid path");
    }
    return file_path_check(decoded, arena, ret, err);
}

TEST(paths_that_leave_their_folder_are_refused)
{
    static const char *const cases[] = {
        "../../etc/passwd",   /* mlflow#7166 */
        "/etc/passwd",        /* CVE-2023-1176 */
        "C:/windows/win.ini", /* CVE-2023-1176 */
        "c:",                 /* CVE-2023-1176 */
        "..\\..\\f",          /* CVE-2023-2780 */
        "a\\b",               /* CVE-2023-2780 */
        "..%2f..",            /* CVE-2023-6831 */
        "a/%2e%2e/b",         /* CVE-2023-6831 */
        "%252e%252e/x",       /* CVE-2024-1560 */
        "%25252e%25252e/x",   /* CVE-2024-1560 */
        "a/%252f%252e%252e",  /* CVE-2024-1560 */
        "a/..%252fb",         /* CVE-2024-1560 */
        "x#/../../etc",       /* CVE-2023-6909 */
        "//proc/self/root",   /* CVE-2023-6977 */
        "a//b",
        "a/./b",
        ".",
        "..", /* mlflow-oidc-auth 289 */
        "%2e",
        "./.",
        ".//", /* mlflow-oidc-auth 289 */
        "a/%00b",
        "a%0Ab",
        "a\x7f", /* bytes that names must not hold */
        "%zz",
        "%",
        "a%4",          /* no encoding at all */
        "\xff\xfe",     /* no UTF-8 */
        "a/..;/b/../c", /* CVE-2024-1593: ';' hides nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = NULL;
        struct err err = {0};
        assert_int_equal(check_encoded(cases[i], &path, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_string_equal(err.message, "Invalid path");
    }
}

TEST(names_that_people_give_are_taken_as_they_are)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"model/MLmodel", "model/MLmodel"},
        {"model/", "model"},
        {"a%20b/c%25.txt", "a b/c%.txt"},
        {"100%25", "100%"},
        {"%C3%BC/%E6%97%A5.txt", "\xc3\xbc/\xe6\x97\xa5.txt"},
        {"..a/b../...", "..a/b../..."},
        {"a:b/c;d", "a:b/c;d"},
        {".hidden", ".hidden"},
        {"a+b", "a+b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = NULL;
        assert_int_equal(check_encoded(cases[i][0], &path, NULL), 0);
        assert_string_equal(path, cases[i][1]);
    }
}

TEST(lengths_are_bounded)
{
    char text[FILE_PATH_BYTES_MAX + 2];
    const char *path = NULL;
    memset(text, 'a', sizeof text);
    text[FILE_NAME_BYTES_MAX] = '\0';
    assert_int_equal(check_encoded(text, &path, NULL), 0);
    text[FILE_NAME_BYTES_MAX] = 'a';
    text[FILE_NAME_BYTES_MAX + 1] = '\0';
    assert_int_equal(check_encoded(text, &path, NULL), -1);
    for (size_t i = 1; i < sizeof text; i += 2) {
        text[i - 1] = 'a';
        text[i] = '/';
    }
    text[FILE_PATH_BYTES_MAX + 1] = '\0';
    assert_int_equal(check_encoded(text, &path, NULL), -1);
}

TESTS(RUN(paths_that_leave_their_folder_are_refused), RUN(names_that_people_give_are_taken_as_they_are),
      RUN(lengths_are_bounded))
