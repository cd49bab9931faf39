/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/path.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct arena *arena;
static char folder[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-fs-XXXXXX");
    arena = arena_new();
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    int result = fs_remove(folder, NULL);
    arena_free(arena);
    return result;
}

/* The path of something in this test's folder. */
static const char *in(const char *name)
{
    return path_join(arena, folder, name);
}

static void make_file(const char *name, const char *text)
{
    struct err err = {0};
    if (fs_make_folders(path_dir(arena, in(name)), 0755, &err) < 0 ||
        fs_write(in(name), str_from(text), 0644, false, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void make_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", in(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void assert_file(const char *name, const char *text)
{
    struct str found = {0};
    struct err err = {0};
    if (fs_read(in(name), 1 << 20, arena, &found, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(found.p, text);
}

/* The paths, joined by blanks. */
static const char *names_of(struct fs_list list)
{
    const char *text = "";
    for (size_t i = 0; i < list.count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : " ", list.entries[i].path);
    }
    return text;
}

static void assert_error(const struct err *err, enum err_code code, const char *words)
{
    if (err->code != code || strstr(err->message, words) == NULL) {
        fail_msg("'%s' does not say '%s'", err->message, words);
    }
}

TEST(what_is_written_is_read_and_nothing_is_left_beside)
{
    struct err err = {0};
    struct str text = {0};
    assert_int_equal(fs_write(in("a"), STR("one\0two"), 0640, true, &err), 0);
    assert_int_equal(fs_read(in("a"), 7, arena, &text, &err), 0);
    assert_true(str_eq(text, STR("one\0two")));
    assert_int_equal(text.p[text.n], '\0');
    assert_int_equal(fs_write(in("a"), (struct str){0}, 0640, false, &err), 0);
    assert_int_equal(fs_read(in("a"), 0, arena, &text, &err), 0);
    assert_int_equal(text.n, 0);
    struct fs_list list = {0};
    assert_int_equal(fs_walk(folder, 10, arena, &list, &err), 0);
    assert_string_equal(names_of(list), "a");
    assert_int_equal(list.entries[0].mode & 0777, 0640);
}

TEST(reading_says_why_it_does_not)
{
    struct str text = {0};
    struct err absent = {0};
    struct err large = {0};
    struct err is_folder = {0};
    make_file("five", "12345");
    assert_int_equal(fs_read(in("none"), 10, arena, &text, &absent), -1);
    assert_error(&absent, ERR_NOT_FOUND, arena_printf(arena, "there is no file '%s'", in("none")));
    assert_int_equal(fs_read(in("five"), 4, arena, &text, &large), -1);
    assert_error(&large, ERR_LIMIT, "five' is larger than 4 bytes");
    assert_int_equal(fs_read(in("five"), 5, arena, &text, NULL), 0);
    assert_int_equal(fs_read(folder, 10, arena, &text, &is_folder), -1);
    assert_error(&is_folder, ERR_IO, "Is a directory");
}

TEST(only_a_plain_file_is_read_where_a_pipe_would_wait)
{
    struct str text = {0};
    make_file("plain", "12345");
    assert_int_equal(symlink("plain", in("link")), 0);
    assert_int_equal(fs_read_file(in("link"), 5, arena, &text, NULL), 0);
    assert_true(str_is(text, "12345"));
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    static const struct {
        const char *name;
        enum err_code code;
        const char *words;
    } cases[] = {{"pipe", ERR_INPUT, "pipe' is a pipe, expected a file"},
                 {".", ERR_INPUT, "is a folder, expected a file"},
                 {"../../../../../../dev/null", ERR_INPUT, "is a device, expected a file"},
                 {"none", ERR_NOT_FOUND, "there is no file"},
                 {"plain/x", ERR_IO, "Not a directory"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        assert_int_equal(fs_read_file(in(cases[i].name), 10, arena, &text, &err), -1);
        assert_error(&err, cases[i].code, cases[i].words);
    }
}

TEST(a_write_that_is_not_synced_has_its_bytes_and_leaves_nothing_beside)
{
    assert_int_equal(fs_write(in("early"), STR("new"), 0600, false, NULL), 0);
    assert_file("early", "new");
    struct fs_list list = {0};
    assert_int_equal(fs_walk(folder, 10, arena, &list, NULL), 0);
    assert_string_equal(names_of(list), "early");
}

TEST(a_write_that_fails_keeps_the_old_bytes)
{
    struct err err = {0};
    assert_int_equal(fs_write(in("no/such/folder"), STR("x"), 0644, false, &err), -1);
    assert_error(&err, ERR_IO, "No such file or directory");
    struct err onto_folder = {0};
    make_file("sub/a", "old");
    assert_int_equal(fs_write(in("sub"), STR("x"), 0644, false, &onto_folder), -1);
    assert_error(&onto_folder, ERR_IO, "replacing");
    assert_file("sub/a", "old");
    struct fs_list list = {0};
    assert_int_equal(fs_walk(folder, 10, arena, &list, NULL), 0);
    assert_string_equal(names_of(list), "sub/a");
}

TEST(folders_are_made_with_their_parents)
{
    struct err err = {0};
    assert_int_equal(fs_make_folders(in("a/b//c/"), 0755, &err), 0);
    assert_true(fs_is_folder(in("a/b/c")));
    assert_int_equal(fs_make_folders(in("a/b/c"), 0755, &err), 0);
    assert_int_equal(fs_make_folders("/", 0755, &err), 0);
    make_file("file", "");
    assert_int_equal(fs_make_folders(in("file/x"), 0755, &err), -1);
    assert_error(&err, ERR_IO, "file' is there, but is no folder");
    struct err denied = {0};
    assert_int_equal(fs_make_folders("/proc/none", 0755, &denied), -1);
    assert_error(&denied, ERR_IO, "making the folder");
    assert_true(fs_is_file(in("file")));
    assert_false(fs_is_folder(in("file")));
    assert_false(fs_exists(in("none")));
}

TEST(removing_does_not_follow_links)
{
    make_file("keep/a", "kept");
    make_file("gone/b/c", "");
    assert_int_equal(symlink(in("keep"), in("gone/link")), 0);
    assert_int_equal(symlink("nowhere", in("gone/dangling")), 0);
    make_socket("gone/socket");
    assert_int_equal(fs_remove(in("gone"), NULL), 0);
    assert_false(fs_exists(in("gone")));
    assert_file("keep/a", "kept");
    assert_int_equal(fs_remove(in("gone"), NULL), 0);
    assert_int_equal(symlink(in("keep"), in("link")), 0);
    assert_int_equal(fs_remove(in("link"), NULL), 0);
    assert_file("keep/a", "kept");
    assert_int_equal(fs_remove(in("keep/a"), NULL), 0);
    assert_false(fs_exists(in("keep/a")));
}

/* As nobody in a process of its own: to root every folder can be written. */
static int remove_as_nobody(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        bool nobody = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
        _exit(nobody && fs_remove(path, NULL) == 0 ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

TEST(folders_that_were_made_read_only_are_removed_too)
{
    static const mode_t modes[] = {0555, 0000, 0444, 0200};
    uid_t owner = geteuid() == 0 ? 65534 : geteuid();
    make_file("cache/module/a/b.go", "package b");
    assert_int_equal(chmod(folder, 0777), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        static const char *const folders[] = {"cache/module/a", "cache/module", "cache"};
        make_file("cache/module/a/b.go", "package b");
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(chown(in(folders[k]), owner, (gid_t)-1), 0);
            assert_int_equal(chmod(in(folders[k]), modes[i]), 0);
        }
        assert_int_equal(remove_as_nobody(in("cache")), 0);
        assert_false(fs_exists(in("cache")));
    }
    /* What is not ours stays, and that is told. */
    if (geteuid() == 0) {
        make_file("cache/module/a/b.go", "package b");
        assert_int_equal(chown(in("cache"), owner, (gid_t)-1), 0);
        assert_int_not_equal(remove_as_nobody(in("cache")), 0);
        assert_true(fs_exists(in("cache/module/a/b.go")));
    }
}

TEST(what_is_deep_is_removed_too)
{
    int at = open(folder, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 600; i++) { /* its path is longer than a call takes */
        assert_int_equal(mkdirat(at, "deeper", 0755), 0);
        int next = openat(at, "deeper", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    struct err err = {0};
    if (fs_remove(in("deeper"), &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_false(fs_exists(in("deeper")));
}

TEST(walking_gives_all_files_in_order)
{
    struct fs_list list = {0};
    struct err err = {0};
    make_file("t/b", "22");
    make_file("t/a/z", "1");
    make_file("t/a.x", "");
    make_file("t/.hidden", "");
    assert_int_equal(fs_make_folders(in("t/empty"), 0755, NULL), 0);
    assert_int_equal(symlink("b", in("t/inside")), 0);
    assert_int_equal(fs_walk(in("t"), 5, arena, &list, &err), 0);
    assert_string_equal(names_of(list), ".hidden a.x a/z b inside");
    assert_int_equal(list.entries[3].size_bytes, 2);
    assert_int_equal(list.entries[4].size_bytes, 2);
    assert_true(S_ISREG(list.entries[4].mode));
    assert_int_equal(fs_walk(in("t"), 4, arena, &list, &err), -1);
    assert_error(&err, ERR_LIMIT, "holds more than 4 files");
    assert_int_equal(fs_walk(in("t/b"), 5, arena, &list, NULL), 0);
    assert_string_equal(names_of(list), "b");
    struct err absent = {0};
    assert_int_equal(fs_walk(in("none"), 5, arena, &list, &absent), -1);
    assert_error(&absent, ERR_NOT_FOUND, "there is no");
}

TEST(walking_refuses_links_to_the_outside_and_what_is_no_file)
{
    static const struct {
        const char *target, *words;
    } links[] = {
        {"/etc/passwd", "is a link to the outside"},
        {"../beside", "is a link to the outside"},
        {"../t2/x", "is a link to the outside"},
        {"nowhere", "is a link to the outside"},
        {"sub", "is a link to a folder"},
        {".", "is a link to a folder"},
        {"loop", "is a link to the outside"},
    };
    make_file("beside", "");
    make_file("t2/x", "");
    make_file("t/sub/x", "");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct fs_list list = {0};
        struct err err = {0};
        assert_int_equal(symlink(links[i].target, in("t/loop")), 0);
        assert_int_equal(fs_walk(in("t"), 100, arena, &list, &err), -1);
        assert_error(&err, ERR_INPUT, links[i].words);
        assert_int_equal(unlink(in("t/loop")), 0);
    }
    struct fs_list list = {0};
    struct err err = {0};
    make_socket("t/socket");
    assert_int_equal(fs_walk(in("t"), 100, arena, &list, &err), -1);
    assert_error(&err, ERR_INPUT, "is neither a file nor a folder");
}

static void assert_glob(const char *glob, const char *names)
{
    struct fs_list list = {0};
    struct err err = {0};
    if (fs_glob(in("g"), glob, arena, &list, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(names_of(list), names);
}

TEST(globs_find_files_and_folders_in_order)
{
    make_file("g/b.csv", "");
    make_file("g/a.csv", "");
    make_file("g/d/c.csv", "");
    make_file("g/d/e/f.csv", "");
    make_file("g/.h/x.csv", "");
    make_file("g/.y.csv", "");
    make_file("g/[odd].csv", "");
    assert_glob("*.csv", "[odd].csv a.csv b.csv");
    assert_glob("**/*.csv", "[odd].csv a.csv b.csv d/c.csv d/e/f.csv");
    assert_glob("d/*", "d/c.csv d/e");
    assert_glob("d/**", "d/c.csv d/e d/e/f.csv");
    assert_glob("*", "[odd].csv a.csv b.csv d");
    assert_glob(".*", ".h .y.csv");
    assert_glob(".h/*", ".h/x.csv");
    assert_glob("a.csv", "a.csv");
    assert_glob("d", "d");
    assert_glob("none", "");
    assert_glob("none/*.csv", "");
    assert_glob("a.csv/x", "");
    assert_glob("[!a].csv", "b.csv");
}

/* A folder of a step may hold anything beside what was asked for: a virtual environment, a socket, a link to data. */
TEST(globs_pass_over_what_they_do_not_match)
{
    make_file("g/plot.png", "");
    make_socket("g/socket");
    assert_int_equal(symlink("/usr/bin/env", in("g/python")), 0);
    assert_int_equal(symlink("/nowhere", in("g/dangling")), 0);
    assert_int_equal(symlink("/usr", in("g/folder")), 0);
    assert_glob("*.png", "plot.png");
    struct fs_list list = {0};
    struct err err = {0};
    assert_int_equal(fs_glob(in("g"), "pyth*", arena, &list, &err), -1);
    assert_error(&err, ERR_INPUT, "is a link to the outside");
}

TEST(copies_are_whole_and_keep_the_mode)
{
    struct err err = {0};
    make_file("from/a", "one");
    make_file("from/sub/b", "two");
    make_file("from/large", "");
    assert_int_equal(truncate(in("from/large"), 3000000), 0);
    assert_int_equal(chmod(in("from/a"), 0750), 0);
    assert_int_equal(fs_make_folders(in("from/empty"), 0755, NULL), 0);
    assert_int_equal(symlink("sub/b", in("from/link")), 0);
    assert_int_equal(fs_copy(in("from"), in("to"), &err), 0);
    assert_file("to/a", "one");
    assert_file("to/sub/b", "two");
    assert_file("to/link", "two");
    struct stat status;
    assert_int_equal(lstat(in("to/link"), &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(stat(in("to/a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0750);
    assert_int_equal(stat(in("to/large"), &status), 0);
    assert_int_equal(status.st_size, 3000000);
    assert_true(fs_is_folder(in("to/empty")));
    assert_int_equal(fs_copy(in("from/a"), in("single"), &err), 0);
    assert_file("single", "one");
}

TEST(copying_refuses_what_is_there_what_is_not_and_what_is_no_file)
{
    struct err exists = {0};
    struct err absent = {0};
    struct err socket_alone = {0};
    struct err socket_below = {0};
    make_file("a", "one");
    make_file("b", "two");
    assert_int_equal(fs_copy(in("a"), in("b"), &exists), -1);
    assert_error(&exists, ERR_EXISTS, "b' exists");
    assert_file("b", "two");
    assert_int_equal(fs_copy(in("none"), in("c"), &absent), -1);
    assert_error(&absent, ERR_NOT_FOUND, "there is no");
    make_socket("socket");
    assert_int_equal(fs_copy(in("socket"), in("c"), &socket_alone), -1);
    assert_error(&socket_alone, ERR_INPUT, "is neither a file nor a folder");
    make_file("d/x", "");
    make_socket("d/socket");
    assert_int_equal(fs_copy(in("d"), in("c"), &socket_below), -1);
    assert_error(&socket_below, ERR_INPUT, "is neither a file nor a folder");
    assert_false(fs_exists(in("c")));
}

TEST(a_local_file_system_has_no_network_name)
{
    assert_null(fs_network_name("/proc"));
    assert_null(fs_network_name("/no/such/path"));
}

#define FS_RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TESTS(FS_RUN(what_is_written_is_read_and_nothing_is_left_beside), FS_RUN(reading_says_why_it_does_not),
      FS_RUN(only_a_plain_file_is_read_where_a_pipe_would_wait),
      FS_RUN(a_write_that_is_not_synced_has_its_bytes_and_leaves_nothing_beside),
      FS_RUN(a_write_that_fails_keeps_the_old_bytes),
      FS_RUN(folders_are_made_with_their_parents),
      FS_RUN(removing_does_not_follow_links), FS_RUN(folders_that_were_made_read_only_are_removed_too),
      FS_RUN(what_is_deep_is_removed_too),
      FS_RUN(walking_gives_all_files_in_order), FS_RUN(walking_refuses_links_to_the_outside_and_what_is_no_file),
      FS_RUN(globs_find_files_and_folders_in_order), FS_RUN(globs_pass_over_what_they_do_not_match),
      FS_RUN(copies_are_whole_and_keep_the_mode),
      FS_RUN(copying_refuses_what_is_there_what_is_not_and_what_is_no_file),
      FS_RUN(a_local_file_system_has_no_network_name))
