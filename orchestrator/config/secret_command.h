/* SPDX-License-Identifier: Apache-2.0
 * A command whose output is the value of a secret. Nobody waits for it: it is begun, looked at now and then, and ended.
 *
 * It has 30 s, no standard input, and a process group of its own, so that all it started can be ended with it. What it
 * prints lies in the memory of this process, and is wiped at its end. Not for two threads at once.
 */
#ifndef SLUICE_CONFIG_SECRET_COMMAND_H
#define SLUICE_CONFIG_SECRET_COMMAND_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct secret_command;

/* Begins it; no shell sees its words. `epoll_fd` can be read when there is something to look at. NULL: it could not be
 * started. */
struct secret_command *secret_command_begin(const struct str *words, size_t count, int epoll_fd, struct err *err);
/* 1: it goes on. 0: it has succeeded; `*ret` is all that it printed, and lies in the command. -1: it has failed,
 * printed too much or had its time; the error holds what it wrote to standard error. What it once came to it says each
 * time. */
int secret_command_look(struct secret_command *command, struct str *ret, struct err *err);
/* Monotonic; 0 while it goes on. */
int64_t secret_command_ended_ms(const struct secret_command *command);
/* Kills what is left of it. NULL is allowed. */
void secret_command_end(struct secret_command *command);

#endif
