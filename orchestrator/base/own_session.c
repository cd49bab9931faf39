/* SPDX-License-Identifier: Apache-2.0 */
#include "base/own_session.h"

#include "base/arena.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char **environment(struct arena *arena)
{
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL) {
        count++;
    }
    char **list = arena_array(arena, count + 2, sizeof *list);
    if (count > 0) {
        memcpy(list, environ, count * sizeof *list);
    }
    list[count] = "LD_BIND_NOW=1";
    return list;
}

int own_session_start(const char *program, char *const *argv, const posix_spawn_file_actions_t *files, pid_t *ret_pid)
{
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    struct arena *arena = arena_new();
    int code = posix_spawn(ret_pid, program, files, &attributes, argv, environment(arena));
    arena_free(arena);
    (void)posix_spawnattr_destroy(&attributes);
    return code;
}
