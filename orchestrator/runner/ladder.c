/* SPDX-License-Identifier: Apache-2.0
 * Stopping a step: its stop signal (SIGTERM) to the process group, the grace period, SIGKILL to the group, and to all
 * of its control group when it has one. What has left the process group is found by the sweep when the leader is gone
 * (supervise.c).
 */
#include "runner/step_group.h"
#include "runner/supervise.h"

#include <signal.h>

static void signal_group(const struct supervised *attempt, int number)
{
    if (attempt->pid > 0 && kill(-attempt->pid, number) < 0) {
        (void)kill(attempt->pid, number);
    }
}

static void kill_group(struct supervised *attempt)
{
    if (attempt->group != NULL) {
        step_group_kill(attempt->group);
    }
    signal_group(attempt, SIGKILL);
    attempt->facts.killed = true;
    attempt->kill_at_ms = 0;
}

void ladder_stop(struct supervised *attempt, const char *why, int64_t grace_ms, int64_t now_ms)
{
    struct exit_facts *facts = &attempt->facts;
    if (attempt->phase == ATTEMPT_ENDED) {
        return;
    }
    bool first = facts->stopped == NULL;
    if (first) {
        facts->stopped = why;
    }
    if (attempt->phase != ATTEMPT_RUNNING || facts->killed) {
        return;
    }
    if (grace_ms <= 0) {
        if (attempt->kill_at_ms > 0) {
            /* It had less than its grace: the words say how long. */
            facts->grace_ms -= attempt->kill_at_ms - now_ms;
        }
        kill_group(attempt);
        return;
    }
    if (first) {
        int64_t number = json_get_int(json_get(&attempt->spawn, "stop"), "signal", SIGTERM);
        facts->stop_signal = number > 0 && number < NSIG ? (int)number : SIGTERM;
        facts->grace_ms = grace_ms;
        attempt->kill_at_ms = now_ms + grace_ms;
        signal_group(attempt, facts->stop_signal);
        /* A process that is stopped (SIGSTOP) would not see it. */
        signal_group(attempt, SIGCONT);
    } else if (now_ms + grace_ms < attempt->kill_at_ms) {
        attempt->kill_at_ms = now_ms + grace_ms;
        facts->grace_ms = grace_ms;
    }
}

void ladder_fault(struct supervised *attempt, const char *reason)
{
    if (attempt->facts.why == NULL) {
        attempt->facts.why = arena_strdup(attempt->arena, reason);
    }
    attempt->failed = true;
    if (attempt->phase == ATTEMPT_RUNNING) {
        kill_group(attempt);
    }
}

int64_t ladder_tick(struct supervised *attempt, int64_t now_ms)
{
    if (attempt->phase != ATTEMPT_RUNNING) {
        return INT64_MAX;
    }
    if (attempt->deadline_ms > 0 && now_ms >= attempt->deadline_ms) {
        attempt->deadline_ms = 0;
        if (attempt->facts.stopped == NULL) {
            attempt->facts.limit_ms = json_get_int(&attempt->spawn, "timeout_ms", 0);
        }
        ladder_stop(attempt, "timeout", json_get_int(json_get(&attempt->spawn, "stop"), "grace_ms", 10000), now_ms);
    }
    if (attempt->kill_at_ms > 0 && now_ms >= attempt->kill_at_ms) {
        kill_group(attempt);
    }
    int64_t next = INT64_MAX;
    if (attempt->deadline_ms > 0) {
        next = attempt->deadline_ms;
    }
    if (attempt->kill_at_ms > 0 && attempt->kill_at_ms < next) {
        next = attempt->kill_at_ms;
    }
    return next;
}
