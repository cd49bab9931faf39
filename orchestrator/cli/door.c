/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/door.h"

#include "auth/account.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/backup_note.h"
#include "cli/govern.h"
#include "cli/secret_change.h"
#include "cli/submission.h"
#include "cli/trigger_change.h"
#include "cli/visit.h"
#include "cli/webhook_change.h"
#include "engine/world.h"
#include "gc/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A guest that is silent for longer than GUEST_WAIT_MS is shown out: it may be stopped, and would hold a place. */
enum { GUESTS_MAX = 64, GUEST_WAIT_MS = 5000, FOLLOWER_FRESH_MS = 3000, BACKLOG = 64 };
/* Of an answer: it is one packet. */
enum { PROGRESS_MAX = 100, PROGRESS_TEXT_MAX = 80 };

struct guest {
    int fd; /* -1: nobody */
    int64_t heard_ms;
    char follows[40]; /* the run it follows; "": none */
};

struct door {
    struct session *session;
    const char *run_id; /* of the keeper */
    int fd;
    struct guest guests[GUESTS_MAX];
    struct gc_beside *gc; /* what a guest has removed; NULL: nobody is at it */
    const struct guest *gc_guest;
    bool gc_is_pass; /* we have sent that guest ourselves */
};

int door_open(struct session *session, const char *run_id, struct door **ret_door, struct err *err)
{
    struct sockaddr_un address;
    int folder = -1;
    struct door *door = mem_alloc(sizeof *door);
    *door = (struct door){.session = session, .run_id = run_id, .fd = -1};
    for (int i = 0; i < GUESTS_MAX; i++) {
        door->guests[i].fd = -1;
    }
    if (door_address(session->home.path, &folder, &address) == 0) {
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

/* The guest that had something removed is done, or has gone. */
static void end_gc(struct door *door)
{
    gc_beside_end(door->gc, door->gc_is_pass ? "sluice" : NULL);
    door->gc = NULL;
    door->gc_guest = NULL;
}

void door_close(struct door *door)
{
    struct sockaddr_un address;
    int folder = -1;
    if (door == NULL) {
        return;
    }
    end_gc(door);
    for (int i = 0; i < GUESTS_MAX; i++) {
        if (door->guests[i].fd >= 0) {
            (void)close(door->guests[i].fd);
        }
    }
    if (door->fd >= 0) {
        (void)close(door->fd);
        if (door_address(door->session->home.path, &folder, &address) == 0) {
            (void)unlink(address.sun_path);
            (void)close(folder);
        }
    }
    free(door);
}

/* ---- what a guest may ask ---------------------------------------------------------------------------------------- */

/* A question, while it is answered; all of it lives in `arena`. */
struct question {
    struct door *door;
    struct guest *guest;
    struct json request;
    const char *run_id;   /* that it names; "": none */
    int attached;         /* the memory file beside it; -1: none */
    struct json document; /* what that says, for those that take one */
    const char *actor;
    struct json groups;
    pid_t pid; /* of the guest */
    struct arena *arena;
};

/* Name and groups of whoever is at the other end, as the kernel knows them. */
static int find_actor(struct question *q, struct err *err)
{
    struct ucred peer;
    gid_t groups[256];
    socklen_t size = sizeof peer;
    socklen_t groups_size = sizeof groups;
    if (getsockopt(q->guest->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        return err_errno(err, "asking who knocks");
    }
    q->pid = peer.pid;
    if (engine_is_step(q->door->session->engine, peer.pid, peer.uid)) {
        return err_set(err, ERR_DENIED, "a step decides nothing about runs: a person does");
    }
    if (getsockopt(q->guest->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) < 0) {
        groups_size = 0;
    }
    session_actor_of(q->door->session, peer.uid, groups, groups_size / sizeof groups[0], &q->actor, &q->groups);
    return 0;
}

static int answer_cancel(struct question *q, struct json *ret_outcome, struct err *err)
{
    (void)ret_outcome;
    const char *reason = json_get_text(&q->request, "reason", NULL);
    return engine_cancel(q->door->session->engine, q->run_id, q->actor, reason, err);
}

static int answer_kill(struct question *q, struct json *ret_outcome, struct err *err)
{
    (void)ret_outcome;
    return engine_kill(q->door->session->engine, q->run_id, err);
}

static int answer_vote(struct question *q, struct json *ret_outcome, struct err *err)
{
    struct engine_vote vote = {
        .run_id = q->run_id,
        .step = json_get_text(&q->request, "step", NULL),
        .actor = q->actor,
        .groups = q->groups,
        .approve = json_get_bool(&q->request, "approve", false),
        .reason = json_get_text(&q->request, "reason", NULL),
    };
    if (engine_vote(q->door->session->engine, &vote, ret_outcome, q->arena, err) < 0) {
        return -1;
    }
    json_set(q->arena, ret_outcome, "actor", json_cstring(q->arena, q->actor));
    return 0;
}

static bool is_followed(const struct door *door, const char *run_id, const struct guest *but)
{
    bool followed = strcmp(door->run_id, run_id) == 0;
    for (int i = 0; !followed && i < GUESTS_MAX; i++) {
        const struct guest *guest = &door->guests[i];
        followed = guest != but && guest->fd >= 0 && strcmp(guest->follows, run_id) == 0;
    }
    return followed;
}

/* The first bytes of a text, of whole characters. */
static struct str beginning(const char *text)
{
    struct str result = str_slice(str_from(text), 0, PROGRESS_TEXT_MAX);
    while (result.n > 0 && !utf8_valid(result)) {
        result.n--;
    }
    return result;
}

/* What only the engine's memory knows of a run: the progress of its items; of as many as a packet has room for. */
static struct json progress_of(struct question *q, const struct run *run)
{
    struct json list = json_array();
    for (size_t i = 0; i < run->pipeline->step_count && list.u.array.count < PROGRESS_MAX; i++) {
        for (size_t k = 0; k < run->steps[i].item_count && list.u.array.count < PROGRESS_MAX; k++) {
            const char *text = "";
            bool active = run->steps[i].items[k].state == STEP_STATE_ACTIVE;
            double value =
                active ? engine_progress(q->door->session->engine, run->run_id, (struct run_place){i, k}, &text) : -1;
            if (value >= 0) {
                struct json one = json_object();
                json_set(q->arena, &one, "step", json_int((int64_t)i));
                json_set(q->arena, &one, "item", json_int((int64_t)k));
                json_set(q->arena, &one, "value", json_number(value));
                json_set(q->arena, &one, "text", json_string(q->arena, beginning(text)));
                json_push(q->arena, &list, one);
            }
        }
    }
    return list;
}

static int answer_look(struct question *q, struct json *ret_outcome, struct err *err)
{
    (void)err;
    struct engine *engine = q->door->session->engine;
    const char *run_id = q->run_id;
    const struct run *run = engine_find_run(engine, run_id);
    bool follows = json_get_bool(&q->request, "follows", false);
    (void)snprintf(q->guest->follows, sizeof q->guest->follows, "%s", follows ? run_id : "");
    json_set(q->arena, ret_outcome, "open", json_bool(!engine_run_is_over(engine, run_id)));
    json_set(q->arena, ret_outcome, "blocked", json_bool(run != NULL && engine_is_blocked(engine, run_id)));
    json_set(q->arena, ret_outcome, "followed", json_bool(is_followed(q->door, run_id, q->guest)));
    json_set(q->arena, ret_outcome, "progress", run == NULL ? json_array() : progress_of(q, run));
    return 0;
}

static struct store *store_of(const struct question *q)
{
    return q->door->session->home.store;
}

static int answer_submit(struct question *q, struct json *ret_outcome, struct err *err)
{
    struct session *session = q->door->session;
    struct engine_submission submission;
    char run_id[40];
    if (submission_read(&q->document, &session->catalogue, q->arena, &submission, err) < 0) {
        return -1;
    }
    submission.actor = q->actor;
    if (engine_submit(session->engine, &submission, run_id, err) < 0) {
        return -1;
    }
    json_set(q->arena, ret_outcome, "run_id", json_cstring(q->arena, run_id));
    return 0;
}

static int answer_secret(struct question *q, struct json *ret_outcome, struct err *err)
{
    return secret_change_obey(store_of(q), &q->document, q->actor, q->arena, ret_outcome, err);
}

static int answer_webhook(struct question *q, struct json *ret_outcome, struct err *err)
{
    return webhook_change_obey(store_of(q), &q->request, q->actor, q->arena, ret_outcome, err);
}

static int answer_delivery(struct question *q, struct json *ret_outcome, struct err *err)
{
    struct hooks *hooks = q->door->session->hooks;
    if (hooks == NULL) {
        return err_set(err, ERR_STATE, "the sluice that has the home starts nothing by itself: 'sluice serve' replays");
    }
    struct hook_replay replay = {.id = json_get_int(&q->document, "id", 0),
                                 .trust = json_get_bool(&q->document, "trust", false),
                                 .actor = q->actor,
                                 .outcome = ret_outcome,
                                 .arena = q->arena};
    return hooks_replay(hooks, q->door->session->engine, &replay, err);
}

static int answer_account(struct question *q, struct json *ret_outcome, struct err *err)
{
    (void)ret_outcome;
    return account_obey(store_of(q), &q->document, q->actor, q->arena, err);
}

static int answer_trigger(struct question *q, struct json *ret_outcome, struct err *err)
{
    return trigger_change_obey(q->door->session, &q->document, q->actor, q->arena, ret_outcome, err);
}

static int answer_backup(struct question *q, struct json *ret_outcome, struct err *err)
{
    (void)ret_outcome;
    return backup_note_obey(store_of(q), &q->document, q->actor, q->arena, err);
}

static int answer_govern(struct question *q, struct json *ret_outcome, struct err *err)
{
    return govern_obey(store_of(q), engine_telling(q->door->session->engine), &q->document, q->actor, &q->groups,
                       q->arena, ret_outcome, err);
}

static int answer_gc(struct question *q, struct json *ret_outcome, struct err *err)
{
    struct door *door = q->door;
    const char *step = json_get_text(&q->request, "step", "");
    if (strcmp(step, "begin") == 0) {
        if (door->gc != NULL) {
            return err_set(err, ERR_BUSY, "another 'sluice gc' is removing what is old: wait until it is done");
        }
        door->gc_guest = q->guest;
        door->gc_is_pass = q->pid == door->session->gc_pid;
        return gc_beside_begin(store_of(q), door->session->home.path, json_get_text(&q->document, "policy", ""),
                               &door->gc, err);
    }
    if (door->gc == NULL || door->gc_guest != q->guest) {
        return err_set(err, ERR_STATE, "a removal begins with 'begin'");
    }
    if (strcmp(step, "end") == 0) {
        end_gc(door);
        return 0;
    }
    const char *actor = door->gc_is_pass ? "sluice" : q->actor;
    return gc_beside_obey(door->gc, &q->document, actor, q->arena, engine_world_system.crash_point, ret_outcome, err);
}

/* What is checked, or read, before it is answered. */
enum wish_takes { TAKES_PACKET, TAKES_OPEN_RUN, TAKES_DOCUMENT };

/* The outcome is an empty object at first. */
static const struct {
    const char *name;
    enum wish_takes takes;
    int (*answer)(struct question *q, struct json *ret_outcome, struct err *err);
} wishes[] = {
    {"cancel", TAKES_OPEN_RUN, answer_cancel},
    {"kill", TAKES_OPEN_RUN, answer_kill},
    {"vote", TAKES_OPEN_RUN, answer_vote},
    {"look", TAKES_PACKET, answer_look},
    {"submit", TAKES_DOCUMENT, answer_submit},
    {"secret", TAKES_DOCUMENT, answer_secret},
    {"webhook", TAKES_PACKET, answer_webhook},
    {"account", TAKES_DOCUMENT, answer_account},
    {"delivery", TAKES_DOCUMENT, answer_delivery},
    {"trigger", TAKES_DOCUMENT, answer_trigger},
    {"backup", TAKES_DOCUMENT, answer_backup},
    {"govern", TAKES_DOCUMENT, answer_govern},
    {"gc", TAKES_DOCUMENT, answer_gc},
};

/* Only a file in memory that nobody can change: another could make the engine wait, or change under its eyes. */
static int read_text(int fd, struct arena *arena, struct str *ret_text, struct err *err)
{
    struct stat file;
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
    bool sealed = seals >= 0 && (seals & F_SEAL_WRITE) != 0 && (seals & F_SEAL_SHRINK) != 0;
    if (!sealed || fstat(fd, &file) < 0 || file.st_size > DOOR_DOCUMENT_MAX) {
        return err_set(err, ERR_INPUT, "expected a sealed memory file of at most %d MiB beside the request",
                       DOOR_DOCUMENT_MAX >> 20);
    }
    size_t size = (size_t)file.st_size;
    char *text = arena_array(arena, size + 1, 1);
    if (fd_read_start(fd, "what came beside the request", text, size, err) < 0) {
        return -1;
    }
    *ret_text = (struct str){text, size};
    return 0;
}

static int prepare(struct question *q, enum wish_takes takes, struct err *err)
{
    struct str text;
    if (takes == TAKES_OPEN_RUN && engine_run_is_over(q->door->session->engine, q->run_id)) {
        return err_set(err, ERR_STATE, "the run has ended already");
    }
    return takes == TAKES_DOCUMENT && (read_text(q->attached, q->arena, &text, err) < 0 ||
                                       json_read(text, (struct json_limits){0}, q->arena, &q->document, err) < 0)
               ? -1
               : 0;
}

static int obey(struct question *q, struct json *ret_outcome, struct err *err)
{
    const char *what = json_get_text(&q->request, "do", "");
    q->run_id = json_get_text(&q->request, "run", "");
    *ret_outcome = json_object();
    if (find_actor(q, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        if (strcmp(wishes[i].name, what) == 0) {
            return prepare(q, wishes[i].takes, err) < 0 ? -1 : wishes[i].answer(q, ret_outcome, err);
        }
    }
    return err_set(err, ERR_INPUT, "this sluice does not know how to '%s'", what);
}

static struct str answer_to(struct question *q, struct str packet)
{
    struct err err = {0};
    struct json outcome = json_null();
    struct json answer = json_object();
    if (json_read(packet, (struct json_limits){0}, q->arena, &q->request, &err) == 0 && obey(q, &outcome, &err) == 0) {
        json_set(q->arena, &answer, "outcome", outcome);
        return json_text(q->arena, &answer);
    }
    struct json error = json_object();
    json_set(q->arena, &error, "code", json_cstring(q->arena, err_code_name(err.code)));
    json_set(q->arena, &error, "message", json_cstring(q->arena, err.message));
    json_set(q->arena, &answer, "error", error);
    return json_text(q->arena, &answer);
}

/* ---- guests ---------------------------------------------------------------------------------------------------- */

/* A packet, and the file that came with it or -1. */
static ssize_t receive(int fd, char *packet, size_t room, int *ret_attached)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = packet, .iov_len = room};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = size < 0 ? NULL : CMSG_FIRSTHDR(&message);
    *ret_attached = -1;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(ret_attached, CMSG_DATA(header), sizeof *ret_attached);
    }
    return size;
}

/* False when the guest has gone, or has said nothing for too long. */
static bool serve_guest(struct door *door, struct guest *guest, int64_t now_ms)
{
    static char packet[DOOR_PACKET_MAX];
    struct question q = {.door = door, .guest = guest};
    ssize_t size = receive(guest->fd, packet, sizeof packet, &q.attached);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return guest == door->gc_guest || now_ms - guest->heard_ms < GUEST_WAIT_MS; /* a survey takes its time */
    }
    if (size > 0) {
        q.arena = arena_new();
        guest->heard_ms = now_ms;
        struct str answer = answer_to(&q, (struct str){packet, (size_t)size});
        ssize_t sent = send(guest->fd, answer.p, answer.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        size = sent < 0 ? 0 : size;
        arena_free(q.arena);
    }
    if (q.attached >= 0) {
        (void)close(q.attached);
    }
    return size > 0;
}

/* Who finds every place taken is shown out at once, and may come again. */
static void let_in(struct door *door, int64_t now_ms)
{
    int fd = -1;
    while ((fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct err err = {0};
        int place = 0;
        while (place < GUESTS_MAX && door->guests[place].fd >= 0) {
            place++;
        }
        if (place == GUESTS_MAX || engine_watch(door->session->engine, fd, &err) < 0) {
            log_error("door", "%s", place == GUESTS_MAX ? "too many at the door" : err.message);
            (void)close(fd);
        } else {
            door->guests[place] = (struct guest){.fd = fd, .heard_ms = now_ms};
        }
    }
}

void door_serve(struct door *door)
{
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    let_in(door, now_ms);
    for (int i = 0; i < GUESTS_MAX; i++) {
        struct guest *guest = &door->guests[i];
        if (guest->fd >= 0 && !serve_guest(door, guest, now_ms)) {
            (void)close(guest->fd); /* epoll forgets it */
            if (guest == door->gc_guest) {
                end_gc(door);
            }
            *guest = (struct guest){.fd = -1};
        }
    }
}

bool door_has_follower(const struct door *door)
{
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    for (int i = 0; i < GUESTS_MAX; i++) {
        const struct guest *guest = &door->guests[i];
        if (guest->fd >= 0 && guest->follows[0] != '\0' && now_ms - guest->heard_ms < FOLLOWER_FRESH_MS) {
            return true;
        }
    }
    return false;
}
