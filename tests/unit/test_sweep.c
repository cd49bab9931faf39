/* SPDX-License-Identifier: Apache-2.0
 * Who cannot look has not seen that nothing is left.
 */
#include "engine/engine_internal.h"
#include "runner/sweep.h"

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process in a group of its own, until it is killed. */
static pid_t start_left_over(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        for (;;) {
            (void)pause();
        }
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

TESTS(RUN(a_runner_without_descriptors_does_not_take_a_step_for_gone),
      RUN(an_engine_without_descriptors_does_not_take_an_attempt_for_gone))
