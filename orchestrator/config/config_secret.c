/* SPDX-License-Identifier: Apache-2.0
 * Where a secret's value comes from. No message here holds a value.
 */
#include "config/config.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ERROR_MAX_BYTES = 4 << 10,
    ERROR_SHOWN_BYTES = 400,
    COMMAND_TIMEOUT_MS = 30000,
};

/* ---- a command ---------------------------------------------------------------------------------------------- */

struct command {
    const char *name;
    pid_t pid;
    int pid_fd; /* readable once the command has ended */
    int out_fd; /* -1 once closed */
    int error_fd;
    struct strbuf out;
    struct strbuf error;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static char **argv_of(const struct config_secret *secret, struct arena *arena)
{
    char **argv = arena_array(arena, secret->exec_count + 1, sizeof *argv);
    for (size_t i = 0; i < secret->exec_count; i++) {
        argv[i] = arena_dup(arena, secret->exec[i].p, secret->exec[i].n);
    }
    return argv;
}

/* A group of its own, so that all it started can be ended; our signal mask and handlers are not its business. */
static int spawn(struct command *command, char **argv, int out, int error)
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
    int code = posix_spawnp(&command->pid, argv[0], &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return code;
}

static int start(struct command *command, char **argv, struct err *err)
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
    command->pid_fd = pidfd_open(command->pid, 0);
    return command->pid_fd < 0 ? err_errno(err, "cannot watch '%s'", command->name) : 0;
}

/* Reads what is there; closes the descriptor at its end. */
static void drain(int *fd, struct strbuf *into)
{
    char room[4096];
    while (*fd >= 0) {
        ssize_t n = read(*fd, room, sizeof room);
        if (n > 0) {
            strbuf_add(into, room, (size_t)n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            close_fd(fd);
        } else if (errno == EAGAIN) {
            break;
        }
        if (into->overflow) {
            break;
        }
    }
}

/* Until the command has ended: what its own children still hold open is not waited for. */
static int watch(struct command *command, struct err *err)
{
    int64_t end_ms = clock_monotonic_ms(&clock_system) + COMMAND_TIMEOUT_MS;
    for (;;) {
        int64_t left_ms = end_ms - clock_monotonic_ms(&clock_system);
        struct pollfd fds[] = {{.fd = command->pid_fd, .events = POLLIN},
                               {.fd = command->out_fd, .events = POLLIN},
                               {.fd = command->error_fd, .events = POLLIN}};
        if (left_ms <= 0) {
            return err_set(err, ERR_LIMIT, "'%s' did not end within %d s", command->name, COMMAND_TIMEOUT_MS / 1000);
        }
        if (poll(fds, 3, (int)left_ms) < 0 && errno != EINTR) {
            return err_errno(err, "cannot wait for '%s'", command->name);
        }
        drain(&command->out_fd, &command->out);
        drain(&command->error_fd, &command->error);
        command->error.overflow = false; /* the first part says it */
        if (command->out.overflow) {
            return err_set(err, ERR_LIMIT, "'%s' printed more than %d KiB", command->name, SECRET_MAX_BYTES >> 10);
        }
        if ((fds[0].revents & POLLIN) != 0) {
            return 0;
        }
    }
}

/* One line of printable text. */
static const char *error_text(const struct command *command, struct arena *arena)
{
    struct str text = str_trim(str_slice(strbuf_str(&command->error), 0, ERROR_SHOWN_BYTES));
    char *line = arena_dup(arena, text.p, text.n);
    for (size_t i = 0; i < text.n; i++) {
        line[i] = (unsigned char)line[i] < ' ' || line[i] == 0x7f ? ' ' : line[i];
    }
    return line;
}

static int judge(const struct command *command, int status, struct arena *arena, struct err *err)
{
    const char *text = error_text(command, arena);
    const char *between = *text == '\0' ? "" : ": ";
    if (WIFSIGNALED(status)) {
        return err_set(err, ERR_IO, "'%s' was ended by signal %d%s%s", command->name, WTERMSIG(status), between, text);
    }
    if (WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_IO, "'%s' exited with %d%s%s", command->name, WEXITSTATUS(status), between, text);
    }
    return 0;
}

static int read_exec(const struct config_secret *secret, struct arena *arena, struct str *ret, struct err *err)
{
    char **argv = argv_of(secret, arena);
    struct command command = {.name = argv[0], .pid = -1, .pid_fd = -1, .out_fd = -1, .error_fd = -1};
    int status = 0;
    strbuf_init(&command.out, SECRET_MAX_BYTES + 1);
    strbuf_init(&command.error, ERROR_MAX_BYTES);
    int result = start(&command, argv, err) < 0 ? -1 : watch(&command, err);
    if (command.pid > 0) {
        /* Before it is reaped its group cannot be another's. */
        (void)kill(-command.pid, SIGKILL);
        while (waitpid(command.pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (result == 0) {
        drain(&command.out_fd, &command.out);
        drain(&command.error_fd, &command.error);
        result = judge(&command, status, arena, err);
    }
    if (result == 0) {
        *ret = arena_str(arena, strbuf_str(&command.out));
    }
    close_fd(&command.pid_fd);
    close_fd(&command.out_fd);
    close_fd(&command.error_fd);
    explicit_bzero(command.out.data, command.out.length);
    strbuf_clear(&command.out);
    strbuf_clear(&command.error);
    return result;
}

/* ---- keeping a command's answer --------------------------------------------------------------------------- */

static bool recall(const struct config_answer *answer, struct arena *arena, struct str *ret)
{
    if (answer->bytes == NULL || clock_monotonic_ms(&clock_system) >= answer->until_ms) {
        return false;
    }
    *ret = arena_str(arena, (struct str){answer->bytes, answer->size});
    return true;
}

/* The room is used again, so that a daemon's years of answers take the place of the longest one. */
static void keep(const struct config *config, struct config_answer *answer, int64_t ttl_ms, struct str value)
{
    if (answer->room < value.n) {
        answer->bytes = arena_alloc(config->arena, value.n);
        answer->room = value.n;
    }
    memcpy(answer->bytes, value.p, value.n);
    answer->size = value.n;
    answer->until_ms = clock_monotonic_ms(&clock_system) + ttl_ms;
}

/* ---- the secret ------------------------------------------------------------------------------------------- */

static int read_env(const struct config_secret *secret, struct arena *arena, struct str *ret, struct err *err)
{
    const char *value = getenv(arena_str(arena, secret->env).p);
    if (value == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the environment variable '%.*s' is not set", STR_ARG(secret->env));
    }
    *ret = arena_str(arena, str_from(value));
    return 0;
}

struct str config_secret_without_lf(struct str value)
{
    return str_ends(value, STR("\n")) ? str_slice(value, 0, value.n - 1) : value;
}

int config_secret_check_name(struct str name, struct err *err)
{
    if (str_is_identifier(name) && name.n <= SECRET_NAME_MAX_BYTES) {
        return 0;
    }
    return err_set(
        err, ERR_INPUT,
        "'%.*s' is no name of a secret: expected up to %d letters, digits and '_', not beginning with a digit",
        STR_ARG(name), SECRET_NAME_MAX_BYTES);
}

int config_secret_check(struct str value, struct err *err)
{
    if (value.n > SECRET_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "its value is longer than %d KiB", SECRET_MAX_BYTES >> 10);
    }
    if (str_find_byte(value, '\0', 0) >= 0) {
        return err_set(err, ERR_INPUT, "its value holds a NUL: no environment variable can carry it");
    }
    if (!utf8_valid(value)) {
        return err_set(err, ERR_INPUT, "its value is no UTF-8 text: give it in base64, and decode it in the step");
    }
    if (value.n < SECRET_MIN_BYTES) {
        return err_set(err, ERR_INPUT,
                       "its value has %zu bytes: expected at least %d, so that it can be masked in logs", value.n,
                       SECRET_MIN_BYTES);
    }
    return 0;
}

int config_secret_look(const struct config_secret *secret, struct err *err)
{
    if (secret->env.n > 0 && getenv(secret->env.p) == NULL) {
        return err_set(err, ERR_NOT_FOUND, "the environment variable '%.*s' is not set", STR_ARG(secret->env));
    }
    if (secret->file.n > 0 && access(secret->file.p, R_OK) < 0) {
        return err_set(err, ERR_NOT_FOUND, "the file '%s' %s", secret->file.p,
                       fs_exists(secret->file.p) ? "may not be read by you" : "is not there");
    }
    return 0;
}

static int read_source(const struct config_secret *secret, struct arena *arena, struct str *ret, struct err *err)
{
    int result = secret->exec != NULL ? read_exec(secret, arena, ret, err)
                 : secret->file.n > 0 ? fs_read(secret->file.p, SECRET_MAX_BYTES + 1, arena, ret, err)
                                      : read_env(secret, arena, ret, err);
    if (result < 0) {
        return -1;
    }
    if (secret->env.n == 0) {
        *ret = config_secret_without_lf(*ret);
    }
    return config_secret_check(*ret, err);
}

const struct config_secret *config_secret_find(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        if (str_eq(config->secrets[i].name, name)) {
            return &config->secrets[i];
        }
    }
    return NULL;
}

bool config_secret_is_for(const struct config_secret *secret, const char *pipeline)
{
    for (size_t i = 0; i < secret->pipeline_count; i++) {
        if (pipeline != NULL && str_is(secret->pipelines[i], pipeline)) {
            return true;
        }
    }
    return secret->pipelines == NULL;
}

int config_secret_allow(const struct config_secret *secret, const char *pipeline, struct err *err)
{
    return config_secret_is_for(secret, pipeline)
               ? 0
               : err_set(err, ERR_DENIED, "secret '%.*s' is not for pipeline '%s': config.yaml lists those in 'for'",
                         STR_ARG(secret->name), pipeline == NULL ? "" : pipeline);
}

int config_secret_read(const struct config *config, const struct config_secret *secret, const char *pipeline,
                       struct arena *arena, struct str *ret, struct err *err)
{
    struct str value = {0};
    struct config_answer *answer = &config->answers[secret - config->secrets];
    if (config_secret_allow(secret, pipeline, err) < 0) {
        return -1;
    }
    if (secret->ttl_ms > 0 && recall(answer, arena, ret)) {
        return 0;
    }
    if (read_source(secret, arena, &value, err) < 0) {
        return err_add(err, "secret '%.*s'", STR_ARG(secret->name));
    }
    if (secret->ttl_ms > 0) {
        keep(config, answer, secret->ttl_ms, value);
    }
    *ret = arena_str(arena, value);
    return 0;
}
