/* SPDX-License-Identifier: Apache-2.0
 * What the engine asks of the machine it runs on.
 *
 * One table, so that a simulator (tests/sim) can put a world of its own under the same engine: time that passes when
 * it says so, runners that are made up, processes that die where it wants. The store has its seam in SQLite's VFS, and
 * time is a struct clock. Journals, run folders and the files of a workspace are files: they are read and written
 * wherever `home` and the workspace are.
 */
#ifndef SLUICE_ENGINE_WORLD_H
#define SLUICE_ENGINE_WORLD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "store/steps.h"

#include <stddef.h>
#include <sys/epoll.h>

struct engine_options;

/* Every function gets `ctx` first. */
struct engine_world {
    void *ctx;
    /* ---- the engine's own process */
    /* A named place between two acts of the engine, where a test ends its process. */
    void (*crash_point)(void *ctx, const char *name);
    void (*seed)(void *ctx, struct rng *ret_rng);
    /* Another one after each start of the machine. */
    int (*boot_id)(void *ctx, char ret_boot_id[40], struct err *err);
    /* As epoll_wait(2). */
    int (*wait)(void *ctx, int epoll_fd, struct epoll_event *events, int room, int timeout_ms);
    /* Until one connection can be read, or the time is over. */
    void (*wait_readable)(void *ctx, int fd, int timeout_ms);
    void (*pause)(void *ctx, int ms);

    /* ---- runners, whose sockets are in `folder` */
    /* Those that may live, in the arena. */
    int (*runner_list)(void *ctx, const char *folder, struct arena *arena, const char ***ret_ids, size_t *ret_count,
                       struct err *err);
    /* A connected stream socket, or -1 with errno: nobody listens (ECONNREFUSED, ENOENT), or that cannot be known. */
    int (*runner_connect)(void *ctx, const char *folder, const char *id);
    /* Takes away what a dead one left. */
    void (*runner_forget)(void *ctx, const char *folder, const char *id);
    /* Starts one; it can be connected to a little later. `*ret_pidfd` is readable when it has ended; -1: not known. */
    int (*runner_start)(void *ctx, const struct engine_options *options, const char *folder, const char *id,
                        int *ret_pidfd, struct err *err);

    /* ---- what a runner may have left behind */
    /* Kills the processes of an attempt: how many are left after a second, their pids in words in `pids`. */
    int (*sweep)(void *ctx, const struct attempt_row *attempt, struct strbuf *pids);
};

/* The real one. */
extern const struct engine_world engine_world_system;

#endif
