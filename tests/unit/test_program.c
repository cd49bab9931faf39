/* SPDX-License-Identifier: Apache-2.0 */
#pragma push_macro("fail")
#undef fail
#include "moment.h"
#include "program.h"
#pragma pop_macro("fail")

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static bool never(const struct step_host *host)
{
    (void)host;
    return false;
}

static bool soon(const struct step_host *host)
{
    int64_t *looks = host->ctx;
    return ++*looks > 5;
}

static const struct step_host patient = {.cancelled = never};

static const char *read_text(const char *path, char *room, size_t size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    room[fread(room, 1, size - 1, file)] = '\0';
    (void)fclose(file);
    return room;
}

static int run_shell(const char *script, struct program program, const struct step_host *host, struct fault *fault)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    program.argv = argv;
    return program_run(host, &program, fault);
}

TEST(program_gets_folder_environment_and_input)
{
    char folder[] = "/tmp/sluice-test-program-XXXXXX";
    char out[64], room[512];
    struct fault fault = {{0}};
    const char *const env[] = {"GREETING=hello world", "HOME=/elsewhere", NULL};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(out, sizeof out, "%s/out", folder);
    struct program program = {.env = env, .folder = folder, .input = "typed", .output_file = out};
    assert_int_equal(run_shell("pwd; echo \"$GREETING $HOME\"; cat; echo told >&2", program, &patient, &fault), 0);
    char expected[256];
    (void)snprintf(expected, sizeof expected, "%s\nhello world /elsewhere\ntypedtold\n", folder);
    assert_string_equal(read_text(out, room, sizeof room), expected);
    (void)unlink(out);
    (void)rmdir(folder);
}

TEST(program_says_how_it_ended)
{
    static const struct {
        const char *script, *reason;
    } cases[] = {{"exit 3", "'sh' exited with status 3"}, {"kill -9 $$", "'sh' was killed by signal 9"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {{0}};
        assert_int_equal(run_shell(cases[i].script, (struct program){0}, &patient, &fault), -1);
        assert_string_equal(fault.text, cases[i].reason);
    }
    const char *const argv[] = {"no-such-program-anywhere", NULL};
    struct fault fault = {{0}};
    assert_int_equal(program_run(&patient, &(struct program){.argv = argv}, &fault), -1);
    assert_string_equal(fault.text, "'no-such-program-anywhere' cannot be started: No such file or directory");
    assert_int_equal(run_shell("true", (struct program){.folder = "/no/such/folder"}, &patient, &fault), -1);
    assert_string_equal(fault.text, "'sh' cannot be started in /no/such/folder: No such file or directory");
}

TEST(program_that_takes_too_long_ends_with_all_it_started)
{
    char folder[] = "/tmp/sluice-test-program-XXXXXX";
    char out[64], room[64];
    struct fault fault = {{0}};
    assert_non_null(mkdtemp(folder));
    (void)snprintf(out, sizeof out, "%s/pid", folder);
    struct program program = {.folder = folder, .timeout_ms = 3000};
    int64_t start_ms = moment_now_ms();
    assert_int_equal(run_shell("sleep 60 & echo $! > pid; wait", program, &patient, &fault), -1);
    assert_string_equal(fault.text, "'sh' did not end within 3s");
    assert_true(moment_now_ms() - start_ms < 50000);
    pid_t left = (pid_t)atol(read_text(out, room, sizeof room));
    assert_true(left > 0);
    for (int i = 0; i < 3000 && kill(left, 0) == 0; i++) {
        /* Dead already, or a zombie that nobody reaps here. */
        char stat_path[64], text[256];
        (void)snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", (int)left);
        FILE *file = fopen(stat_path, "re");
        text[file == NULL ? 0 : fread(text, 1, sizeof text - 1, file)] = '\0';
        if (file != NULL) {
            (void)fclose(file);
        }
        if (strstr(text, ") Z ") != NULL) {
            break;
        }
        assert_true(i < 2999);
        (void)usleep(10000);
    }
    (void)unlink(out);
    (void)rmdir(folder);
}

TEST(program_ends_when_the_step_is_cancelled)
{
    int64_t looks = 0;
    struct step_host hasty = {.ctx = &looks, .cancelled = soon};
    struct fault fault = {{0}};
    assert_int_equal(run_shell("sleep 60", (struct program){0}, &hasty, &fault), -1);
    assert_string_equal(fault.text, "cancelled while 'sh' ran");
}

TEST(program_inherits_no_descriptor)
{
    struct fault fault = {{0}};
    int fd = open("/dev/null", O_RDONLY);
    assert_true(fd >= 3);
    char script[64];
    (void)snprintf(script, sizeof script, "[ ! -e /proc/self/fd/%d ]", fd);
    assert_int_equal(run_shell(script, (struct program){0}, &patient, &fault), 0);
    (void)close(fd);
}

TEST(program_argv_takes_texts_numbers_and_booleans)
{
    struct scratch scratch = {0};
    struct fault fault = {{0}};
    const char *const *argv = NULL;
    const struct step_value items[] = {{.type = STEP_TYPE_STRING, .string = "echo", .count = 4},
                                       {.type = STEP_TYPE_INT, .integer = 3, .number = 3},
                                       {.type = STEP_TYPE_BOOL, .boolean = true},
                                       {.type = STEP_TYPE_NULL}};
    struct step_value list = {.type = STEP_TYPE_LIST, .count = 3, .items = items};
    assert_int_equal(program_argv(&scratch, &list, "command", &argv, &fault), 0);
    assert_string_equal(argv[1], "3");
    assert_string_equal(argv[2], "true");
    assert_null(argv[3]);
    list.count = 4;
    assert_int_equal(program_argv(&scratch, &list, "command", &argv, &fault), -1);
    assert_string_equal(fault.text, "command: item 4 is null: expected a text, a number or a boolean");
    list.count = 0;
    assert_int_equal(program_argv(&scratch, &list, "command", &argv, &fault), -1);
    assert_string_equal(fault.text, "command: expected a list of the program and its arguments, got an empty one");
    scratch_free(&scratch);
}

TESTS(RUN(program_gets_folder_environment_and_input), RUN(program_says_how_it_ended),
      RUN(program_that_takes_too_long_ends_with_all_it_started), RUN(program_ends_when_the_step_is_cancelled),
      RUN(program_inherits_no_descriptor), RUN(program_argv_takes_texts_numbers_and_booleans))
