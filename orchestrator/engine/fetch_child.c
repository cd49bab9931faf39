/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/fetch_child.h"

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD_MAX_BYTES = 128 << 10 };

extern char **environ;

/* The request goes in by a file in memory and the answer comes out by another: no pipe can fill and block anybody. */
static int memory_file(struct str text)
{
    int fd = memfd_create("sluice-fetch", MFD_CLOEXEC);
    if (fd >= 0 && text.n > 0 && (write(fd, text.p, text.n) != (ssize_t)text.n || lseek(fd, 0, SEEK_SET) != 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool fetch_child_start(const char *fetch, const struct json *request, struct arena *arena, struct fetch_child *ret)
{
    struct str text = json_text(arena, request);
    int in_fd = memory_file(text);
    int out_fd = memory_file(STR(""));
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    char *argv[] = {(char *)(uintptr_t)fetch, NULL};
    *ret = (struct fetch_child){.out_fd = out_fd};
    bool started =
        in_fd >= 0 && out_fd >= 0 && posix_spawn(&ret->pid, fetch, &actions, NULL, argv, environ) == 0;
    if (!started && out_fd >= 0) {
        (void)close(out_fd);
    }
    if (in_fd >= 0) {
        (void)close(in_fd);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    explicit_bzero((char *)(uintptr_t)text.p, text.n); /* there may be secrets in it */
    return started;
}

bool fetch_child_ended(struct fetch_child *child)
{
    int status = 0;
    return waitpid(child->pid, &status, WNOHANG) == child->pid;
}

void fetch_child_take(struct fetch_child *child, size_t max_bytes, struct arena *arena, struct json *ret_head,
                      struct str *ret_body)
{
    struct stat status;
    size_t room = max_bytes + HEAD_MAX_BYTES;
    size_t there = fstat(child->out_fd, &status) == 0 && status.st_size > 0 ? (size_t)status.st_size : 0;
    room = there < room ? there : room;
    char *bytes = arena_alloc(arena, room + 1);
    ssize_t size = pread(child->out_fd, bytes, room, 0);
    struct str all = {bytes, size < 0 ? 0 : (size_t)size};
    ptrdiff_t end = str_find_byte(all, '\n', 0);
    *ret_head = json_null();
    *ret_body = end < 0 ? (struct str){0} : str_slice(all, (size_t)end + 1, all.n);
    if (end >= 0) {
        (void)json_read(str_slice(all, 0, (size_t)end), (struct json_limits){0}, arena, ret_head, NULL);
    }
    (void)close(child->out_fd);
}

void fetch_child_kill(struct fetch_child *child)
{
    (void)kill(child->pid, SIGKILL);
    (void)waitpid(child->pid, NULL, 0);
    (void)close(child->out_fd);
}
