/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_gc.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/activity.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

/* A pass that has ended is noticed so soon; one that is due at the start lets the start be over first. */
enum { LOOK_MS = 500, SETTLE_MS = 1000, LONGEST_WAIT_MS = 60000 };

/* A restart does not put the next pass off: the log says when the last one was. */
static int64_t since_last_ms(struct session *session)
{
    const struct activity_filter filter = {.action = "gc.passed", .newest_first = true, .limit = 1};
    struct arena *arena = arena_new();
    struct activity *rows = NULL;
    size_t count = 0;
    struct err ignored = {0};
    int64_t since_ms = INT64_MAX;
    if (store_activity_find(session->home.store, &filter, arena, &rows, &count, &ignored) == 0 && count > 0) {
        since_ms = clock_wall_ms(&clock_system) - rows[0].at_ms;
    }
    arena_free(arena);
    return since_ms < 0 ? 0 : since_ms;
}

/* It inherits neither the signals that we block nor what we have open. */
static void start_pass(struct session *session)
{
    char *const argv[] = {"sluice", "gc", "--quiet", "--home", (char *)(uintptr_t)session->home.path, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid = 0;
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int code = posix_spawn(&pid, "/proc/self/exe", &files, &attributes, argv, environ);
    (void)posix_spawn_file_actions_destroy(&files);
    (void)posix_spawnattr_destroy(&attributes);
    session->gc_pid = code == 0 ? pid : 0;
    if (code != 0) {
        log_error("gc", "a pass cannot be started: %s", strerror(code));
    }
}

static void take_end(struct session *session)
{
    int status = 0;
    pid_t ended = waitpid(session->gc_pid, &status, WNOHANG);
    if (ended == 0 || (ended < 0 && errno == EINTR)) {
        return;
    }
    if (ended > 0 && status != 0) {
        log_error("gc", "the pass did not come to its end (status %d): the next one goes on with it", status);
    }
    session->gc_pid = 0;
}

void serve_gc_look(struct serve_gc *gc, struct session *session, int64_t now_ms)
{
    int64_t every_ms = session->config.gc_every_ms;
    if (session->gc_pid > 0) {
        take_end(session);
    }
    if (every_ms != gc->every_ms) {
        int64_t since_ms = every_ms == 0 ? 0 : since_last_ms(session);
        int64_t left_ms = since_ms >= every_ms ? 0 : every_ms - since_ms;
        gc->every_ms = every_ms;
        gc->next_ms = now_ms + (left_ms < SETTLE_MS ? SETTLE_MS : left_ms);
    }
    if (every_ms > 0 && session->gc_pid == 0 && now_ms >= gc->next_ms) {
        gc->next_ms = now_ms + every_ms;
        start_pass(session);
    }
}

int serve_gc_wait_ms(const struct serve_gc *gc, const struct session *session, int64_t now_ms)
{
    if (session->gc_pid > 0) {
        return LOOK_MS;
    }
    if (gc->every_ms != session->config.gc_every_ms) {
        return 0; /* config.yaml was read again */
    }
    if (gc->every_ms == 0) {
        return -1;
    }
    int64_t left_ms = gc->next_ms - now_ms;
    return left_ms < 0 ? 0 : left_ms > LONGEST_WAIT_MS ? LONGEST_WAIT_MS : (int)left_ms;
}

void serve_gc_close(struct session *session)
{
    if (session->gc_pid > 0) {
        (void)kill(session->gc_pid, SIGTERM);
        while (waitpid(session->gc_pid, NULL, 0) < 0 && errno == EINTR) {
        }
        session->gc_pid = 0;
    }
}
