/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket's address holds at most 107 bytes of path, less than many a home has. So it is bound and reached through
 * the descriptor of its folder.
 */
#include "runner/home_socket.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64, BACKLOG = 16 };

static int check_id(const char *id, struct err *err)
{
    size_t n = strlen(id);
    if (n == 0 || n > NAME_MAX_BYTES || id[0] == '.' || strchr(id, '/') != NULL) {
        return err_set(err, ERR_INPUT, "the runner's id '%s' cannot be a file name of at most 64 bytes", id);
    }
    return 0;
}

static int redirect(int folder, const char *id, struct err *err)
{
    char name[NAME_MAX_BYTES + 8];
    (void)snprintf(name, sizeof name, "%s.log", id);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = openat(folder, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int result = null < 0 || log < 0 ? err_errno(err, "cannot open the runner's log '%s'", name) : 0;
    if (result == 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
    }
    if (null > STDERR_FILENO) {
        close(null);
    }
    if (log > STDERR_FILENO) {
        close(log);
    }
    return result;
}

static struct sockaddr_un address(int folder, const char *id)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    (void)snprintf(where.sun_path, sizeof where.sun_path, "/proc/self/fd/%d/%s.sock", folder, id);
    return where;
}

/* 0 when nobody listens there (what a dead runner left is removed), -1 when somebody does. */
static int clear_place(const struct sockaddr_un *where, struct err *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_errno(err, "cannot make a socket");
    }
    bool alive = connect(fd, (const struct sockaddr *)where, sizeof *where) == 0;
    close(fd);
    if (alive) {
        return err_set(err, ERR_BUSY, "another runner of this id is alive");
    }
    if (unlink(where->sun_path) < 0 && errno != ENOENT) {
        return err_errno(err, "cannot remove the socket of an earlier runner");
    }
    return 0;
}

static int listen_at(const struct sockaddr_un *where, struct err *err)
{
    if (clear_place(where, err) < 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0177);
    bool good = fd >= 0 && bind(fd, (const struct sockaddr *)where, sizeof *where) == 0 && listen(fd, BACKLOG) == 0;
    (void)umask(old);
    if (!good) {
        (void)err_errno(err, "cannot listen at the runner's socket");
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

int home_socket_open(const char *home, const char *id, int *ret_folder, int *ret_listener, struct err *err)
{
    if (check_id(id, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    char *path = arena_printf(arena, "%s/runner", home);
    int result = fs_make_folders(path, 0700, err);
    int folder = result < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (result == 0 && folder < 0) {
        result = err_errno(err, "cannot open the folder '%s'", path);
    }
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    struct sockaddr_un where = address(folder, id);
    int listener = listen_at(&where, err);
    /* Only now: until here, whoever started the runner reads on standard error why it could not begin. */
    if (listener < 0 || redirect(folder, id, err) < 0 || chdir("/") < 0) {
        close(folder);
        if (listener >= 0) {
            close(listener);
        }
        return -1;
    }
    *ret_folder = folder;
    *ret_listener = listener;
    return 0;
}

void home_socket_close(int take_folder, const char *id, int take_listener)
{
    char name[NAME_MAX_BYTES + 8];
    (void)snprintf(name, sizeof name, "%s.sock", id);
    (void)unlinkat(take_folder, name, 0);
    close(take_listener);
    struct stat st;
    (void)snprintf(name, sizeof name, "%s.log", id);
    if (fstatat(take_folder, name, &st, 0) == 0 && st.st_size == 0) {
        (void)unlinkat(take_folder, name, 0);
    }
    close(take_folder);
}
