/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/engine_link.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "runner/runner.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct engine_link *engine_link_of(struct runner *runner)
{
    for (int i = 0; i < RUNNER_LINKS; i++) {
        if (runner->links[i].used && runner->links[i].greeted) {
            return &runner->links[i];
        }
    }
    return NULL;
}

void engine_link_close(struct engine_link *link)
{
    if (!link->used) {
        return;
    }
    struct runner *runner = link->runner;
    runner_unwatch(runner, link->stream.fd, &link->watch);
    message_stream_clear(&link->stream);
    bool was_engine = link->greeted;
    link->used = link->greeted = false;
    if (was_engine) {
        runner->engine_left_ms = clock_monotonic_ms(&clock_system);
    }
}

static void send_text(struct engine_link *link, struct arena *arena, const struct json *message)
{
    message_send(&link->stream, message);
    arena_free(arena);
}

static void send_hello(struct engine_link *link)
{
    const struct runner *runner = link->runner;
    struct arena *arena = arena_new();
    struct json hello = json_object();
    json_set(arena, &hello, "type", json_cstring(arena, "hello"));
    json_set(arena, &hello, "protocol", json_int(WIRE_PROTOCOL));
    json_set(arena, &hello, "oldest", json_int(WIRE_PROTOCOL_OLDEST));
    json_set(arena, &hello, "id", json_cstring(arena, runner->options.id));
    json_set(arena, &hello, "pid", json_int(getpid()));
    json_set(arena, &hello, "boot_id", json_cstring(arena, runner->boot_id));
    json_set(arena, &hello, "start_ticks", json_int(runner->start_ticks));
    json_set(arena, &hello, "tracking_port", json_int(runner->tracking_port));
    if (runner->options.listener >= 0) {
        json_set(arena, &hello, "apart", json_bool(true));
    }
    (void)message_give_fd(&link->stream, runner->tracking);
    send_text(link, arena, &hello);
}

static struct json attempt_json(const struct supervised *attempt, struct arena *arena)
{
    struct json one = json_object();
    /* An attempt whose EXIT waits for room on the disk is not over for the engine. */
    bool exited = attempt->phase == ATTEMPT_ENDED && !attempt->journal->full;
    json_set(arena, &one, "attempt", json_int(attempt->id));
    json_set(arena, &one, "run_id", json_cstring(arena, attempt->run_id));
    bool held = attempt->phase == ATTEMPT_HELD;
    json_set(arena, &one, "state", json_cstring(arena, exited ? "exited" : held ? "held" : "running"));
    const struct json *order = json_get(&attempt->spawn, "order");
    if (held && order != NULL) {
        json_set(arena, &one, "after", json_int(attempt->after));
        json_set(arena, &one, "order", *order);
    }
    const struct json *secrets = json_get(&attempt->spawn, "secrets");
    if (!held && attempt->phase != ATTEMPT_ENDED && secrets != NULL && secrets->u.object.count > 0) {
        json_set(arena, &one, "secrets", *secrets);
    }
    struct json calls = json_array();
    for (size_t i = 0; i < attempt->calls.count; i++) {
        json_push(arena, &calls, json_int(attempt->calls.items[i]));
    }
    json_set(arena, &one, "calls", calls);
    return one;
}

static void send_attempts(struct engine_link *link)
{
    const struct runner *runner = link->runner;
    struct arena *arena = arena_new();
    struct json list = json_array();
    for (size_t i = 0; i < runner->attempts.count; i++) {
        if (!supervise_is_done(runner->attempts.items[i])) {
            json_push(arena, &list, attempt_json(runner->attempts.items[i], arena));
        }
    }
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, "attempts"));
    json_set(arena, &message, "attempts", list);
    send_text(link, arena, &message);
}

static void set_file(struct arena *arena, struct json *message, const struct run_journal *journal)
{
    if (journal->writer != NULL) {
        json_set(arena, message, "file", json_int(journal_writer_file(journal->writer)));
    }
}

static void send_trouble(struct engine_link *link, const struct run_journal *journal)
{
    struct arena *arena = arena_new();
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, journal->damaged ? "damaged" : "full"));
    json_set(arena, &message, "run_id", json_cstring(arena, journal->run_id));
    json_set(arena, &message, "message", json_cstring(arena, journal->err.message));
    set_file(arena, &message, journal);
    send_text(link, arena, &message);
}

static void send_doorbell(struct engine_link *link, const struct run_journal *journal)
{
    struct arena *arena = arena_new();
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, "doorbell"));
    json_set(arena, &message, "run_id", json_cstring(arena, journal->run_id));
    json_set(arena, &message, "size", json_int(run_journal_size(journal)));
    set_file(arena, &message, journal);
    send_text(link, arena, &message);
}

static void send_withdrawn(struct engine_link *link, const struct supervised *attempt)
{
    struct arena *arena = arena_new();
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, "withdrawn"));
    json_set(arena, &message, "attempt", json_int(attempt->id));
    send_text(link, arena, &message);
}

/* ---- messages ---- */

/* The newest generation reigns; of two connections of one engine, the later. */
static bool obey_hello(struct engine_link *link, const struct json *message)
{
    struct runner *runner = link->runner;
    int64_t generation = json_get_int(message, "generation", -1);
    if (generation < runner->generation) {
        log_warn("runner", "an engine of generation %lld came after %lld: refused", (long long)generation,
                 (long long)runner->generation);
        return false;
    }
    struct engine_link *old = engine_link_of(runner);
    if (old != NULL && old != link) {
        engine_link_close(old);
    }
    runner->generation = generation;
    runner->had_engine = true;
    runner->engine_left_ms = 0;
    link->greeted = true;
    crash_point_pass("runner_greeted");
    for (size_t i = 0; i < runner->journals.count; i++) {
        runner->journals.items[i]->announced = 0;
        runner->journals.items[i]->told = false;
    }
    send_attempts(link);
    return true;
}

/* True when the arena belongs to the new attempt. */
static bool obey_spawn(struct engine_link *link, const struct json *message, struct arena *arena)
{
    struct runner *runner = link->runner;
    int journal = json_get_bool(message, "journal_given", false) ? message_take_fd(&link->stream) : -1;
    if (runner_find(runner, json_get_int(message, "attempt", 0)) != NULL) {
        if (journal >= 0) {
            (void)close(journal);
        }
        return false;
    }
    struct err err = {0};
    crash_point_pass("runner_told_spawn");
    struct supervised *attempt = supervise_new(runner, arena, message, journal, &err);
    if (attempt == NULL) {
        log_error("runner", "%s", err.message);
        return false;
    }
    vec_push(&runner->attempts, attempt);
    return true;
}

static bool obey(struct engine_link *link, const struct json *message, struct arena *arena, int64_t now_ms)
{
    struct runner *runner = link->runner;
    const char *type = json_get_text(message, "type", "");
    struct supervised *attempt = runner_find(runner, json_get_int(message, "attempt", 0));
    if (strcmp(type, "spawn") == 0) {
        return obey_spawn(link, message, arena);
    }
    if (strcmp(type, "list") == 0) {
        send_attempts(link);
    } else if (strcmp(type, "leave") == 0) {
        runner->leaving = true;
    } else if (attempt != NULL && strcmp(type, "stop") == 0) {
        const char *why = arena_strdup(attempt->arena, json_get_text(message, "why", "cancel"));
        crash_point_pass("runner_told_stop");
        ladder_stop(attempt, why, json_get_int(message, "grace_ms", 10000), now_ms);
    } else if (attempt != NULL && strcmp(type, "reply") == 0) {
        crash_point_pass("runner_told_reply");
        supervise_answer(attempt, message);
    } else if (attempt != NULL && strcmp(type, "withdraw") == 0) {
        attempt->withdrawn = true;
        crash_point_pass("runner_told_withdraw");
        if (attempt->phase == ATTEMPT_HELD) {
            launch_undo(attempt);
            send_withdrawn(link, attempt);
        }
    } else if (attempt != NULL && strcmp(type, "ack") == 0) {
        attempt->phase = attempt->phase == ATTEMPT_HELD ? ATTEMPT_ENDED : attempt->phase;
        /* Of a step that still runs: the engine has given it up already, and will not say so again. */
        attempt->acked = true;
        crash_point_pass("runner_told_ack");
    }
    return false;
}

static int obey_next(struct engine_link *link, int64_t now_ms)
{
    struct arena *arena = arena_new();
    struct json message;
    struct err err = {0};
    int more = message_next(&link->stream, arena, &message, &err);
    bool keep = false;
    if (more < 0) {
        log_warn("runner", "the engine's connection is closed: %s", err.message);
    } else if (more == 1 && strcmp(json_get_text(&message, "type", ""), "hello") == 0) {
        more = obey_hello(link, &message) ? 1 : -1;
    } else if (more == 1 && !link->greeted) {
        log_warn("runner", "a connection that did not begin with hello is closed");
        more = -1;
    } else if (more == 1) {
        keep = obey(link, &message, arena, now_ms);
    }
    if (!keep) {
        arena_free(arena);
    }
    return more;
}

/* What waits is sent; the connection is closed when that cannot be. */
static int flush_or_close(struct engine_link *link)
{
    int sent = message_flush(&link->stream);
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET) { /* not because the engine has left */
        log_warn("runner", "the engine's connection is closed: nothing can be sent (%s)", strerror(errno));
    }
    if (sent < 0) {
        engine_link_close(link);
    }
    return sent;
}

void engine_link_ready(struct engine_link *link, int64_t now_ms)
{
    if (!link->used) {
        return;
    }
    bool gone = message_fill(&link->stream) < 0;
    int more;
    do {
        more = obey_next(link, now_ms);
    } while (more == 1);
    if (more < 0 || gone) {
        engine_link_close(link);
    } else {
        (void)flush_or_close(link);
    }
}

/* ---- accepting ---- */

static bool is_of_engine(const struct runner *runner, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == runner->options.engine_uid || peer.uid == 0);
}

/* A free place, else that of a connection that never said hello. */
static struct engine_link *place_for_link(struct runner *runner)
{
    struct engine_link *silent = NULL;
    for (int i = 0; i < RUNNER_LINKS; i++) {
        if (!runner->links[i].used) {
            return &runner->links[i];
        }
        if (!runner->links[i].greeted) {
            silent = &runner->links[i];
        }
    }
    engine_link_close(silent);
    return silent;
}

void engine_link_accept(struct runner *runner, int64_t now_ms)
{
    int fd;
    while ((fd = accept4(runner->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (!is_of_engine(runner, fd)) {
            close(fd);
            continue;
        }
        struct engine_link *link = place_for_link(runner);
        *link = (struct engine_link){.runner = runner, .used = true};
        link->watch = (struct watch){.kind = WATCH_LINK, .owner = link};
        message_stream_init(&link->stream, fd);
        runner_watch(runner, fd, &link->watch, EPOLLIN);
        send_hello(link);
        engine_link_ready(link, now_ms);
    }
}

/* ---- telling ---- */

void engine_link_tell(struct runner *runner, int64_t now_ms)
{
    struct engine_link *engine = engine_link_of(runner);
    for (size_t i = 0; engine != NULL && i < runner->journals.count; i++) {
        struct run_journal *journal = runner->journals.items[i];
        if (journal->replaced) {
            continue;
        }
        if (run_journal_ring_ms(journal) <= now_ms) {
            journal->announced = run_journal_size(journal);
            journal->urgent = false;
            send_doorbell(engine, journal);
        }
        if ((journal->full || journal->damaged) && !journal->told) {
            journal->told = true;
            send_trouble(engine, journal);
        }
    }
    for (int i = 0; i < RUNNER_LINKS; i++) {
        struct engine_link *link = &runner->links[i];
        int sent = link->used ? flush_or_close(link) : -1;
        if (sent >= 0) {
            runner_watch(runner, link->stream.fd, &link->watch, sent == 1 ? EPOLLIN : EPOLLIN | EPOLLOUT);
        }
    }
}
