/* SPDX-License-Identifier: Apache-2.0
 * Runs another program to its end: a deployment command, a candidate's training.
 *
 * The program gets a process group of its own, so that a timeout or a cancelled step ends everything it started:
 * SIGTERM, then SIGKILL as soon as the program has ended, or five seconds later. What it leaves running when it ends by
 * itself is not touched. It inherits no descriptor but the three standard ones, and it dies with this process.
 */
#ifndef SLUICE_SHARED_PROGRAM_H
#define SLUICE_SHARED_PROGRAM_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

struct program {
    const char *const *argv; /* NULL-terminated; found along PATH */
    const char *const
        *env; /* "NAME=value", NULL-terminated, added to this process's or in their place; NULL for none */
    const char *folder;      /* working directory; NULL: this process's */
    const char *input;       /* what it reads from standard input; NULL: nothing */
    const char *output_file; /* receives standard output and error; NULL: the step's log */
    bool errors_apart;       /* standard error goes to the step's log in any case */
    int64_t timeout_ms;      /* 0: none */
};

/* 0 when it exits with status 0. Else -1 with a fault such as "'python' exited with status 3", "'python' was killed by
 * signal 9", "'python' did not end within 30s", "'python' cannot be started: No such file or directory". */
int program_run(const struct step_host *host, const struct program *program, struct fault *fault);

/* A list of texts, numbers and booleans as argv, in `scratch`. At least one item, the first not empty. */
int program_argv(struct scratch *scratch, const struct step_value *list, const char *what, const char *const **ret_argv,
                 struct fault *fault);

#endif
