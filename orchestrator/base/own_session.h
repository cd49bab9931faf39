/* SPDX-License-Identifier: Apache-2.0
 * Starts a program that is to outlive its parent: in a session of its own, with no signal blocked or ignored.
 */
#ifndef SLUICE_BASE_OWN_SESSION_H
#define SLUICE_BASE_OWN_SESSION_H

#include <spawn.h>
#include <sys/types.h>

/* It has our environment, and LD_BIND_NOW: a function is looked up once in it, not again in each child that it forks.
 * `files`: what becomes of descriptors (posix_spawn(3)); NULL: nothing. 0, or an errno. */
int own_session_start(const char *program, char *const *argv, const posix_spawn_file_actions_t *files, pid_t *ret_pid);

#endif
