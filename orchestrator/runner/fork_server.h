/* SPDX-License-Identifier: Apache-2.0
 * A small process that forks for the runner.
 *
 * Whoever forks copies the tables of all its memory, and then copies each page that it or the child writes: for the
 * runner, whose memory is written all the time, that takes longer than a short step. So it makes one process that
 * touches little, and has that fork what is held (child.h). It is a copy of the runner that has forgotten what belongs
 * to attempts; what it forks is the runner's child, not its own (CLONE_PARENT), and is told through its own channel
 * what it is for. It dies with the runner.
 */
#ifndef SLUICE_RUNNER_FORK_SERVER_H
#define SLUICE_RUNNER_FORK_SERVER_H

#include "runner/child.h"

#include <stdint.h>

struct fork_server;

/* A process, and when it began (runner_start_ticks). */
struct forked {
    pid_t pid;
    int64_t start_ticks;
};

/* NULL when there can be none. `forget` is called in it, as in every child. */
struct fork_server *fork_server_new(void (*forget)(void *ctx), void *ctx);
/* It has ended, and was waited for. */
void fork_server_ended(struct fork_server *server);
/* Ends it. What it has forked goes on. */
void fork_server_free(struct fork_server *server);
/* 0 for NULL, or when it has ended. */
pid_t fork_server_pid(const struct fork_server *server);
/* Asks for a child, with its ends of the pipes. 0, or -1: it is gone. */
int fork_server_ask(struct fork_server *server, const struct child_traits *traits, const int fds[CHILD_FDS]);
/* What was asked for and has not been answered: waits for it, a third of a second at most. -1: there will be none, nor
 * any other of this server. */
int fork_server_answer(struct fork_server *server, struct forked *ret);

#endif
