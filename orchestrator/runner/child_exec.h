/* SPDX-License-Identifier: Apache-2.0
 * A command or shell step: its environment, its arguments, its script.
 *
 * The text of a shell step never stands in an argument, where every process of the machine could read it. Shells that
 * read their script from any descriptor get it as /dev/fd/4, an unnamed file; other programs get a file.
 */
#ifndef SLUICE_RUNNER_CHILD_EXEC_H
#define SLUICE_RUNNER_CHILD_EXEC_H

#include "base/err.h"
#include "base/json.h"

enum { CHILD_SCRIPT_FD = 4 };

struct child_program {
    char **argv;
    int script; /* the descriptor (close-on-exec) that is to be CHILD_SCRIPT_FD; -1: none */
};

/* spawn.env as a NULL-terminated list of NAME=VALUE in `arena`: it may hold secrets. */
int child_environment(const struct json *spawn, struct arena *arena, char ***ret_list, struct err *err);
/* What is to be executed; the words point into `spawn` and `arena`. Places the script: in spawn.step_dir, or in
 * memory. */
int child_program(const struct json *spawn, struct arena *arena, struct child_program *ret_program, struct err *err);
/* In the child: makes the script CHILD_SCRIPT_FD. */
void child_place_script(const struct child_program *program);
/* The exit code for the `error` (errno) with which the program could not be executed: 126 or 127, and why in words. */
int child_exec_failed(const struct json *spawn, const char *program, int error, struct err *err);

#endif
