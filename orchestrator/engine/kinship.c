/* SPDX-License-Identifier: Apache-2.0
 * Whether a process belongs to a step. Runners are subreapers: whatever a step starts stays below its runner, also when
 * its parent has gone.
 */
#include "engine/engine_internal.h"

#include <stdio.h>
#include <sys/socket.h>

enum { GENERATIONS_MAX = 10000 };

/* The fourth field of /proc/PID/stat, behind a name that may hold anything but a newline; 0: no such process. */
static pid_t parent_of(pid_t pid)
{
    char path[40];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
    const char *end = strrchr(text, ')');
    int parent = 0;
    return end != NULL && sscanf(end, ") %*c %d", &parent) == 1 ? (pid_t)parent : 0;
}

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
        pid = parent_of(pid);
    }
    return false;
}
