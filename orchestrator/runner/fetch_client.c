/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/fetch_client.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD_MAX_BYTES = 1 << 20, READ_BYTES = 64 << 10 };

static const size_t answer_max_bytes = (size_t)1 << 30;

void fetch_client_set_body(struct arena *arena, struct json *request, struct str body)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (utf8_valid(body)) {
        json_set(arena, request, "body", json_string(arena, body));
        return;
    }
    char *text = arena_alloc(arena, (body.n + 2) / 3 * 4 + 1);
    char *out = text;
    for (size_t i = 0; i < body.n; i += 3) {
        size_t left = body.n - i;
        unsigned group = (unsigned)(unsigned char)body.p[i] << 16;
        group |= left > 1 ? (unsigned)(unsigned char)body.p[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)(unsigned char)body.p[i + 2] : 0;
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[group & 63] : '=';
    }
    json_set(arena, request, "body_base64", json_string(arena, (struct str){text, (size_t)(out - text)}));
}

/* The request lies in an unnamed file: a pipe could fill while nobody reads, and an argument could be seen. */
static int request_file(struct str text, struct err *err)
{
    int fd = memfd_create("request", MFD_CLOEXEC);
    for (size_t done = 0; fd >= 0 && done < text.n;) {
        ssize_t n = write(fd, text.p + done, text.n - done);
        if (n < 0 && errno != EINTR) {
            (void)close(fd);
            fd = -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, "cannot hold a request");
    }
    return fd;
}

static pid_t start(const char *program, int in, int out, struct err *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    char *argv[] = {(char *)(uintptr_t)program, NULL};
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int code = posix_spawn(&pid, program, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (code != 0) {
        errno = code;
        (void)err_errno(err, "cannot start '%s'", program);
        return -1;
    }
    return pid;
}

static int read_to_end(int fd, struct strbuf *out)
{
    char *room = mem_alloc(READ_BYTES);
    ssize_t n;
    while ((n = read(fd, room, READ_BYTES)) != 0) {
        if (n < 0 && errno != EINTR) {
            break;
        }
        strbuf_add(out, room, n > 0 ? (size_t)n : 0);
    }
    free(room);
    return n < 0 || out->overflow ? -1 : 0;
}

static int parse_answer(struct str all, struct arena *arena, struct json *ret_head, struct str *ret_body,
                        struct err *err)
{
    ptrdiff_t end = str_find_byte(str_slice(all, 0, HEAD_MAX_BYTES), '\n', 0);
    struct json head;
    if (end < 0 || json_read(str_slice(all, 0, (size_t)end), (struct json_limits){0}, arena, &head, NULL) < 0) {
        return err_set(err, ERR_IO, "sluice-fetch ended without an answer");
    }
    const char *why = json_get_text(&head, "error", "");
    if (json_get_int(&head, "status", 0) == 0 || *why != '\0') {
        return err_set(err, ERR_IO, "%s", *why == '\0' ? "no answer" : why);
    }
    *ret_head = head;
    *ret_body = arena_str(arena, str_slice(all, (size_t)end + 1, all.n));
    return 0;
}

static int exchange(const char *program, int in, int pipe_ends[2], struct strbuf *answer, struct err *err)
{
    pid_t pid = start(program, in, pipe_ends[1], err);
    (void)close(pipe_ends[1]);
    int result = pid < 0 ? -1 : read_to_end(pipe_ends[0], answer);
    (void)close(pipe_ends[0]);
    if (pid < 0) {
        return -1;
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (result < 0) {
        return err_set(err, ERR_LIMIT, "the answer cannot be held");
    }
    if (WIFSIGNALED(status)) {
        return err_set(err, ERR_IO, "sluice-fetch was ended by signal %d", WTERMSIG(status));
    }
    return 0;
}

int fetch_client_run(const struct json *fetch, const struct json *request, struct arena *arena, struct json *ret_head,
                     struct str *ret_body, struct err *err)
{
    const char *program = json_get_text(fetch, "program", NULL);
    if (program == NULL) {
        return err_set(err, ERR_STATE, "this step has no way out: sluice-fetch was not found");
    }
    struct json whole = json_copy(arena, request);
    const struct json *policy = json_get(fetch, "policy");
    if (policy != NULL) {
        json_set(arena, &whole, "policy", *policy);
    }
    int in = request_file(json_text(arena, &whole), err);
    int ends[2];
    if (in < 0) {
        return -1;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        (void)close(in);
        return err_errno(err, "cannot make a pipe");
    }
    struct strbuf answer;
    strbuf_init(&answer, answer_max_bytes);
    int result = exchange(program, in, ends, &answer, err);
    (void)close(in);
    result = result < 0 ? -1 : parse_answer(strbuf_str(&answer), arena, ret_head, ret_body, err);
    strbuf_clear(&answer);
    return result;
}
