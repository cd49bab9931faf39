/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/fork_server.h"

#include "base/mem.h"
#include "runner/runner.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Less than what makes a runner doubt that it was awake (LISTENED_MS in heirs.c). */
enum { PATIENCE_MS = 300 };

enum { SERVER_FD = 3 };

struct fork_server {
    pid_t pid;
    int socket;
};

/* The room for the descriptors that go along with a message. */
union rights {
    struct cmsghdr header;
    char room[CMSG_SPACE(CHILD_FDS * sizeof(int))];
};

/* ---- in the server ---- */

/* Where the C library has the number of the thread that we are; NULL when the kernel cannot tell. It is read by what
 * acts upon threads (pthread_setaffinity_np) and by mutexes that know their holder. */
static int *thread_number(void)
{
    int *found = NULL;
    bool told = prctl(PR_GET_TID_ADDRESS, &found) == 0 && found != NULL;
    return told && *found == getpid() ? found : NULL;
}

/* The next order with its descriptors; the runner gone, or anything else but that: the end. */
static void take_order(struct child_traits *ret_traits, int ret_fds[CHILD_FDS])
{
    union rights rights;
    struct iovec part = {ret_traits, sizeof *ret_traits};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.room, .msg_controllen = sizeof rights.room};
    ssize_t n;
    do {
        n = recvmsg(SERVER_FD, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    const struct cmsghdr *header = n == (ssize_t)sizeof *ret_traits ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_len != CMSG_LEN(CHILD_FDS * sizeof(int))) {
        _exit(0);
    }
    memcpy(ret_fds, CMSG_DATA(header), CHILD_FDS * sizeof(int));
}

/* What the C library does about the first thread in its own fork, is done here. Nothing else of this process has to be
 * put right in the child: there are no other threads. */
static pid_t fork_for(pid_t runner, const struct child_traits *traits, const int fds[CHILD_FDS])
{
    const unsigned long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
    int *number = thread_number();
    void *mutexes = NULL;
    size_t size = 0;
    (void)syscall(SYS_get_robust_list, 0, &mutexes, &size);
    /* Machines differ in which of the last two it is; the other one is not looked at. */
    long pid = number == NULL ? -1 : syscall(SYS_clone, flags, NULL, NULL, number, number);
    if (pid == 0) {
        (void)syscall(SYS_set_robust_list, mutexes, size);
        child_of_server(traits, fds, runner);
    }
    return (pid_t)pid;
}

static _Noreturn void serve(pid_t runner)
{
    for (;;) {
        struct child_traits traits;
        int fds[CHILD_FDS];
        take_order(&traits, fds);
        struct forked forked = {.pid = fork_for(runner, &traits, fds)};
        for (int i = 0; i < CHILD_FDS; i++) {
            (void)close(fds[i]);
        }
        forked.start_ticks = forked.pid > 0 ? runner_start_ticks(forked.pid) : 0;
        if (send(SERVER_FD, &forked, sizeof forked, MSG_NOSIGNAL) != (ssize_t)sizeof forked) {
            _exit(0);
        }
    }
}

static _Noreturn void become_server(int socket, pid_t runner, void (*forget)(void *ctx), void *ctx)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner) {
        _exit(0);
    }
    (void)prctl(PR_SET_NAME, "sluice-forks");
    (void)dup2(socket, SERVER_FD);
    (void)close_range(SERVER_FD + 1, ~0U, 0);
    forget(ctx);
    serve(runner);
}

/* ---- in the runner ---- */

struct fork_server *fork_server_new(void (*forget)(void *ctx), void *ctx)
{
    int ends[2];
    if (thread_number() == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return NULL;
    }
    pid_t runner = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become_server(ends[1], runner, forget, ctx);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return NULL;
    }
    struct fork_server *server = mem_alloc(sizeof *server);
    *server = (struct fork_server){.pid = pid, .socket = ends[0]};
    return server;
}

void fork_server_free(struct fork_server *server)
{
    if (server == NULL) {
        return;
    }
    (void)close(server->socket);
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
    }
    free(server);
}

void fork_server_ended(struct fork_server *server)
{
    server->pid = 0;
}

pid_t fork_server_pid(const struct fork_server *server)
{
    return server == NULL ? 0 : server->pid;
}

int fork_server_ask(struct fork_server *server, const struct child_traits *traits, const int fds[CHILD_FDS])
{
    union rights rights;
    memset(&rights, 0, sizeof rights);
    rights.header.cmsg_level = SOL_SOCKET;
    rights.header.cmsg_type = SCM_RIGHTS;
    rights.header.cmsg_len = CMSG_LEN(CHILD_FDS * sizeof(int));
    memcpy(CMSG_DATA(&rights.header), fds, CHILD_FDS * sizeof(int));
    struct iovec part = {(void *)(uintptr_t)traits, sizeof *traits};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = rights.room, .msg_controllen = sizeof rights.room};
    return sendmsg(server->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof *traits ? 0 : -1;
}

static bool take_answer(const struct fork_server *server, struct forked *ret)
{
    return recv(server->socket, ret, sizeof *ret, MSG_DONTWAIT) == (ssize_t)sizeof *ret;
}

int fork_server_answer(struct fork_server *server, struct forked *ret)
{
    if (take_answer(server, ret)) {
        return 0;
    }
    struct pollfd ready = {.fd = server->socket, .events = POLLIN};
    int found;
    do {
        found = poll(&ready, 1, PATIENCE_MS);
    } while (found < 0 && errno == EINTR);
    return found == 1 && take_answer(server, ret) ? 0 : -1;
}
