/* SPDX-License-Identifier: Apache-2.0
 * Whether a process belongs to a step. Runners are subreapers: whatever a step starts stays below its runner, also when
 * its parent has gone.
 */
#include "base/process_stat.h"
#include "engine/apart.h"
#include "engine/engine_internal.h"

#include <stdio.h>
#include <sys/socket.h>

enum { GENERATIONS_MAX = 10000 };

static bool is_runner(const struct engine *engine, pid_t pid)
{
    for (size_t i = 0; i < engine->links.count; i++) {
        const struct runner_link *link = engine->links.items[i];
        struct ucred peer = {.pid = link->pid};
        socklen_t size = sizeof peer;
        /* The socket of one that is apart was made by a sluice: the kernel tells of that. */
        if ((link->apart || getsockopt(link->stream.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) &&
            peer.pid == pid) {
            return true;
        }
    }
    return false;
}

bool engine_is_step(const struct engine *engine, pid_t pid, uid_t uid)
{
    if (engine->options.apart != NULL && engine->options.apart->uid == uid) {
        return true;
    }
    for (int i = 0; i < GENERATIONS_MAX && pid > 1; i++) {
        if (is_runner(engine, pid)) {
            return true;
        }
        char name[24];
        (void)snprintf(name, sizeof name, "%d", (int)pid);
        pid = (pid_t)process_stat(name, STAT_PARENT);
    }
    return false;
}
