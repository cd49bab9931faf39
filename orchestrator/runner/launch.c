/* SPDX-License-Identifier: Apache-2.0
 * From an attempt whose turn it is to its process.
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "runner/child.h"
#include "runner/fork_server.h"
#include "runner/runner.h"
#include "runner/step_folders.h"
#include "runner/supervise.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void forget_others(void *ctx)
{
    struct supervised *attempt = ctx;
    runner_forget_others(attempt->runner, attempt);
}

static void journal_started(struct supervised *attempt, pid_t pid, int64_t start_ticks)
{
    struct json started = json_object();
    json_set(attempt->arena, &started, "pid", json_int(pid));
    json_set(attempt->arena, &started, "start_ticks", json_int(start_ticks));
    supervise_journal(attempt, JOURNAL_STARTED, &started, clock_monotonic_ms(&clock_system));
}

static void note_began(void *ctx, pid_t pid)
{
    struct supervised *attempt = ctx;
    if (!attempt->collecting) {
        journal_started(attempt, pid, runner_start_ticks(pid));
    }
}

static struct child_request request_of(struct supervised *attempt, bool clear, bool held)
{
    const struct runner *runner = attempt->runner;
    struct child_request request = {
        .spawn = &attempt->spawn,
        .traits = {.files = runner->files, .core = runner->core, .umask = runner->umask},
        .collect = attempt->collecting,
        .clear = clear,
        .held = held,
        .group = attempt->group,
        .began = note_began,
        .forget = forget_others,
        .ctx = attempt,
        .ret_code = &attempt->facts.code,
    };
    sweep_name(attempt->id, request.traits.name);
    return request;
}

static void take_ends(struct supervised *attempt, const struct child_ends *ends)
{
    attempt->output[0] = ends->out;
    attempt->output[1] = ends->error;
    channel_clear(&attempt->channel);
    if (ends->channel >= 0) {
        channel_init(&attempt->channel, ends->channel);
    }
}

/* Its process and our ends of the pipes; false with `err`. */
static bool make_process(struct supervised *attempt, bool clear, bool held, struct err *err)
{
    struct child_request request = request_of(attempt, clear, held);
    struct child_ends ends;
    pid_t pid = child_start(&request, &ends, err);
    if (pid < 0) {
        return false;
    }
    attempt->pid = pid;
    take_ends(attempt, &ends);
    return true;
}

static void note_running(struct supervised *attempt, int64_t now_ms)
{
    attempt->phase = ATTEMPT_RUNNING;
    attempt->begun = true;
    if (!attempt->collecting) {
        attempt->started_at_ms = now_ms;
        int64_t timeout_ms = json_get_int(&attempt->spawn, "timeout_ms", 0);
        attempt->deadline_ms = timeout_ms > 0 ? now_ms + timeout_ms : 0;
        crash_point_pass("runner_after_started");
    }
    supervise_watch(attempt);
}

/* ---- an heir ---- */

static void forget_all(void *ctx)
{
    runner_forget_others(ctx, NULL);
}

static void drop_forks(struct runner *runner)
{
    fork_server_free(runner->forks);
    runner->forks = NULL;
    runner->no_forks = true;
}

/* Asks the fork server for its process; false where there is none, or the spawn message is not for it. */
static bool ask_for_process(struct supervised *heir)
{
    struct runner *runner = heir->runner;
    if (mask_is_active(heir->mask) || runner->no_forks) {
        return false;
    }
    if (runner->forks == NULL && (runner->forks = fork_server_new(forget_all, runner)) == NULL) {
        runner->no_forks = true;
        return false;
    }
    struct child_request request = request_of(heir, false, true);
    struct child_ends ends;
    heir->asked = child_ask(runner->forks, &request, &ends) == 0;
    if (heir->asked) {
        take_ends(heir, &ends);
    }
    return heir->asked;
}

/* What fails here, and below, is tried again when its turn has come, and told then. */
void launch_hold(struct supervised *heir)
{
    struct err err = {0};
    if (!child_runs_inside(&heir->spawn)) {
        return;
    }
    heir->ready = ask_for_process(heir);
    if (!heir->ready && make_process(heir, false, true, &err)) {
        heir->ready = true;
        heir->start_ticks = runner_start_ticks(heir->pid);
    }
    crash_point_pass("runner_heir_held");
}

void launch_place(struct supervised *heir)
{
    struct err err = {0};
    heir->placed = true;
    if (step_folders_make(&heir->runner->folders, &heir->spawn, &err) != 0) {
        launch_undo(heir);
    }
    crash_point_pass("runner_heir_ready");
}

/* Who its process is; none when the fork server does not say. */
static void learn(struct supervised *heir)
{
    struct forked forked = {0};
    heir->asked = false;
    if (heir->runner->forks != NULL && fork_server_answer(heir->runner->forks, &forked) < 0) {
        drop_forks(heir->runner);
    }
    heir->pid = forked.pid > 0 ? forked.pid : 0;
    heir->start_ticks = forked.start_ticks;
}

void launch_learn(struct runner *runner)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct supervised *heir = runner->attempts.items[i];
        if (heir->asked) {
            learn(heir);
            if (heir->pid == 0) {
                launch_undo(heir);
            }
        }
    }
}

void launch_announce(struct supervised *heir)
{
    launch_learn(heir->runner);
    if (heir->ready) {
        journal_started(heir, heir->pid, heir->start_ticks);
    }
}

void launch_undo(struct supervised *heir)
{
    if (!heir->ready) {
        return;
    }
    heir->ready = false;
    if (heir->asked) {
        learn(heir);
    }
    if (heir->pid > 0) {
        (void)kill(heir->pid, SIGKILL);
        (void)waitpid(heir->pid, NULL, 0);
        heir->pid = 0;
    }
    for (int i = 0; i < 2; i++) {
        close(heir->output[i]);
        heir->output[i] = -1;
    }
    channel_clear(&heir->channel);
}

/* What ran meanwhile may have ended it. */
static bool release(struct supervised *heir)
{
    if (heir->ready && child_release(heir->channel.fd) < 0) {
        launch_undo(heir);
    }
    bool released = heir->ready;
    heir->ready = false;
    return released;
}

/* As step_folders_make. What ran since they were made may have removed them, or put something there. */
static int make_places(struct supervised *attempt, struct err *err)
{
    bool good = attempt->collecting || (attempt->placed && step_folders_are_as_made(&attempt->spawn));
    return good ? 0 : step_folders_make(&attempt->runner->folders, &attempt->spawn, err);
}

void launch(struct supervised *attempt, int64_t now_ms)
{
    struct err err = {0};
    int made = make_places(attempt, &err);
    if (made != 0) {
        launch_undo(attempt);
    }
    if (release(attempt)) {
        note_running(attempt, now_ms);
        return;
    }
    supervise_group_make(attempt, now_ms);
    bool begun = made >= 0 && make_process(attempt, made == 1, false, &err);
    crash_point_pass("runner_after_fork");
    if (!begun) {
        attempt->facts.how = attempt->collecting ? EXIT_EXITED : EXIT_NOT_STARTED;
        attempt->facts.why = arena_strdup(attempt->arena, err.message);
        supervise_group_settle(attempt);
        supervise_end(attempt, now_ms);
        return;
    }
    note_running(attempt, now_ms);
}
