/* SPDX-License-Identifier: Apache-2.0 */

/* Before test.h: cmocka has a macro called fail, step.h a member. */
#include "file_text.h"
#include "folder.h"
#include "textbuf.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fault fault;

static const char *make_root(struct scratch *scratch)
{
    char *root = scratch_printf(scratch, "/tmp/sluice-test-folder-XXXXXX");
    assert_non_null(mkdtemp(root));
    return root;
}

static void put(struct scratch *scratch, const char *root, const char *name, const char *text)
{
    struct textbuf out = {0};
    textbuf_put(&out, text);
    assert_int_equal(textbuf_write_file(&out, scratch_printf(scratch, "%s/%s", root, name), &fault), 0);
    textbuf_free(&out);
}

TEST(folder_real_leads_where_the_folder_will_be)
{
    struct scratch scratch = {0};
    const char *root = make_root(&scratch);
    assert_int_equal(folder_make(scratch_printf(&scratch, "%s/srv/models", root), &fault), 0);
    assert_int_equal(symlink("srv/models", scratch_printf(&scratch, "%s/link", root)), 0);
    static const char *const cases[][2] = {
        {"/srv/models", "/srv/models"},     {"/link", "/srv/models"},
        {"/link/new", "/srv/models/new"},   {"/srv/x/../models/new/", "/srv/models/new"},
        {"/srv/./y/z", "/srv/y/z"},         {"/link/../new", "/srv/new"},
        {"/no/where/../../a", "/a"},        {"/srv//models//a/.", "/srv/models/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = folder_real(&scratch, scratch_printf(&scratch, "%s%s", root, cases[i][0]));
        assert_string_equal(found, scratch_printf(&scratch, "%s%s", root, cases[i][1]));
    }
    assert_string_equal(folder_real(&scratch, "/"), "/");
    assert_string_equal(folder_real(&scratch, "/not-there/../.."), "/");
    assert_int_equal(folder_remove(root, &fault), 0);
    scratch_free(&scratch);
}

TEST(folder_make_makes_what_is_missing_and_leaves_what_is_there)
{
    struct scratch scratch = {0};
    const char *root = make_root(&scratch);
    const char *deep = scratch_printf(&scratch, "%s/a/b/c", root);
    assert_int_equal(folder_make(deep, &fault), 0);
    assert_int_equal(folder_make(deep, &fault), 0);
    put(&scratch, root, "file", "x");
    assert_int_equal(folder_make(scratch_printf(&scratch, "%s/file/d", root), &fault), -1);
    assert_non_null(strstr(fault.text, "/file"));
    assert_int_equal(folder_remove(root, &fault), 0);
    scratch_free(&scratch);
}

TEST(folder_remove_follows_no_link_out_of_the_folder)
{
    struct scratch scratch = {0};
    const char *root = make_root(&scratch);
    const char *inside = scratch_printf(&scratch, "%s/inside", root);
    assert_int_equal(folder_make(inside, &fault), 0);
    put(&scratch, root, "kept", "x");
    assert_int_equal(symlink(root, scratch_printf(&scratch, "%s/link", inside)), 0);
    put(&scratch, inside, "gone", "x");
    assert_int_equal(folder_count(inside, &fault), 2);
    assert_int_equal(folder_remove(inside, &fault), 0);
    assert_int_equal(access(scratch_printf(&scratch, "%s/kept", root), F_OK), 0);
    assert_int_not_equal(access(inside, F_OK), 0);
    assert_int_equal(folder_remove(inside, &fault), 0);
    assert_int_equal(folder_remove(root, &fault), 0);
    scratch_free(&scratch);
}

TEST(file_text_reads_bytes_up_to_the_limit)
{
    struct scratch scratch = {0};
    const char *root = make_root(&scratch);
    const char *path = scratch_printf(&scratch, "%s/f", root);
    char *text = NULL;
    size_t size = 0;
    put(&scratch, root, "f", "hello");
    assert_int_equal(file_text_read(&scratch, path, 5, &text, &size, &fault), 0);
    assert_int_equal(size, 5);
    assert_string_equal(text, "hello");
    assert_int_equal(file_text_read(&scratch, path, 4, &text, &size, &fault), -1);
    assert_string_equal(fault.text, scratch_printf(&scratch, "'%s' has 5 bytes: expected at most 4", path));
    assert_int_equal(folder_remove(root, &fault), 0);
    scratch_free(&scratch);
}

TEST(file_text_does_not_wait_for_a_named_pipe)
{
    struct scratch scratch = {0};
    const char *root = make_root(&scratch);
    const char *path = scratch_printf(&scratch, "%s/pipe", root);
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_text_read(&scratch, path, 9, &text, &size, &fault), -1);
    assert_string_equal(fault.text, scratch_printf(&scratch, "'%s' is no file", path));
    assert_int_equal(file_text_read(&scratch, root, 9, &text, &size, &fault), -1);
    assert_int_equal(folder_remove(root, &fault), 0);
    assert_int_equal(file_text_read(&scratch, path, 9, &text, &size, &fault), -1);
    assert_non_null(strstr(fault.text, "No such file or directory"));
    scratch_free(&scratch);
}

TESTS(RUN(folder_real_leads_where_the_folder_will_be),
      RUN(folder_make_makes_what_is_missing_and_leaves_what_is_there),
      RUN(folder_remove_follows_no_link_out_of_the_folder), RUN(file_text_reads_bytes_up_to_the_limit),
      RUN(file_text_does_not_wait_for_a_named_pipe))
