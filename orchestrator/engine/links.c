/* SPDX-License-Identifier: Apache-2.0
 * Connections to runners: found by their sockets, started at need, listened to.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { RUNNER_START_MS = 10000, RUNNER_POLL_MS = 2, RUNNER_LOOK_MS = 100, RUNNER_STARTS = 3 };

struct runner_link *link_find(struct engine *engine, const char *id)
{
    for (size_t i = 0; i < engine->links.count; i++) {
        if (strcmp(engine->links.items[i]->id, id) == 0 && !engine->links.items[i]->dead) {
            return engine->links.items[i];
        }
    }
    return NULL;
}

void link_drop(struct engine *engine, struct runner_link *link)
{
    for (size_t i = 0; i < engine->links.count; i++) {
        if (engine->links.items[i] == link) {
            engine->links.items[i] = engine->links.items[--engine->links.count];
            break;
        }
    }
    message_stream_clear(&link->stream); /* closes it: epoll forgets it */
    if (link->pidfd >= 0) {
        (void)close(link->pidfd);
    }
    free(link);
}

/* What the socket does not take now goes out when it can be written again. A runner that is gone is noticed by
 * reading. */
void link_flush(struct engine *engine, struct runner_link *link)
{
    int sent = message_flush(&link->stream);
    bool full = sent == 0;
    if (sent < 0 && !link->dead && errno != EPIPE && errno != ECONNRESET) { /* not because it has gone */
        log_warn("engine", "runner=%s nothing can be sent to it: %s", link->id, strerror(errno));
    }
    if (full == link->full) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (full ? EPOLLOUT : 0u), .data.ptr = link};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD, link->stream.fd, &event) == 0) {
        link->full = full;
    }
}

/* "before_stop", "after_spawn": the crash points of what a message says. */
static void crash_at_message(const struct engine *engine, const char *when, const struct json *message)
{
    char name[40];
    (void)snprintf(name, sizeof name, "%s_%s", when, json_get_text(message, "type", ""));
    crash_point(engine, name);
}

void link_queue(struct engine *engine, struct runner_link *link, const struct json *message)
{
    crash_at_message(engine, "before", message);
    message_send(&link->stream, message);
}

void link_send(struct engine *engine, struct runner_link *link, const struct json *message)
{
    link_queue(engine, link, message);
    link_flush(engine, link);
    crash_at_message(engine, "after", message);
}

void link_ask(struct engine *engine, struct runner_link *link)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, "list"));
    link_send(engine, link, &message);
}

static struct runner_link *link_new(struct engine *engine, const char *id, int take_fd, struct err *err)
{
    struct runner_link *link = mem_alloc(sizeof *link);
    (void)snprintf(link->id, sizeof link->id, "%s", id);
    message_stream_init(&link->stream, take_fd);
    link->pidfd = runner_process_open(take_fd, id);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = link};
    vec_push(&engine->links, link);
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, take_fd, &event) < 0) {
        (void)err_errno(err, "watching a runner");
        link_drop(engine, link);
        return NULL;
    }
    struct json hello = json_object();
    json_set(engine->turn, &hello, "type", json_cstring(engine->turn, "hello"));
    json_set(engine->turn, &hello, "protocol", json_int(WIRE_PROTOCOL));
    json_set(engine->turn, &hello, "generation", json_int(engine->generation));
    link_send(engine, link, &hello);
    return link;
}

/* Reads until the runner has said hello and what it has, or is gone. -1 when the store cannot take what it says. */
static int await_greeting(struct engine *engine, struct runner_link *link, struct err *err)
{
    int64_t until_ms = clock_monotonic_ms(engine->options.clock) + RUNNER_START_MS;
    while (!link->greeted && !link->dead && clock_monotonic_ms(engine->options.clock) < until_ms) {
        engine->world->wait_readable(engine->world->ctx, link->stream.fd, RUNNER_LOOK_MS);
        if (links_read(engine, link, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int links_scan(struct engine *engine, struct err *err)
{
    const struct engine_world *world = engine->world;
    const char *folder = arena_printf(engine->turn, "%s/runner", engine->options.home);
    const char **ids = NULL;
    size_t count = 0;
    if (world->runner_list(world->ctx, folder, engine->turn, &ids, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *id = ids[i];
        if (strlen(id) >= sizeof((struct runner_link *)0)->id) {
            continue;
        }
        int fd = world->runner_connect(world->ctx, folder, id);
        if (fd < 0 && errno != ECONNREFUSED && errno != ENOENT) { /* it may live, and have steps */
            return err_errno(err, "cannot reach runner=%s", id);
        }
        if (fd < 0) {
            world->runner_forget(world->ctx, folder, id); /* nobody listens: a dead runner's */
            continue;
        }
        struct runner_link *link = link_new(engine, id, fd, err);
        if (link == NULL) {
            return -1;
        }
        if (await_greeting(engine, link, err) < 0) {
            return -1;
        }
        if (!link->greeted && !link->dead) {
            log_warn("engine", "runner=%s does not answer (is it stopped?): its steps are waited for", id);
        }
    }
    return 0;
}

void links_drop_dead(struct engine *engine)
{
    for (size_t i = engine->links.count; i > 0; i--) {
        if (engine->links.items[i - 1]->dead) {
            link_drop(engine, engine->links.items[i - 1]);
        }
    }
}

/* ---- starting one ---------------------------------------------------------------------------- */

/* Connects to a runner that has just been started. `*ret_gone`: somebody killed it before. */
static int await_socket(struct engine *engine, const char *folder, const char *id, int pidfd, bool *ret_gone,
                        struct err *err)
{
    const struct engine_world *world = engine->world;
    int64_t until_ms = clock_monotonic_ms(engine->options.clock) + RUNNER_START_MS;
    enum runner_end end = RUNNER_LIVES;
    int fd = -1;
    while ((fd = world->runner_connect(world->ctx, folder, id)) < 0 && end == RUNNER_LIVES &&
           clock_monotonic_ms(engine->options.clock) < until_ms) {
        world->pause(world->ctx, RUNNER_POLL_MS);
        end = runner_process_end(pidfd);
    }
    *ret_gone = end == RUNNER_WAS_KILLED;
    if (fd < 0 && end == RUNNER_LIVES) {
        return err_set(err, ERR_IO, "sluice-runner did not start within %d s: see '%s/%s.log'", RUNNER_START_MS / 1000,
                       folder, id);
    }
    return fd >= 0 ? fd
                   : err_set(err, ERR_IO,
                             "sluice-runner ended as soon as it was started: it says why above, or in '%s/%s.log'",
                             folder, id);
}

/* A runner with its greeting. `*ret_gone`: it began, and was gone before it greeted. */
static struct runner_link *start_runner(struct engine *engine, const char *folder, bool *ret_gone, struct err *err)
{
    const struct engine_world *world = engine->world;
    char id[64];
    (void)snprintf(id, sizeof id, "%lld-%016llx", (long long)engine->generation,
                   (unsigned long long)rng_next(&engine->rng));
    crash_point(engine, "before_runner_start");
    int pidfd = -1;
    if (world->runner_start(world->ctx, &engine->options, folder, id, &pidfd, err) < 0) {
        return NULL;
    }
    crash_point(engine, "after_runner_start");
    int fd = await_socket(engine, folder, id, pidfd, ret_gone, err);
    if (pidfd >= 0) {
        (void)close(pidfd);
    }
    if (fd < 0) {
        return NULL;
    }
    struct runner_link *link = link_new(engine, id, fd, err);
    if (link == NULL || await_greeting(engine, link, err) < 0) {
        return NULL;
    }
    if (!link->dead && link->greeted && !link->usable) { /* it was told to leave */
        (void)err_set(err, ERR_IO,
                      "'%s' is of another version (protocol %lld; this sluice speaks %d): install all of one version, "
                      "then the same command again",
                      engine->options.runner, (long long)link->protocol, WIRE_PROTOCOL);
        return NULL;
    }
    if (link->dead || !link->usable) {
        *ret_gone = link->dead;
        (void)err_set(err, ERR_IO, "sluice-runner does not answer: see '%s/%s.log'", folder, id);
        return NULL;
    }
    return link;
}

struct runner_link *links_current(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < engine->links.count; i++) {
        struct runner_link *link = engine->links.items[i];
        if (link->usable && !link->silent && !link->dead) {
            return link;
        }
    }
    const char *folder = arena_printf(engine->turn, "%s/runner", engine->options.home);
    struct runner_link *link = NULL;
    struct err wrong = {0};
    bool gone = true; /* somebody may kill one as it starts: that is no reason to give up */
    for (int i = 0; link == NULL && gone && i < RUNNER_STARTS; i++) {
        gone = false;
        wrong = (struct err){0};
        link = start_runner(engine, folder, &gone, &wrong);
    }
    if (link == NULL) {
        *err = wrong;
    }
    return link;
}

/* ---- what they say --------------------------------------------------------------------------- */

static void send_now(struct engine *engine, struct runner_link *link, const char *type, int64_t attempt)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, type));
    json_set(engine->turn, &message, "attempt", json_int(attempt));
    link_send(engine, link, &message);
}

/* Replies that were committed but may not have been sent. */
static int resend_replies(struct engine *engine, int64_t attempt, const struct json *calls, const char *runner,
                          struct err *err)
{
    for (size_t i = 0; calls != NULL && calls->type == JSON_ARRAY && i < calls->u.array.count; i++) {
        struct str reply;
        int64_t seq = calls->u.array.items[i].u.integer;
        int found = store_call_get(engine->options.store, attempt, seq, engine->turn, &reply, err);
        struct json message;
        if (found < 0) {
            return -1;
        }
        if (found == 1 && json_read(reply, (struct json_limits){0}, engine->turn, &message, err) == 0) {
            json_set(engine->turn, &message, "type", json_cstring(engine->turn, "reply"));
            json_set(engine->turn, &message, "attempt", json_int(attempt));
            json_set(engine->turn, &message, "seq", json_int(seq));
            turn_send(engine, runner, message);
            if (turn_begin(engine, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Has the attempt let go of its process? One of a run that could not be loaded has not: it keeps what it has to say.
 * `ret_unknown`: it has no row. */
static int is_over(struct engine *engine, int64_t id, bool *ret_over, bool *ret_unknown, struct err *err)
{
    struct attempt_row row;
    struct err missing = {0};
    *ret_unknown = false;
    if (store_attempt_get(engine->options.store, id, engine->turn, &row, &missing) == 0) {
        *ret_over = row.ended_ms != 0 || row.state == ATTEMPT_STATE_WAITING;
        return 0;
    }
    *ret_over = *ret_unknown = true;
    if (missing.code == ERR_NOT_FOUND) {
        return 0;
    }
    *err = missing;
    return -1;
}

/* It runs and must not go on. Either it has begun by itself, and the journal that said so is gone: its step is decided
 * anew. Or it is over in the store, and the message that stops it was lost with an engine. */
static void kill_unwanted(struct engine *engine, struct runner_link *link, const struct json *known, bool unknown)
{
    int64_t id = json_get_int(known, "attempt", 0);
    if (strcmp(json_get_text(known, "state", ""), "running") != 0 ||
        (unknown && open_run_find(engine, json_get_text(known, "run_id", "")) == NULL)) {
        return;
    }
    if (unknown) {
        log_warn("engine", "attempt=%lld runs, and nothing is known of it: it is killed", (long long)id);
    }
    struct json message = stop_message(engine->turn, id, "cancel", 0);
    link_send(engine, link, &message);
}

/* All that the journal of the run has, if it is open. */
static int ingest_whole(struct engine *engine, const char *run_id, struct err *err)
{
    struct open_run *open = open_run_find(engine, run_id);
    int frames = open == NULL ? 0 : 1;
    while (frames > 0) {
        frames = ingest_run(engine, open, SIZE_MAX, err);
    }
    return frames;
}

/* After a wait an attempt goes on under the same id. If the message that says so was lost with an engine, what the
 * runner knows is its first half: that has ended, as the journal says. Nobody has the second half then. */
static int is_first_half(struct engine *engine, struct live_attempt *attempt, const struct json *known, bool *ret_first,
                         struct err *err)
{
    *ret_first = false;
    if (strcmp(json_get_text(known, "state", ""), "exited") != 0) {
        return 0;
    }
    int frames = ingest_whole(engine, attempt->open->row.run_id, err);
    bool waited = attempt->row.ended_ms == 0 && attempt->row.wait != NULL;
    *ret_first = waited && attempt->row.state == ATTEMPT_STATE_STARTING && !attempt->row.spawning;
    return frames;
}

/* After its wait it went on in another runner: what this one knows is the half before. */
static bool is_of_another(const struct live_attempt *attempt, const struct runner_link *link, const struct json *known)
{
    return strcmp(json_get_text(known, "state", ""), "exited") == 0 && strcmp(attempt->row.runner, link->id) != 0;
}

/* Its end is in a journal, and the one that we read has all that it has: somebody has put another in its place. */
static void note_missing_end(struct live_attempt *attempt, const struct json *known)
{
    struct open_run *open = attempt->open;
    if (strcmp(json_get_text(known, "state", ""), "exited") == 0 && attempt_is_with_runner(attempt) &&
        open->journal_damage == NULL) {
        open->journal_damage = mem_strdup("the end of a step that is over is not in it");
    }
}

/* An attempt that a runner has: looked after, or forgotten when it has ended in the store. */
static int take_known(struct engine *engine, struct runner_link *link, const struct json *known, struct err *err)
{
    int64_t id = json_get_int(known, "attempt", 0);
    struct live_attempt *attempt = attempt_find(engine, id);
    bool over = true;
    if (attempt == NULL && strcmp(json_get_text(known, "state", ""), "held") == 0) {
        if (!heirs_listed(engine, link, known)) {
            send_now(engine, link, "ack", id);
        }
        return 0;
    }
    if (attempt == NULL && ingest_whole(engine, json_get_text(known, "run_id", ""), err) < 0) {
        return -1;
    }
    attempt = attempt != NULL ? attempt : attempt_find(engine, id); /* an heir that has begun: its journal said so */
    if (attempt == NULL || attempt->row.state == ATTEMPT_STATE_WAITING) {
        bool unknown = false;
        if (is_over(engine, id, &over, &unknown, err) < 0) {
            return -1;
        }
        if (unknown || (over && attempt == NULL)) {
            kill_unwanted(engine, link, known, unknown);
        }
        if (over) {
            send_now(engine, link, "ack", id);
        }
        return 0;
    }
    if (is_of_another(attempt, link, known)) {
        send_now(engine, link, "ack", id);
        return 0;
    }
    if (is_first_half(engine, attempt, known, &over, err) < 0) {
        return -1;
    }
    if (over) {
        send_now(engine, link, "ack", id); /* and it is an orphan */
        return 0;
    }
    /* Of one that has waited a later list may be older than its second half. */
    if (!link->greeted || attempt->row.wait == NULL) {
        note_missing_end(attempt, known);
    }
    attempt->sent = true;
    attempt->open->look = true;
    if (attempt->row.stopping != NULL && attempt->row.ended_ms == 0) {
        if (turn_begin(engine, err) < 0) {
            return -1;
        }
        /* The message may have been lost with the engine that sent it. */
        attempt_stop(engine, attempt, attempt->row.stopping,
                     run_step_at(attempt->open->run, attempt->place)->stop_grace_ms);
    }
    return resend_replies(engine, id, json_get(known, "calls"), link->id, err);
}

/* One of another version ends the steps that it has, and then itself. */
static void dismiss(struct engine *engine, struct runner_link *link, size_t steps)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, "leave"));
    link_send(engine, link, &message);
    if (steps > 0) {
        log_warn("engine",
                 "runner=%s is of another version (protocol %lld; this sluice speaks %d): it ends the steps that it "
                 "has (%zu), new ones go to another",
                 link->id, (long long)link->protocol, WIRE_PROTOCOL, steps);
    }
}

/* What a runner has, and what it should have and has not: orphans. */
static int take_attempts(struct engine *engine, struct runner_link *link, const struct json *message, struct err *err)
{
    const struct json *list = json_get(message, "attempts");
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->u.array.count : 0;
    for (size_t i = 0; i < count; i++) {
        if (take_known(engine, link, &list->u.array.items[i], err) < 0) {
            return -1;
        }
    }
    if (!link->greeted) { /* later lists may cross with what is on its way */
        heirs_forget(engine, link->id, true);
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (strcmp(attempt->row.runner, link->id) == 0 && !attempt->sent && !attempt->asks &&
            attempt_is_with_runner(attempt) &&
            (turn_begin(engine, err) < 0 || attempt_orphaned(engine, attempt, "its runner was killed", err) < 0)) {
            return -1;
        }
    }
    if (!link->greeted && !link->usable) {
        dismiss(engine, link, count);
    }
    link->greeted = true;
    bool news = !link->listed;
    link->listed = true;
    return news ? turn_begin(engine, err) : 0; /* what is ready may start */
}

static void take_hello(struct runner_link *link, const struct json *message)
{
    link->protocol = json_get_int(message, "protocol", 0);
    int64_t oldest = json_get_int(message, "oldest", link->protocol);
    link->usable = oldest <= WIRE_PROTOCOL && WIRE_PROTOCOL <= link->protocol;
}

static int take_message(struct engine *engine, struct runner_link *link, const struct json *message, struct err *err)
{
    struct str type = str_from(json_get_text(message, "type", ""));
    if (str_is(type, "hello")) {
        take_hello(link, message);
        return 0;
    }
    if (str_is(type, "attempts")) {
        return take_attempts(engine, link, message, err);
    }
    if (str_is(type, "withdrawn")) {
        return heirs_withdrawn(engine, link, json_get_int(message, "attempt", 0), err);
    }
    struct open_run *open = open_run_find(engine, json_get_text(message, "run_id", ""));
    int64_t file = json_get_int(message, "file", 0);
    if (open != NULL && !ingest_reads(open, file)) {
        open->look = true;
        if (open->journal != NULL && file == journal_file_at(open->journal_path)) {
            free(open->journal_damage);
            open->journal_damage = mem_strdup("another file has come into its place");
        }
        return 0;
    }
    if (str_is(type, "doorbell") && open != NULL) {
        int64_t size = json_get_int(message, "size", 0);
        open->journal_written = size > open->journal_written ? size : open->journal_written;
        open->look = true;
    }
    if (str_is(type, "damaged") && open != NULL) {
        free(open->journal_damage);
        open->journal_damage = mem_strdup(json_get_text(message, "message", ""));
        open->look = true;
    }
    if (str_is(type, "full")) {
        log_error("engine", "run=%s the journal cannot be written: %s (its steps are held until there is room)",
                  json_get_text(message, "run_id", ""), json_get_text(message, "message", ""));
    }
    return 0;
}

/* A runner that is gone took its steps along; what they had written is in the journals. */
int link_gone(struct engine *engine, struct runner_link *link, const char *how, struct err *err)
{
    link->dead = true;
    message_stream_clear(&link->stream); /* closes it: epoll forgets it, and the runner is told */
    if (ingest_all(engine, err) < 0) {
        return -1;
    }
    heirs_forget(engine, link->id, false);
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (strcmp(attempt->row.runner, link->id) == 0 && attempt_is_with_runner(attempt) &&
            (turn_begin(engine, err) < 0 || attempt_orphaned(engine, attempt, how, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* A connection is lost with its runner, or alone: the kernel had no memory for a message. What was lost on the way is
 * found as after a restart, by what the runner says that it has. */
static int link_lost(struct engine *engine, struct runner_link *link, struct err *err)
{
    const struct engine_world *world = engine->world;
    const char *folder = arena_printf(engine->turn, "%s/runner", engine->options.home);
    /* One that is being killed can still be connected to, for as long as its last descriptors are not closed. */
    bool broke_again = link->again && !link->greeted;
    int fd = link->greeted || broke_again ? world->runner_connect(world->ctx, folder, link->id) : -1;
    if (fd < 0) {
        return link_gone(engine, link, "its runner was killed", err);
    }
    if (broke_again) { /* it lives: its steps are not to be taken for lost */
        link->dead = true;
        (void)close(fd);
        return err_set(err, ERR_IO, "runner=%s the connection breaks each time that it is made", link->id);
    }
    log_warn("engine", "runner=%s the connection was lost, and is made again", link->id);
    link->dead = true;
    message_stream_clear(&link->stream);
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        attempt->sent = attempt->sent && strcmp(attempt->row.runner, link->id) != 0;
    }
    struct runner_link *again = link_new(engine, link->id, fd, err);
    if (again == NULL) {
        return -1;
    }
    again->again = true;
    return await_greeting(engine, again, err);
}

int links_read(struct engine *engine, struct runner_link *link, struct err *err)
{
    if (link->dead) {
        return 0;
    }
    bool gone = message_fill(&link->stream) < 0;
    struct json message;
    struct err malformed = {0};
    int got = 0;
    while ((got = message_next(&link->stream, engine->turn, &message, &malformed)) == 1) {
        backstop_heard(link);
        if (take_message(engine, link, &message, err) < 0) {
            return -1;
        }
    }
    link_flush(engine, link);
    if (got < 0) {
        log_error("engine", "runner=%s a malformed message: %s", link->id, malformed.message);
    }
    return got < 0 ? link_gone(engine, link, "its runner was killed", err) : gone ? link_lost(engine, link, err) : 0;
}
