/* SPDX-License-Identifier: Apache-2.0
 * The control group of an attempt: made before its process, read and removed after it.
 */
#include "runner/child.h"
#include "runner/runner.h"

#include <signal.h>

void supervise_group_make(struct supervised *attempt, int64_t now_ms)
{
    const struct json *limits = json_get(&attempt->spawn, "limits");
    const char *mark = json_get_text(json_get(&attempt->spawn, "env"), "SLUICE_ATTEMPT", "");
    struct group_limits asked = {
        .memory_bytes = attempt->memory_limit_bytes,
        .cpu_milli = json_get_int(limits, "cpu_milli", 0),
    };
    struct err err = {0};
    if (attempt->collecting) {
        return; /* what publishes is our own code, and its files are no memory of the step */
    }
    if (attempt->runner->groups.folder != NULL && *mark != '\0' && (asked.memory_bytes > 0 || asked.cpu_milli > 0)) {
        attempt->group = step_group_make(&attempt->runner->groups, mark, &asked, attempt->arena, &err);
        if (attempt->group == NULL && asked.memory_bytes > 0) {
            supervise_warn(attempt,
                           arena_printf(attempt->arena, "its memory is looked at, not limited by the kernel: %s",
                                        err.message),
                           now_ms);
        }
    }
    /* The bound of the address space is for those whose memory the kernel does not limit otherwise. */
    if (attempt->group == NULL && child_runs_inside(&attempt->spawn)) {
        attempt->facts.memory_limit_bytes = json_get_int(limits, "memory_bytes", 0);
    }
}

/* Was it ended by a SIGKILL that is not ours? A shell says so of what it ran by its exit code. */
static bool was_killed(const struct exit_facts *facts)
{
    return facts->stopped == NULL && ((facts->how == EXIT_SIGNALLED && facts->signal == SIGKILL) ||
                                      (facts->how == EXIT_EXITED && facts->code == 128 + SIGKILL));
}

/* At a limit around it, a container's say: the kernel counts those of a group, and we look when a step has failed. */
static void look_around(struct supervised *attempt)
{
    int64_t kills = step_group_outer_oom_kills();
    attempt->facts.kernel_ended =
        attempt->facts.kernel_ended || (kills > attempt->runner->oom_kills && was_killed(&attempt->facts));
    attempt->runner->oom_kills = kills;
}

void supervise_group_settle(struct supervised *attempt)
{
    struct exit_facts *facts = &attempt->facts;
    bool failed = facts->how == EXIT_SIGNALLED || facts->code != 0;
    if (failed) {
        look_around(attempt);
    }
    if (attempt->group == NULL) {
        return;
    }
    struct group_usage usage = step_group_usage(attempt->group);
    if (usage.oom_kills > 0 && failed) {
        facts->kernel_limit_bytes = attempt->memory_limit_bytes;
        facts->kernel_ended = was_killed(facts);
    }
    if (usage.memory_peak_bytes > 0) {
        facts->memory_peak_bytes = usage.memory_peak_bytes;
    }
    /* Also of processes that nobody waited for. */
    facts->user_ms = usage.user_ms > facts->user_ms ? usage.user_ms : facts->user_ms;
    facts->system_ms = usage.system_ms > facts->system_ms ? usage.system_ms : facts->system_ms;
    step_group_remove(&attempt->runner->groups, attempt->group);
    attempt->group = NULL;
}
