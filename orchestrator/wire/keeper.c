/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/keeper.h"

#include "base/path.h"
#include "wire/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MS = 30000 };

/* ---- the place --------------------------------------------------------------------------------------------------- */

static bool is_ours(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static int check_folder(const char *path, struct err *err)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return err_errno(err, "looking at '%s'", path);
    }
    /* In a sticky folder nobody replaces what another has made. */
    bool closed = (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
    if (!is_ours(status.st_uid) || !closed) {
        return err_set(err, ERR_DENIED,
                       "the folder '%s' has mode %04o and is of uid %u: others could put a socket there; expected one "
                       "of root or us where nobody else writes",
                       path, (unsigned)status.st_mode & 07777, (unsigned)status.st_uid);
    }
    return 0;
}

int keeper_check(const char *socket, struct err *err)
{
    struct stat status;
    if (lstat(socket, &status) < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no socket '%s'", socket)
                               : err_errno(err, "looking at '%s'", socket);
    }
    if (!S_ISSOCK(status.st_mode) || !is_ours(status.st_uid) || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ERR_DENIED,
                       "'%s' is %s, has mode %04o and is of uid %u: expected a socket of ours, mode 0600", socket,
                       S_ISSOCK(status.st_mode) ? "a socket" : "no socket", (unsigned)status.st_mode & 07777,
                       (unsigned)status.st_uid);
    }
    struct arena *arena = arena_new();
    int result = 0;
    const char *folder = socket;
    do {
        folder = path_dir(arena, folder);
        result = check_folder(folder, err);
    } while (result == 0 && strcmp(folder, "/") != 0);
    arena_free(arena);
    return result;
}

/* ---- a question -------------------------------------------------------------------------------------------------- */

static int connect_to(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return err_set(err, ERR_INPUT, "'%s' is too long for a socket: expected at most %zu bytes", path,
                       sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
    if (result < 0) {
        (void)err_errno(err, "connecting to '%s'", path);
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || !is_ours(peer.uid)) {
        result = err_set(err, ERR_DENIED, "uid %u listens at '%s': expected root's service manager, or us",
                         (unsigned)peer.uid, path);
    }
    if (result < 0 && fd >= 0) {
        (void)close(fd);
    }
    return result < 0 ? -1 : fd;
}

static int exchange(struct message_stream *stream, struct arena *arena, struct json *ret_answer, struct err *err)
{
    bool gone = false;
    for (;;) {
        int got = message_next(stream, arena, ret_answer, err);
        if (got != 0) {
            return got > 0 ? 0 : -1;
        }
        int sent = gone ? -1 : message_flush(stream);
        if (sent < 0) {
            return err_set(err, ERR_IO, "it hung up");
        }
        struct pollfd ready = {.fd = stream->fd, .events = (short)(sent == 0 ? POLLIN | POLLOUT : POLLIN)};
        if (poll(&ready, 1, ANSWER_MS) == 0) {
            return err_set(err, ERR_IO, "it did not answer within %d s", ANSWER_MS / 1000);
        }
        gone = message_fill(stream) < 0;
    }
}

int keeper_ask(const char *socket, const struct json *question, int give_fd, struct arena *arena,
               struct json *ret_answer, struct err *err)
{
    struct json answer = json_null();
    int fd = keeper_check(socket, err) < 0 ? -1 : connect_to(socket, err);
    if (fd < 0) {
        return -1;
    }
    struct message_stream stream;
    message_stream_init(&stream, fd);
    int result = 0;
    if (give_fd >= 0 && !message_give_fd(&stream, give_fd)) {
        result = err_errno(err, "giving a descriptor");
    }
    if (result == 0) {
        message_send(&stream, question);
        result = exchange(&stream, arena, &answer, err);
    }
    message_stream_clear(&stream);
    if (result < 0) {
        return err_add(err, "asking the service at '%s'", socket);
    }
    if (strcmp(json_get_text(&answer, "type", ""), "error") == 0) {
        return err_set(err, ERR_IO, "the service at '%s': %s", socket, json_get_text(&answer, "message", ""));
    }
    *ret_answer = answer;
    return 0;
}

int keeper_who(const char *socket, struct arena *arena, struct keeper_facts *ret, struct err *err)
{
    struct json question = json_object();
    struct json answer;
    json_set(arena, &question, "type", json_cstring(arena, "who"));
    if (keeper_ask(socket, &question, -1, arena, &answer, err) < 0) {
        return -1;
    }
    *ret = (struct keeper_facts){
        .uid = (uid_t)json_get_int(&answer, "uid", -1),
        .gid = (gid_t)json_get_int(&answer, "gid", -1),
        .home = arena_strdup(arena, json_get_text(&answer, "home", "")),
    };
    return 0;
}

int keeper_remove(const char *socket, const char *path, struct err *err)
{
    struct arena *arena = arena_new();
    struct json question = json_object();
    struct json answer;
    json_set(arena, &question, "type", json_cstring(arena, "remove"));
    json_set(arena, &question, "path", json_cstring(arena, path));
    int result = keeper_ask(socket, &question, -1, arena, &answer, err);
    arena_free(arena);
    return result;
}
