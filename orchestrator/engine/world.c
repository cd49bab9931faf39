/* SPDX-License-Identifier: Apache-2.0
 * The machine as it is: clockwork of the kernel, runners as processes that listen on sockets.
 */
#include "engine/world.h"

#include "base/crash_point.h"
#include "base/file_limit.h"
#include "base/fs.h"
#include "base/own_session.h"
#include "engine/engine_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void system_crash_point(void *ctx, const char *name)
{
    (void)ctx;
    crash_point_pass(name);
}

static void system_seed(void *ctx, struct rng *ret_rng)
{
    (void)ctx;
    rng_seed_from_system(ret_rng);
}

static int system_boot_id(void *ctx, char ret_boot_id[40], struct err *err)
{
    struct arena *arena = arena_new();
    struct str text;
    (void)ctx;
    int result = fs_read("/proc/sys/kernel/random/boot_id", 256, arena, &text, err);
    if (result == 0) {
        (void)snprintf(ret_boot_id, 40, "%.*s", STR_ARG(str_trim(text)));
    }
    arena_free(arena);
    return result;
}

static int system_wait(void *ctx, int epoll_fd, struct epoll_event *events, int room, int timeout_ms)
{
    (void)ctx;
    return epoll_wait(epoll_fd, events, room, timeout_ms);
}

static void system_wait_readable(void *ctx, int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    (void)ctx;
    (void)poll(&wait, 1, timeout_ms);
}

static void system_pause(void *ctx, int ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)ctx;
    (void)nanosleep(&pause, NULL);
}

/* ---- runners ---------------------------------------------------------------------------------------------- */

static int system_runner_list(void *ctx, const char *folder, struct arena *arena, const char ***ret_ids,
                              size_t *ret_count, struct err *err)
{
    struct {
        VEC_OF(const char *)
    } ids = {0};
    (void)ctx;
    *ret_ids = NULL;
    *ret_count = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return errno == ENOENT ? 0 : err_errno(err, "reading '%s'", folder);
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct str name = str_from(entry->d_name);
        if (str_ends(name, STR(".sock"))) {
            vec_push(&ids, arena_str(arena, str_slice(name, 0, name.n - 5)).p);
        }
    }
    (void)closedir(entries);
    *ret_ids = arena_array(arena, ids.count + 1, sizeof *ids.items);
    for (size_t i = 0; i < ids.count; i++) {
        (*ret_ids)[i] = ids.items[i];
    }
    *ret_count = ids.count;
    vec_clear(&ids);
    return 0;
}

/* Through the folder's descriptor, so that a long home path does not overflow sun_path. */
static int system_runner_connect(void *ctx, const char *folder, const char *id)
{
    (void)ctx;
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s.sock", folder_fd, id);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = fd;
    do {
        result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
    } while (result < 0 && errno == EINTR);
    int error = errno;
    (void)close(folder_fd);
    if (fd >= 0 && result < 0) {
        (void)close(fd);
    }
    errno = error;
    return result < 0 ? -1 : fd;
}

static void system_runner_forget(void *ctx, const char *folder, const char *id)
{
    (void)ctx;
    struct arena *arena = arena_new();
    (void)unlink(arena_printf(arena, "%s/%s.sock", folder, id));
    arena_free(arena);
}

/* All descriptors of the engine are close-on-exec: the runner inherits none. */
static int system_runner_start(void *ctx, const struct engine_options *options, const char *folder, const char *id,
                               int *ret_pidfd, struct err *err)
{
    char linger[16];
    (void)ctx;
    (void)snprintf(linger, sizeof linger, "%d", options->linger_s);
    char *argv[] = {(char *)(uintptr_t)options->runner,
                    "serve",
                    "--home",
                    (char *)(uintptr_t)options->home,
                    "--id",
                    (char *)(uintptr_t)id,
                    "--linger",
                    linger,
                    NULL};
    if (fs_make_folders(folder, 0700, err) < 0) {
        return -1;
    }
    pid_t pid = 0;
    file_limit_lower();
    int code = own_session_start(options->runner, argv, NULL, &pid);
    file_limit_raise();
    if (code != 0) {
        errno = code;
        return err_errno(err, "starting '%s'", options->runner);
    }
    *ret_pidfd = pidfd_open(pid, 0);
    return 0;
}

const struct engine_world engine_world_system = {
    .crash_point = system_crash_point,
    .seed = system_seed,
    .boot_id = system_boot_id,
    .wait = system_wait,
    .wait_readable = system_wait_readable,
    .pause = system_pause,
    .runner_list = system_runner_list,
    .runner_connect = system_runner_connect,
    .runner_forget = system_runner_forget,
    .runner_start = system_runner_start,
    .sweep = attempt_sweep,
};
