/* SPDX-License-Identifier: Apache-2.0
 * The process behind a connection to a runner, held so that its number cannot come to mean another.
 */
#include "base/fs.h"
#include "engine/engine_internal.h"

#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MAX_BYTES = 64 << 10, DEATH_MS = 2000 };

/* A runner is started with `--id ID`. */
static bool is_runner_of(pid_t pid, const char *id)
{
    struct arena *arena = arena_new();
    struct str words = {0};
    struct str word;
    bool found = false;
    if (fs_read(arena_printf(arena, "/proc/%d/cmdline", (int)pid), COMMAND_MAX_BYTES, arena, &words, NULL) == 0) {
        while (!found && str_cut(&words, '\0', &word)) {
            found = str_is(word, id);
        }
    }
    arena_free(arena);
    return found;
}

int runner_process_open(int connection, const char *id)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 1) {
        return -1;
    }
    int pidfd = pidfd_open(peer.pid, 0);
    if (pidfd >= 0 && !is_runner_of(peer.pid, id)) { /* looked at only now, when the number means one process */
        (void)close(pidfd);
        return -1;
    }
    return pidfd;
}

bool runner_process_wake(int pidfd)
{
    return pidfd >= 0 && pidfd_send_signal(pidfd, SIGCONT, NULL, 0) == 0;
}

bool runner_process_kill(int pidfd)
{
    if (pidfd < 0) {
        return false;
    }
    (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    return poll(&end, 1, DEATH_MS) == 1;
}

enum runner_end runner_process_end(int pidfd)
{
    siginfo_t info = {0};
    if (pidfd < 0 || waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) {
        return RUNNER_LIVES;
    }
    return info.si_code == CLD_EXITED ? RUNNER_EXITED : RUNNER_WAS_KILLED;
}
