/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lua_compiler.h"

#include "base/clock.h"
#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, ANSWER_MAX_BYTES = 64 << 20 };

extern char **environ;

struct asked {
    pid_t pid;
    int answers;
};

/* The list of scripts as a file without a name: a pipe would have to be fed while the answers are read. */
static int request_file(const struct lua_script *scripts, size_t count, struct arena *arena, struct err *err)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        bool file = scripts[i].file != NULL;
        json_set(arena, &one, file ? "file" : "text",
                 file ? json_cstring(arena, scripts[i].file) : json_string(arena, scripts[i].text));
        json_push(arena, &list, one);
    }
    struct str text = json_text(arena, &list);
    int fd = memfd_create("sluice-scripts", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < text.n) {
        ssize_t written = write(fd, text.p + done, text.n - done);
        if (written < 0 && errno != EINTR) {
            (void)close(fd);
            fd = -1;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    if (fd < 0) {
        return err_errno(err, "writing the scripts");
    }
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static int start(const char *runner, int request, struct asked *ret, struct err *err)
{
    int pipe_fds[2];
    char *argv[] = {(char *)(uintptr_t)runner, (char *)(uintptr_t) "lua", (char *)(uintptr_t) "check", NULL};
    if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
        return err_errno(err, "a pipe");
    }
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, request, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int code = posix_spawn(&ret->pid, runner, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(pipe_fds[1]);
    if (code != 0) {
        (void)close(pipe_fds[0]);
        errno = code;
        return err_errno(err, "starting '%s'", runner);
    }
    ret->answers = pipe_fds[0];
    return 0;
}

/* All that it answers before its end, or before patience is over. */
static void read_answers(const struct asked *asked, struct strbuf *text)
{
    int64_t until_ms = clock_monotonic_ms(&clock_system) + PATIENCE_MS;
    char room[4096];
    for (;;) {
        struct pollfd ready = {.fd = asked->answers, .events = POLLIN};
        int64_t left_ms = until_ms - clock_monotonic_ms(&clock_system);
        int count = left_ms <= 0 ? 0 : poll(&ready, 1, (int)left_ms);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        ssize_t size = count <= 0 ? 0 : read(asked->answers, room, sizeof room);
        if (size <= 0) {
            break;
        }
        strbuf_add(text, room, (size_t)size);
    }
}

/* Its time is limited; after an answer that is not read to its end it may still write. */
static void end(const struct asked *asked)
{
    (void)close(asked->answers);
    (void)kill(asked->pid, SIGKILL);
    while (waitpid(asked->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void take_answers(struct str answers, struct lua_script *scripts, size_t count, struct arena *arena)
{
    struct str line = {0};
    for (size_t i = 0; i < count && str_find_byte(answers, '\n', 0) >= 0 && str_cut(&answers, '\n', &line); i++) {
        struct json answer = json_null();
        if (json_read(line, (struct json_limits){0}, arena, &answer, NULL) < 0) {
            return;
        }
        scripts[i].known = true;
        scripts[i].line = (int)json_get_int(&answer, "line", 0);
        scripts[i].problem = json_get_text(&answer, "message", NULL);
    }
}

static int compile(void *compiler, struct lua_script *scripts, size_t count, struct arena *arena, struct err *err)
{
    const struct cli *cli = compiler;
    struct installation installation;
    struct strbuf answers;
    struct asked asked;
    installation_find(cli, &installation);
    int request = request_file(scripts, count, arena, err);
    if (request < 0) {
        return -1;
    }
    int result = start(installation.runner, request, &asked, err);
    (void)close(request);
    if (result < 0) {
        return -1;
    }
    strbuf_init(&answers, ANSWER_MAX_BYTES);
    read_answers(&asked, &answers);
    end(&asked);
    take_answers(arena_str(arena, strbuf_str(&answers)), scripts, count, arena);
    strbuf_clear(&answers);
    return scripts[count - 1].known ? 0 : err_set(err, ERR_LIMIT, "it took too long, or too much memory");
}

void lua_compiler_join(struct cli *cli, struct pipeline_world *world)
{
    world->compile_lua = compile;
    world->compiler = cli;
}
