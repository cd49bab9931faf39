/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/fs.h"
#include "runner/step_folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[64];
static struct step_folders spare;

static int make_home(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof home, "/tmp/sluice-folders-XXXXXX");
    spare = (struct step_folders){.umask = umask(0)};
    (void)umask(spare.umask);
    return mkdtemp(home) == NULL ? -1 : 0;
}

static int remove_home(void **state)
{
    struct err err = {0};
    (void)state;
    step_folders_free(&spare);
    return fs_remove(home, &err);
}

static const char *at(struct arena *arena, const char *path)
{
    return arena_printf(arena, "%s/%s", home, path);
}

/* What the engine says of the attempt `name` of a step of its own. */
static struct json spawn_of(struct arena *arena, const char *name)
{
    struct json spawn = json_object();
    json_set(arena, &spawn, "step_dir", json_cstring(arena, at(arena, arena_printf(arena, "steps/%s.1", name))));
    json_set(arena, &spawn, "state_dir", json_cstring(arena, at(arena, arena_printf(arena, "state/%s", name))));
    json_set(arena, &spawn, "output_file",
             json_cstring(arena, at(arena, arena_printf(arena, "steps/%s.1.output", name))));
    return spawn;
}

static int make(const struct json *spawn)
{
    struct err err = {0};
    return step_folders_make(&spare, spawn, &err);
}

static bool has_places(const struct json *spawn)
{
    struct stat st;
    return fs_is_folder(json_get_text(spawn, "step_dir", "")) && fs_is_folder(json_get_text(spawn, "state_dir", "")) &&
           stat(json_get_text(spawn, "output_file", ""), &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
}

static void put(const char *path)
{
    struct err err = {0};
    assert_int_equal(fs_write(path, STR("x"), 0600, false, &err), 0);
}

TEST(what_one_attempt_left_empty_serves_the_next)
{
    struct arena *arena = arena_new();
    struct json first = spawn_of(arena, "a");
    struct json second = spawn_of(arena, "b");
    struct stat before;
    struct stat after;
    assert_int_equal(make(&first), 0);
    assert_true(has_places(&first));
    assert_int_equal(stat(json_get_text(&first, "output_file", ""), &before), 0);
    step_folders_leave(&spare, &first, true);
    assert_int_equal(make(&second), 0);
    assert_true(has_places(&second));
    assert_int_equal(stat(json_get_text(&second, "output_file", ""), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_false(fs_exists(json_get_text(&first, "step_dir", "")));
    arena_free(arena);
}

/* Each of a run of its own, whose folders are not there yet; all at once, as many times. */
TEST(what_many_runs_left_empty_serves_as_many)
{
    enum { RUNS = 300 };
    struct arena *arena = arena_new();
    struct json first[RUNS];
    for (int time = 0; time < 2; time++) {
        for (int i = 0; i < RUNS; i++) {
            const char *name = arena_printf(arena, "%d", i);
            struct json spawn = json_object();
            json_set(arena, &spawn, "step_dir",
                     json_cstring(arena, at(arena, arena_printf(arena, "%d/%s/steps/one.1", time, name))));
            json_set(arena, &spawn, "state_dir",
                     json_cstring(arena, at(arena, arena_printf(arena, "%d/%s/state/one", time, name))));
            json_set(arena, &spawn, "output_file",
                     json_cstring(arena, at(arena, arena_printf(arena, "%d/%s/steps/one.1.output", time, name))));
            assert_int_equal(make(&spawn), 0);
            assert_true(has_places(&spawn));
            first[i] = spawn;
        }
        assert_int_equal(spare.folder_count, 0);
        assert_int_equal(spare.file_count, 0);
        for (int i = 0; i < RUNS; i++) {
            step_folders_leave(&spare, &first[i], true);
        }
        assert_int_equal(spare.folder_count, 2 * RUNS);
        assert_int_equal(spare.file_count, RUNS);
    }
    assert_false(fs_exists(at(arena, "0/7/steps/one.1"))); /* it has gone to a run of the second time */
    assert_false(fs_exists(at(arena, "0/7/steps/one.1.output")));
    assert_true(fs_is_folder(at(arena, "1/7/steps/one.1")));
    arena_free(arena);
}

TEST(what_an_attempt_used_stays_its_own)
{
    struct arena *arena = arena_new();
    struct json first = spawn_of(arena, "a");
    struct json second = spawn_of(arena, "b");
    assert_int_equal(make(&first), 0);
    put(at(arena, "steps/a.1/model"));
    put(at(arena, "state/a/checkpoint"));
    put(json_get_text(&first, "output_file", ""));
    step_folders_leave(&spare, &first, true);
    assert_int_equal(make(&second), 0);
    assert_true(has_places(&second));
    assert_true(fs_is_file(at(arena, "steps/a.1/model")));
    assert_true(fs_is_file(at(arena, "state/a/checkpoint")));
    assert_false(fs_exists(json_get_text(&first, "output_file", ""))); /* it may have held a secret */
    arena_free(arena);
}

/* A second name, other rights, a link in its place, or a process that may still write there. */
TEST(what_is_no_longer_as_it_was_given_is_not_given_again)
{
    struct arena *arena = arena_new();
    struct json first = spawn_of(arena, "a");
    assert_int_equal(make(&first), 0);
    assert_int_equal(link(json_get_text(&first, "output_file", ""), at(arena, "mine")), 0);
    assert_int_equal(chmod(json_get_text(&first, "step_dir", ""), 0777), 0);
    assert_int_equal(rmdir(json_get_text(&first, "state_dir", "")), 0);
    assert_int_equal(symlink("/tmp", json_get_text(&first, "state_dir", "")), 0);
    step_folders_leave(&spare, &first, true);
    assert_int_equal(spare.folder_count + spare.file_count, 0);

    struct json second = spawn_of(arena, "b");
    assert_int_equal(make(&second), 0);
    step_folders_leave(&spare, &second, false);
    assert_int_equal(spare.folder_count + spare.file_count, 0);

    struct json third = spawn_of(arena, "c");
    json_set(arena, &third, "state_shared", json_bool(true));
    assert_int_equal(make(&third), 0);
    step_folders_leave(&spare, &third, true);
    assert_int_equal(spare.folder_count, 1); /* others of its step may stand in the other */
    assert_true(fs_is_folder(json_get_text(&third, "state_dir", "")));
    arena_free(arena);
}

TEST(an_attempt_finds_its_places_empty_or_they_are_cleared)
{
    struct arena *arena = arena_new();
    struct json spawn = spawn_of(arena, "a");
    struct err err = {0};
    assert_int_equal(make(&spawn), 0);
    assert_int_equal(make(&spawn), 0); /* a runner was killed before the step began */
    put(at(arena, "steps/a.1/left"));
    assert_int_equal(make(&spawn), 1);
    assert_int_equal(step_folders_clear(&spawn, &err), 0);
    assert_true(has_places(&spawn));
    assert_false(fs_exists(at(arena, "steps/a.1/left")));
    arena_free(arena);
}

TEST(an_attempt_that_waited_finds_what_it_left)
{
    struct arena *arena = arena_new();
    struct json spawn = spawn_of(arena, "a");
    assert_int_equal(make(&spawn), 0);
    put(at(arena, "steps/a.1/half"));
    put(json_get_text(&spawn, "output_file", ""));
    json_set(arena, &spawn, "resumed", json_object());
    assert_int_equal(make(&spawn), 0);
    assert_true(fs_is_file(at(arena, "steps/a.1/half")));
    struct stat st;
    assert_int_equal(stat(json_get_text(&spawn, "output_file", ""), &st), 0);
    assert_int_equal(st.st_size, 1);
    arena_free(arena);
}

/* Items of a matrix have one state folder: a spare one must not take the place of one that is in use. */
TEST(a_folder_that_is_there_is_kept)
{
    struct arena *arena = arena_new();
    struct json first = spawn_of(arena, "a");
    struct json second = spawn_of(arena, "b");
    assert_int_equal(make(&first), 0);
    step_folders_leave(&spare, &first, true);
    struct err err = {0};
    struct stat before;
    struct stat after;
    assert_int_equal(fs_make_folders(json_get_text(&second, "state_dir", ""), 0755, &err), 0);
    assert_int_equal(stat(json_get_text(&second, "state_dir", ""), &before), 0);
    assert_int_equal(make(&second), 0);
    assert_int_equal(stat(json_get_text(&second, "state_dir", ""), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_attempt_left_empty_serves_the_next, make_home, remove_home),
        cmocka_unit_test_setup_teardown(what_many_runs_left_empty_serves_as_many, make_home, remove_home),
        cmocka_unit_test_setup_teardown(what_an_attempt_used_stays_its_own, make_home, remove_home),
        cmocka_unit_test_setup_teardown(what_is_no_longer_as_it_was_given_is_not_given_again, make_home, remove_home),
        cmocka_unit_test_setup_teardown(an_attempt_finds_its_places_empty_or_they_are_cleared, make_home, remove_home),
        cmocka_unit_test_setup_teardown(an_attempt_that_waited_finds_what_it_left, make_home, remove_home),
        cmocka_unit_test_setup_teardown(a_folder_that_is_there_is_kept, make_home, remove_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
