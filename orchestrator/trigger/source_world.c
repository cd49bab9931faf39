/* SPDX-License-Identifier: Apache-2.0
 * The sluice-git that answers sources, as a program.
 */
#include "trigger/trigger.h"

#include <sys/pidfd.h>

static const size_t answer_bytes = (size_t)16 << 20;

static bool start_program(void *ctx, const struct json *request, struct arena *arena, struct fetch_child *ret)
{
    return fetch_child_start(ctx, request, arena, ret);
}

static bool program_ended(void *ctx, struct fetch_child *child)
{
    (void)ctx;
    return fetch_child_ended(child);
}

static struct json take_answer(void *ctx, struct fetch_child *child, struct arena *arena)
{
    struct json head;
    struct str body;
    (void)ctx;
    fetch_child_take(child, answer_bytes, arena, &head, &body);
    return head;
}

static void kill_program(void *ctx, struct fetch_child *child)
{
    (void)ctx;
    fetch_child_kill(child);
}

static int watch_program(void *ctx, const struct fetch_child *child)
{
    (void)ctx;
    return pidfd_open(child->pid, 0);
}

struct source_world source_world_of(const char *program)
{
    return (struct source_world){.ctx = (void *)(uintptr_t)program,
                                 .start = start_program,
                                 .ended = program_ended,
                                 .take = take_answer,
                                 .kill = kill_program,
                                 .watch = watch_program};
}
