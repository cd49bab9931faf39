/* SPDX-License-Identifier: Apache-2.0
 * From an attempt whose turn it is to its process.
 */
#include "base/clock.h"
#include "base/crash_point.h"
#include "runner/child.h"
#include "runner/runner.h"
#include "runner/step_folders.h"
#include "runner/supervise.h"

static void forget_others(void *ctx)
{
    struct supervised *attempt = ctx;
    runner_forget_others(attempt->runner, attempt);
}

static void note_began(void *ctx, pid_t pid)
{
    struct supervised *attempt = ctx;
    if (!attempt->collecting) {
        struct json started = json_object();
        json_set(attempt->arena, &started, "pid", json_int(pid));
        json_set(attempt->arena, &started, "start_ticks", json_int(runner_start_ticks(pid)));
        supervise_journal(attempt, JOURNAL_STARTED, &started, clock_monotonic_ms(&clock_system));
    }
}

/* Its process and its ends of the pipes; false with `err`. */
static bool make_process(struct supervised *attempt, bool clear, struct err *err)
{
    struct runner *runner = attempt->runner;
    struct child_request request = {
        .spawn = &attempt->spawn,
        .collect = attempt->collecting,
        .clear = clear,
        .files = runner->files,
        .core = runner->core,
        .umask = runner->umask,
        .group = attempt->group,
        .began = note_began,
        .forget = forget_others,
        .ctx = attempt,
        .ret_code = &attempt->facts.code,
    };
    sweep_name(attempt->id, request.name);
    struct child_ends ends;
    pid_t pid = child_start(&request, &ends, err);
    if (pid < 0) {
        return false;
    }
    attempt->pid = pid;
    attempt->output[0] = ends.out;
    attempt->output[1] = ends.error;
    channel_clear(&attempt->channel);
    if (ends.channel >= 0) {
        channel_init(&attempt->channel, ends.channel);
    }
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

void launch(struct supervised *attempt, int64_t now_ms)
{
    struct err err = {0};
    int made = attempt->collecting ? 0 : step_folders_make(&attempt->runner->folders, &attempt->spawn, &err);
    supervise_group_make(attempt, now_ms);
    bool begun = made >= 0 && make_process(attempt, made == 1, &err);
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
