/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/door.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { GUESTS_MAX = 16, PACKET_MAX = 64 << 10, GUEST_WAIT_MS = 5000, ANSWER_WAIT_S = 60, BACKLOG = 16 };

struct guest {
    int fd; /* -1: nobody */
    int64_t came_ms;
};

struct door {
    struct session *session;
    int fd;
    struct guest guests[GUESTS_MAX];
};

/* A socket's address is short, a home's path may be long: it is reached through the descriptor of the folder. */
static int address_of(const char *home, int *ret_folder, struct sockaddr_un *ret_address)
{
    *ret_folder = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/sock", *ret_folder);
    return *ret_folder < 0 ? -1 : 0;
}

/* ---- inside ---------------------------------------------------------------------------------------------------- */

int door_open(struct session *session, struct door **ret_door, struct err *err)
{
    struct sockaddr_un address;
    int folder = -1;
    struct door *door = mem_alloc(sizeof *door);
    *door = (struct door){.session = session, .fd = -1};
    for (int i = 0; i < GUESTS_MAX; i++) {
        door->guests[i].fd = -1;
    }
    if (address_of(session->home.path, &folder, &address) == 0) {
        (void)unlink(address.sun_path); /* we hold the lock: what lies there is of one that has gone */
        door->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    mode_t old = umask(0177);
    bool good = door->fd >= 0 && bind(door->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(door->fd, BACKLOG) == 0;
    (void)umask(old);
    if (folder >= 0) {
        (void)close(folder);
    }
    if (!good || engine_watch(session->engine, door->fd, err) < 0) {
        (void)err_errno(err, "listening at '%s/sock'", session->home.path);
        door_close(door);
        return -1;
    }
    *ret_door = door;
    return 0;
}

void door_close(struct door *door)
{
    struct sockaddr_un address;
    int folder = -1;
    if (door == NULL) {
        return;
    }
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (door->guests[i].fd >= 0) {
            (void)close(door->guests[i].fd);
        }
    }
    if (door->fd >= 0) {
        (void)close(door->fd);
        if (address_of(door->session->home.path, &folder, &address) == 0) {
            (void)unlink(address.sun_path);
            (void)close(folder);
        }
    }
    free(door);
}

/* Name and groups of whoever is at the other end, as the kernel knows them. */
static int actor_of(struct door *door, int fd, const char **ret_actor, struct json *ret_groups, struct err *err)
{
    struct ucred peer;
    gid_t groups[256];
    socklen_t size = sizeof peer;
    socklen_t groups_size = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        return err_errno(err, "asking who knocks");
    }
    if (engine_is_step(door->session->engine, peer.pid)) {
        return err_set(err, ERR_DENIED, "a step decides nothing about runs: a person does");
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) < 0) {
        groups_size = 0;
    }
    session_actor_of(door->session, peer.uid, groups, groups_size / sizeof groups[0], ret_actor, ret_groups);
    return 0;
}

static int obey(struct door *door, int fd, const struct json *request, struct json *ret_outcome, struct err *err)
{
    struct engine *engine = door->session->engine;
    const char *what = json_get_text(request, "do", "");
    const char *run_id = json_get_text(request, "run", "");
    const char *reason = json_get_text(request, "reason", NULL);
    const char *actor = NULL;
    struct json groups;
    if (actor_of(door, fd, &actor, &groups, err) < 0) {
        return -1;
    }
    if (engine_find_run(engine, run_id) == NULL) {
        return err_set(err, ERR_STATE, "the run has ended already");
    }
    if (strcmp(what, "cancel") == 0) {
        *ret_outcome = json_object();
        return engine_cancel(engine, run_id, actor, reason, err);
    }
    if (strcmp(what, "vote") == 0) {
        struct engine_vote vote = {
            .run_id = run_id,
            .step = json_get_text(request, "step", NULL),
            .actor = actor,
            .groups = groups,
            .approve = json_get_bool(request, "approve", false),
            .reason = reason,
        };
        if (engine_vote(engine, &vote, ret_outcome, door->session->cli->arena, err) < 0) {
            return -1;
        }
        json_set(door->session->cli->arena, ret_outcome, "actor", json_cstring(door->session->cli->arena, actor));
        return 0;
    }
    return err_set(err, ERR_INPUT, "this sluice does not know how to '%s'", what);
}

static struct json answer_to(struct door *door, int fd, struct str packet, struct arena *arena)
{
    struct err err = {0};
    struct json request;
    struct json outcome = json_null();
    struct json answer = json_object();
    if (json_read(packet, (struct json_limits){0}, arena, &request, &err) == 0 &&
        obey(door, fd, &request, &outcome, &err) == 0) {
        json_set(arena, &answer, "outcome", json_copy(arena, &outcome));
        return answer;
    }
    struct json error = json_object();
    json_set(arena, &error, "code", json_cstring(arena, err_code_name(err.code)));
    json_set(arena, &error, "message", json_cstring(arena, err.message));
    json_set(arena, &answer, "error", error);
    return answer;
}

/* False when the guest has been answered, has gone, or has said nothing for too long. */
static bool serve_guest(struct door *door, const struct guest *guest, int64_t now_ms)
{
    static char packet[PACKET_MAX];
    ssize_t size = recv(guest->fd, packet, sizeof packet, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return now_ms - guest->came_ms < GUEST_WAIT_MS;
    }
    if (size <= 0) {
        return false;
    }
    struct arena *arena = arena_new();
    struct json answer = answer_to(door, guest->fd, (struct str){packet, (size_t)size}, arena);
    struct str text = json_text(arena, &answer);
    (void)send(guest->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    arena_free(arena);
    return false;
}

void door_serve(struct door *door)
{
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    for (int i = 0; i < GUESTS_MAX; i++) {
        struct guest *guest = &door->guests[i];
        struct err ignored = {0};
        if (guest->fd < 0) {
            guest->fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            guest->came_ms = now_ms;
            if (guest->fd >= 0 && engine_watch(door->session->engine, guest->fd, &ignored) < 0) {
                log_error("door", "%s", ignored.message);
            }
        }
        if (guest->fd >= 0 && !serve_guest(door, guest, now_ms)) {
            (void)close(guest->fd); /* epoll forgets it */
            guest->fd = -1;
        }
    }
}

/* ---- outside ----------------------------------------------------------------------------------------------------- */

static int code_of(const char *name)
{
    for (int code = ERR_INPUT; code <= ERR_INTERNAL; code++) {
        if (strcmp(err_code_name((enum err_code)code), name) == 0) {
            return code;
        }
    }
    return ERR_INTERNAL;
}

static int connect_to(const char *home)
{
    struct sockaddr_un address;
    int folder = -1;
    if (address_of(home, &folder, &address) < 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        (void)close(fd);
        fd = -1;
    }
    (void)close(folder);
    return fd;
}

bool door_is_kept(const char *home)
{
    int fd = connect_to(home);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

int door_ask(const char *home, const struct json *request, struct arena *arena, struct json *ret_outcome,
             struct err *err)
{
    struct timeval patience = {.tv_sec = ANSWER_WAIT_S};
    struct str text = json_text(arena, request);
    struct json answer;
    int fd = connect_to(home);
    if (fd < 0) {
        return err_set(err, ERR_NOT_FOUND, "nobody answers at '%s/sock'", home);
    }
    char *packet = arena_array(arena, PACKET_MAX, 1);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t size = send(fd, text.p, text.n, MSG_NOSIGNAL) < 0 ? -1 : recv(fd, packet, PACKET_MAX, 0);
    (void)close(fd);
    if (size <= 0) {
        return err_set(err, ERR_BUSY, "the sluice that holds '%s' gave no answer", home);
    }
    if (json_read((struct str){packet, (size_t)size}, (struct json_limits){0}, arena, &answer, err) < 0) {
        return err_add(err, "what the sluice that holds '%s' answered", home);
    }
    const struct json *error = json_get(&answer, "error");
    if (error != NULL) {
        return err_set(err, (enum err_code)code_of(json_get_text(error, "code", "")), "%s",
                       json_get_text(error, "message", ""));
    }
    const struct json *outcome = json_get(&answer, "outcome");
    *ret_outcome = outcome == NULL ? json_null() : *outcome;
    return 0;
}
