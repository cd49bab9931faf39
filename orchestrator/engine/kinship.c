/* SPDX-License-Identifier: Apache-2.0
 * Whether a process belongs to a step. Runners are subreapers: whatever a step starts stays below its runner, also when
 * its parent has gone.
 */
#include "engine/engine_internal.h"

#include <stdio.h>
#include <sys/socket.h>

enum { GENERATIONS_MAX = 10000 };

static bool is_runner(const struct engine *engine, pid_t pid)
{
    for (size_t i = 0; i < engine->links.count; i++) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        if (getsockopt(engine->links.items[i]->stream.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
            peer.pid == pid) {
            return true;
        }
    }
    return false;
}

bool engine_is_step(const struct engine *engine, pid_t pid)
{
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
