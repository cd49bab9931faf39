/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_command.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ERROR_MAX_BYTES = 4 << 10,
    ERROR_SHOWN_BYTES = 400,
    TIMEOUT_S = 30,
    FDS = 4,
};

struct secret_command {
    char *name;
    pid_t pid;    /* 0 once it was reaped */
    int timer_fd; /* readable once its time is over */
    int pid_fd;   /* readable once it has ended */
    int out_fd;   /* -1 once closed */
    int error_fd;
    struct strbuf out;
    struct strbuf error;
    bool over;
    int64_t ended_ms;
    struct err failure; /* unless it has succeeded */
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* ---- beginning -------------------------------------------------------------------------------------------- */

/* A group of its own, so that all it started can be ended; our signal mask and handlers are not its business. */
static int spawn(struct secret_command *command, char **argv, int out, int error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    pid_t pid = 0;
    int code = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
    command->pid = code == 0 ? pid : 0;
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int start(struct secret_command *command, char **argv, struct err *err)
{
    int out[2] = {-1, -1};
    int error[2] = {-1, -1};
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(error, O_CLOEXEC | O_NONBLOCK) < 0) {
        close_fd(&out[0]);
        close_fd(&out[1]);
        return err_errno(err, "cannot make a pipe");
    }
    /* The command gets blocking ends, as programs expect. */
    (void)fcntl(out[1], F_SETFL, 0);
    (void)fcntl(error[1], F_SETFL, 0);
    int code = spawn(command, argv, out[1], error[1]);
    close_fd(&out[1]);
    close_fd(&error[1]);
    command->out_fd = out[0];
    command->error_fd = error[0];
    if (code != 0) {
        errno = code;
        return err_errno(err, "cannot start '%s'", command->name);
    }
    return 0;
}

static int watch(struct secret_command *command, int epoll_fd, struct err *err)
{
    struct itimerspec time = {.it_value.tv_sec = TIMEOUT_S};
    command->pid_fd = pidfd_open(command->pid, 0);
    command->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (command->pid_fd < 0 || command->timer_fd < 0 || timerfd_settime(command->timer_fd, 0, &time, NULL) < 0) {
        return err_errno(err, "cannot watch '%s'", command->name);
    }
    const int fds[FDS] = {command->pid_fd, command->timer_fd, command->out_fd, command->error_fd};
    for (int i = 0; i < FDS; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) < 0) {
            return err_errno(err, "cannot watch '%s'", command->name);
        }
    }
    return 0;
}

struct secret_command *secret_command_begin(const struct str *words, size_t count, int epoll_fd, struct err *err)
{
    struct secret_command *command = mem_alloc(sizeof *command);
    struct arena *arena = arena_new();
    char **argv = arena_array(arena, count + 1, sizeof *argv);
    for (size_t i = 0; i < count; i++) {
        argv[i] = arena_dup(arena, words[i].p, words[i].n);
    }
    *command = (struct secret_command){
        .name = mem_strdup(argv[0]), .timer_fd = -1, .pid_fd = -1, .out_fd = -1, .error_fd = -1};
    strbuf_init(&command->out, SECRET_MAX_BYTES + 1);
    strbuf_init(&command->error, ERROR_MAX_BYTES);
    bool begun = start(command, argv, err) == 0 && watch(command, epoll_fd, err) == 0;
    arena_free(arena);
    if (!begun) {
        secret_command_end(command);
        return NULL;
    }
    return command;
}

/* ---- looking ---------------------------------------------------------------------------------------------- */

/* Reads what is there; closes the descriptor at its end. */
static void drain(int *fd, struct strbuf *into)
{
    char room[4096];
    while (*fd >= 0 && !into->overflow) {
        ssize_t n = read(*fd, room, sizeof room);
        if (n > 0) {
            strbuf_add(into, room, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_fd(fd);
        } else if (errno == EAGAIN) {
            break;
        }
    }
    explicit_bzero(room, sizeof room);
}

static void drain_both(struct secret_command *command)
{
    drain(&command->out_fd, &command->out);
    command->error.overflow = false; /* the first part says what is wrong; the rest is let go by */
    drain(&command->error_fd, &command->error);
}

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* Kills it with all that it started, and takes its status. Before it is reaped its group cannot be another's. */
static int reap(struct secret_command *command)
{
    int status = 0;
    if (command->pid > 0) {
        (void)kill(-command->pid, SIGKILL);
        while (waitpid(command->pid, &status, 0) < 0 && errno == EINTR) {
        }
        command->pid = 0;
    }
    return status;
}

/* What it has printed may be the secret, also when it failed afterwards: it is not repeated from its errors. */
static void mask_errors(const struct secret_command *command, struct strbuf *ret)
{
    struct json printed = json_object();
    struct arena *arena = arena_new();
    json_set(arena, &printed, "printed", json_string(arena, strbuf_str(&command->out)));
    struct mask *mask = mask_new(&printed);
    mask_text(mask, strbuf_str(&command->error), ret);
    mask_free(mask);
    json_wipe(&printed);
    arena_free(arena);
}

/* One line of printable text, with what stands before it. */
static const char *error_text(const struct secret_command *command, char room[ERROR_SHOWN_BYTES + 3])
{
    struct strbuf masked;
    strbuf_init(&masked, ERROR_MAX_BYTES * 3);
    mask_errors(command, &masked);
    struct str text = str_trim(str_slice(strbuf_str(&masked), 0, ERROR_SHOWN_BYTES));
    (void)snprintf(room, ERROR_SHOWN_BYTES + 3, "%s%.*s", text.n == 0 ? "" : ": ", STR_ARG(text));
    for (char *p = room; *p != '\0'; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
    strbuf_clear(&masked);
    return room;
}

static void judge(struct secret_command *command, int status)
{
    char room[ERROR_SHOWN_BYTES + 3];
    const char *text = error_text(command, room);
    if (WIFSIGNALED(status)) {
        (void)err_set(&command->failure, ERR_IO, "'%s' was ended by signal %d%s", command->name, WTERMSIG(status),
                      text);
    } else if (WEXITSTATUS(status) != 0) {
        (void)err_set(&command->failure, ERR_IO, "'%s' exited with %d%s", command->name, WEXITSTATUS(status), text);
    }
}

static void note_overflow(struct secret_command *command)
{
    if (command->out.overflow) {
        (void)err_set(&command->failure, ERR_LIMIT, "'%s' printed more than %d KiB", command->name,
                      SECRET_MAX_BYTES >> 10);
    }
}

/* Its end is that of the command: what its own children still hold open is not waited for. */
int secret_command_look(struct secret_command *command, struct str *ret, struct err *err)
{
    if (!command->over) {
        bool ended = is_readable(command->pid_fd);
        bool late = !ended && is_readable(command->timer_fd);
        drain_both(command);
        note_overflow(command);
        if (!ended && !late && !command->out.overflow) {
            return 1;
        }
        int status = reap(command);
        if (late) {
            (void)err_set(&command->failure, ERR_LIMIT, "'%s' did not end within %d s", command->name, TIMEOUT_S);
        } else if (!command->out.overflow) {
            judge(command, status);
        }
        command->over = true;
        command->ended_ms = clock_monotonic_ms(&clock_system);
    }
    if (command->failure.code != ERR_NONE) {
        *err = command->failure;
        return -1;
    }
    *ret = strbuf_str(&command->out);
    return 0;
}

int64_t secret_command_ended_ms(const struct secret_command *command)
{
    return command->ended_ms;
}

void secret_command_end(struct secret_command *command)
{
    if (command == NULL) {
        return;
    }
    (void)reap(command);
    close_fd(&command->timer_fd);
    close_fd(&command->pid_fd);
    close_fd(&command->out_fd);
    close_fd(&command->error_fd);
    explicit_bzero(command->out.data, command->out.length);
    explicit_bzero(command->error.data, command->error.length);
    strbuf_clear(&command->out);
    strbuf_clear(&command->error);
    free(command->name);
    free(command);
}
