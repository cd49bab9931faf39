/* SPDX-License-Identifier: Apache-2.0
 * From fork to the step's own code.
 *
 * The child, in this order: keeps 0 (/dev/null), 1, 2 and the channel (3) and closes the rest; resets signals; dies
 * with the runner; leads its own process group; takes its limits; forgets what belongs to other attempts; makes its
 * folders; goes to its working directory; takes its environment. Then it is the step.
 * An attempt that was resumed (spawn.resumed) keeps its folder and outputs; any other finds them empty.
 */
#ifndef SLUICE_RUNNER_CHILD_H
#define SLUICE_RUNNER_CHILD_H

#include "base/err.h"
#include "base/json.h"

#include <sys/resource.h>
#include <sys/types.h>

struct child_request {
    const struct json *spawn;
    bool collect;              /* only publish what spawn.collect asks for */
    int64_t attempt;
    struct rlimit files;       /* RLIMIT_NOFILE for the step: the runner raised its own */
    struct rlimit core;        /* RLIMIT_CORE for a step that is another program: the runner leaves no core */
    mode_t umask;
    void (*forget)(void *ctx); /* in the child: overwrites what is not the attempt's */
    void *forget_ctx;
};

/* The runner's ends, non-blocking. */
struct child_ends {
    int out;
    int error;
    int channel;
};

/* The pid, or -1. */
pid_t child_start(const struct child_request *request, struct child_ends *ret_ends, struct err *err);
/* True for "lua" and "plugin": the step is code in the child, not another program. */
bool child_runs_inside(const struct json *spawn);

#endif
