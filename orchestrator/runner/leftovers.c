/* SPDX-License-Identifier: Apache-2.0
 * What a step has left running.
 */
#include "base/mem.h"
#include "runner/fork_server.h"
#include "runner/runner.h"
#include "runner/supervise.h"

#include <stdlib.h>

static bool others_alive(const struct supervised *attempt, pid_t *room, size_t *ret_count)
{
    const struct runner *runner = attempt->runner;
    size_t count = 0;
    bool others = false;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        const struct supervised *other = runner->attempts.items[i];
        if (other != attempt && other->pid > 0) {
            others = others || !other->ready; /* what is held has no processes beside its own */
            if (other->phase == ATTEMPT_RUNNING || other->ready) {
                room[count++] = other->pid;
            }
        }
    }
    *ret_count = count;
    return others;
}

/* With room for one more leader than there are attempts. */
static struct sweep_target target_of(const struct supervised *attempt, pid_t *leaders, size_t *ret_count)
{
    launch_learn(attempt->runner);
    struct sweep_target target = {
        .group = attempt->pid,
        .unique = json_get_text(json_get(&attempt->spawn, "env"), "SLUICE_ATTEMPT", NULL),
        .alone = !others_alive(attempt, leaders, ret_count),
        .spare = fork_server_pid(attempt->runner->forks),
        .cgroup = attempt->group,
    };
    sweep_name(attempt->id, target.name);
    if (target.spare > 0) {
        leaders[(*ret_count)++] = target.spare;
    }
    return target;
}

struct sweep_target supervise_target(const struct supervised *attempt)
{
    size_t count = 0;
    pid_t *leaders = mem_array(attempt->runner->attempts.count + 1, sizeof *leaders);
    struct sweep_target target = target_of(attempt, leaders, &count);
    free(leaders);
    return target;
}

/* What descends from us and is nobody else's is of the attempt; what is held would be taken for it. */
static void undo_ready(struct supervised *attempt)
{
    const struct runner *runner = attempt->runner;
    for (size_t i = 0; i < runner->attempts.count; i++) {
        launch_undo(runner->attempts.items[i]);
    }
}

struct sweep_found supervise_sweep(struct supervised *attempt, int number)
{
    pid_t *leaders = mem_array(attempt->runner->attempts.count + 1, sizeof *leaders);
    size_t count = 0;
    struct sweep_target target = target_of(attempt, leaders, &count);
    struct sweep_found found = {0};
    if (sweep_has_other_children(leaders, count)) {
        undo_ready(attempt);
        found = sweep(&target, number);
    }
    free(leaders);
    return found;
}

void supervise_tell_survivors(struct supervised *attempt, const struct sweep_found *found, int64_t now_ms)
{
    struct strbuf text;
    strbuf_init(&text, 1024);
    if (found->count == 0) {
        supervise_warn(attempt, "whether processes of the step are left cannot be told: /proc cannot be read", now_ms);
        return;
    }
    strbuf_printf(&text, "%zu process%s of the step could not be killed:", found->count, found->count == 1 ? "" : "es");
    for (size_t i = 0; i < found->count && i < SWEEP_SHOWN; i++) {
        strbuf_printf(&text, " %d", (int)found->pids[i]);
    }
    supervise_warn(attempt, text.data, now_ms);
    strbuf_clear(&text);
}
