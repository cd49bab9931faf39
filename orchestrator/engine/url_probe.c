/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/url_probe.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 10000, ANSWER_MAX_BYTES = 1 << 20 };

extern char **environ;

static struct url_probe *find(const struct url_probes *probes, int64_t wait)
{
    for (size_t i = 0; i < probes->count; i++) {
        if (probes->items[i].wait == wait) {
            return &probes->items[i];
        }
    }
    return NULL;
}

bool url_probe_is_running(const struct url_probes *probes, int64_t wait)
{
    return find(probes, wait) != NULL;
}

/* The request goes in by a file in memory and the answer comes out by another: no pipe can fill and block anybody. */
static int memory_file(struct str text)
{
    int fd = memfd_create("sluice-probe", MFD_CLOEXEC);
    if (fd >= 0 && text.n > 0 && (write(fd, text.p, text.n) != (ssize_t)text.n || lseek(fd, 0, SEEK_SET) != 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void start(struct url_probes *probes, int64_t wait, const char *fetch, const struct json *spec,
                  struct arena *arena)
{
    struct json request = json_object();
    json_set(arena, &request, "method", json_cstring(arena, "GET"));
    json_set(arena, &request, "url", json_cstring(arena, json_get_text(spec, "url", "")));
    json_set(arena, &request, "timeout_ms", json_int(TIMEOUT_MS));
    json_set(arena, &request, "max_bytes", json_int(ANSWER_MAX_BYTES));
    struct str text = json_text(arena, &request);
    int in_fd = memory_file(str_from(arena_printf(arena, "%.*s\n", (int)text.n, text.p)));
    int out_fd = memory_file(STR(""));
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    char *argv[] = {(char *)(uintptr_t)fetch, NULL};
    struct url_probe probe = {.wait = wait, .out_fd = out_fd};
    if (in_fd >= 0 && out_fd >= 0 && posix_spawn(&probe.pid, fetch, &actions, NULL, argv, environ) == 0) {
        vec_push(probes, probe);
    } else if (out_fd >= 0) {
        (void)close(out_fd);
    }
    if (in_fd >= 0) {
        (void)close(in_fd);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
}

static bool status_wanted(const struct json *spec, int64_t status)
{
    const struct json *wanted = json_get(spec, "status");
    if (wanted == NULL || wanted->type == JSON_NULL) {
        return status == 200;
    }
    if (wanted->type == JSON_INT) {
        return wanted->u.integer == status;
    }
    for (size_t i = 0; wanted->type == JSON_ARRAY && i < wanted->u.array.count; i++) {
        if (wanted->u.array.items[i].type == JSON_INT && wanted->u.array.items[i].u.integer == status) {
            return true;
        }
    }
    return false;
}

static int read_answer(int fd, const struct json *spec, struct arena *arena, struct json *outcome)
{
    char *room = arena_alloc(arena, ANSWER_MAX_BYTES + 8192);
    ssize_t size = pread(fd, room, ANSWER_MAX_BYTES + 8191, 0);
    struct str all = {room, size < 0 ? 0 : (size_t)size};
    ptrdiff_t end = str_find_byte(all, '\n', 0);
    struct json head = json_null();
    if (end < 0 || json_read(str_slice(all, 0, (size_t)end), (struct json_limits){0}, arena, &head, NULL) < 0) {
        return 0;
    }
    int64_t status = json_get_int(&head, "status", 0);
    const char *contains = json_get_text(spec, "contains", "");
    struct str body = str_slice(all, (size_t)end + 1, all.n);
    if (!status_wanted(spec, status) || str_find(body, str_from(contains)) < 0) {
        return 0;
    }
    json_set(arena, outcome, "status", json_int(status));
    return 1;
}

int url_probe_look(struct url_probes *probes, int64_t wait, const char *fetch, const struct json *spec,
                   struct arena *arena, struct json *outcome)
{
    struct url_probe *probe = find(probes, wait);
    if (probe == NULL) {
        start(probes, wait, fetch, spec, arena);
        return 0;
    }
    int status = 0;
    if (waitpid(probe->pid, &status, WNOHANG) != probe->pid) {
        return 0;
    }
    int met = read_answer(probe->out_fd, spec, arena, outcome);
    (void)close(probe->out_fd);
    *probe = probes->items[--probes->count];
    return met;
}

void url_probes_clear(struct url_probes *probes)
{
    for (size_t i = 0; i < probes->count; i++) {
        (void)kill(probes->items[i].pid, SIGKILL);
        (void)waitpid(probes->items[i].pid, NULL, 0);
        (void)close(probes->items[i].out_fd);
    }
    vec_clear(probes);
}
