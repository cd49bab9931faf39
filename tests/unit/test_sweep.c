/* SPDX-License-Identifier: Apache-2.0
 * Who cannot look has not seen that nothing is left.
 */
#include "base/process_stat.h"
#include "engine/engine_internal.h"
#include "runner/sweep.h"

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void wait_to_be_killed(void)
{
    (void)setpgid(0, 0);
    for (;;) {
        (void)pause();
    }
}

/* A process in a group of its own, until it is killed. */
static pid_t start_left_over(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        wait_to_be_killed();
    }
    assert_true(pid > 0);
    (void)setpgid(pid, pid);
    return pid;
}

/* How many descriptors there may be for `more` to be opened; the limit that was is in `*ret_was`. */
static void allow_more(int more, struct rlimit *ret_was)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(next >= 0);
    assert_int_equal(close(next), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_was), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)(next + more), ret_was->rlim_max}), 0);
}

static void expect_killed(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(a_runner_without_descriptors_does_not_take_a_step_for_gone)
{
    pid_t pid = start_left_over();
    struct sweep_target target = {.group = pid};
    struct rlimit was;
    for (int more = 0; more < 2; more++) { /* /proc itself; the processes in it */
        allow_more(more, &was);
        struct sweep_found found = sweep(&target, SIGKILL);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_true(found.count == 0 && found.blind);
    }
    struct sweep_found found = sweep(&target, SIGKILL);
    assert_true(found.count == 1 && found.pids[0] == pid && !found.blind);
    expect_killed(pid);
    found = sweep(&target, 0);
    assert_true(found.count == 0 && !found.blind);
}

TEST(an_engine_without_descriptors_does_not_take_an_attempt_for_gone)
{
    pid_t pid = start_left_over();
    char text[24];
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    struct attempt_row row = {.mark = "no-such-mark", .pid = pid, .start_ticks = process_stat(text, STAT_START_TICKS)};
    struct strbuf pids;
    struct rlimit was;
    strbuf_init(&pids, 256);
    for (int more = 0; more < 2; more++) {
        allow_more(more, &was);
        int left = attempt_sweep(NULL, &row, &pids);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_int_equal(left, 1);
        assert_string_equal(pids.data, "unknown, since /proc cannot be read");
    }
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    expect_killed(pid);
    assert_int_equal(attempt_sweep(NULL, &row, &pids), 0);
    strbuf_clear(&pids);
}

/* Its leader has started a process, and goes when `*ret_leader` is killed. */
static pid_t start_in_session(pid_t *ret_leader)
{
    int told[2];
    pid_t pid = 0;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    *ret_leader = fork();
    if (*ret_leader == 0) {
        (void)setsid();
        pid = fork();
        if (pid != 0) {
            (void)!write(told[1], &pid, sizeof pid);
        }
        wait_to_be_killed();
    }
    assert_int_equal(read(told[0], &pid, sizeof pid), sizeof pid);
    assert_int_equal(close(told[0]) + close(told[1]), 0);
    return pid;
}

static bool is_alive(pid_t pid)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%d", (int)pid);
    return process_stat(text, STAT_PARENT) >= 0;
}

TEST(a_process_that_its_dead_runner_told_nobody_of_is_found)
{
    pid_t runner = 0;
    pid_t pid = start_in_session(&runner);
    struct attempt_row row = {.mark = "no-such-mark", .session = runner, .spawning = true};
    struct strbuf pids;
    strbuf_init(&pids, 256);
    assert_int_equal(attempt_sweep(NULL, &row, &pids), 0);
    assert_true(is_alive(pid)); /* the runner's other steps go on while it lives */
    assert_int_equal(kill(runner, SIGKILL), 0);
    expect_killed(runner);
    row.pid = pid;
    row.start_ticks = 1; /* it has told, and that one is gone */
    assert_int_equal(attempt_sweep(NULL, &row, &pids), 0);
    assert_true(is_alive(pid));
    row.pid = 0;
    assert_int_equal(attempt_sweep(NULL, &row, &pids), 0);
    assert_false(is_alive(pid));
    strbuf_clear(&pids);
}

TESTS(RUN(a_process_that_its_dead_runner_told_nobody_of_is_found),
      RUN(a_runner_without_descriptors_does_not_take_a_step_for_gone),
      RUN(an_engine_without_descriptors_does_not_take_an_attempt_for_gone))
