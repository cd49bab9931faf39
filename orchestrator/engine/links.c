/* SPDX-License-Identifier: Apache-2.0
 * Connections to runners: found by their sockets, started at need, listened to.
 */
#include "base/log.h"
#include "base/mem.h"
#include "engine/apart.h"
#include "engine/engine_internal.h"
#include "engine/heirs.h"
#include "engine/tracking.h"

#include <assert.h>
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

/* A runner that is apart may not open the journal: it comes along. Without it (there was no descriptor left) the runner
 * says that it cannot be written, and holds the step until the next one brings it. */
static void give_journal(struct engine *engine, struct runner_link *link, struct json *message)
{
    struct err err = {0};
    int fd = apart_journal(json_get_text(message, "journal", ""), &err);
    if (fd < 0 || !message_give_fd(&link->stream, fd)) {
        log_error("engine", "runner=%s cannot be given the journal: %s", link->id,
                  fd < 0 ? err.message : "no descriptor is left");
    } else {
        json_set(engine->turn, message, "journal_given", json_bool(true));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void link_queue(struct engine *engine, struct runner_link *link, struct json *message)
{
    crash_at_message(engine, "before", message);
    if (link->apart && strcmp(json_get_text(message, "type", ""), "spawn") == 0) {
        give_journal(engine, link, message);
    }
    message_send(&link->stream, message);
}

void link_send(struct engine *engine, struct runner_link *link, struct json *message)
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

/* Connecting has failed for want of something: the runner may live, and have steps. */
static bool is_out_of_reach(int fd)
{
    return fd < 0 && errno != ECONNREFUSED && errno != ENOENT;
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
        if (is_out_of_reach(fd)) {
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

/* Where a runner says why it could not begin. */
static const char *log_of(struct engine *engine, const char *folder, const char *id)
{
    return engine->options.apart != NULL ? "the log of its service (journalctl -u sluice-runner)"
                                         : arena_printf(engine->turn, "'%s/%s.log'", folder, id);
}

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
        return err_set(err, ERR_IO, "sluice-runner did not start within %d s: see %s", RUNNER_START_MS / 1000,
                       log_of(engine, folder, id));
    }
    return fd >= 0 ? fd
                   : err_set(err, ERR_IO,
                             "sluice-runner ended as soon as it was started: it says why above, or in %s",
                             log_of(engine, folder, id));
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
    struct runner_link *link = fd < 0 ? NULL : link_new(engine, id, fd, err);
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
        (void)err_set(err, ERR_IO, "sluice-runner does not answer: see %s", log_of(engine, folder, id));
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

/* One of another version, or user, ends the steps that it has, and then itself. */
static void dismiss(struct engine *engine, struct runner_link *link, size_t steps)
{
    struct json message = json_object();
    json_set(engine->turn, &message, "type", json_cstring(engine->turn, "leave"));
    link_send(engine, link, &message);
    if (steps > 0 && link->apart != (engine->options.apart != NULL)) {
        log_warn("engine", "runner=%s is of %s: it ends the steps that it has (%zu), new ones go to another", link->id,
                 link->apart ? "another user, and steps are to be of ours" : "our user, and steps are to be of another",
                 steps);
    } else if (steps > 0) {
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
        if (link_take_known(engine, link, &list->u.array.items[i], err) < 0) {
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

static void take_hello(struct engine *engine, struct runner_link *link, const struct json *message)
{
    tracking_take_port(engine, link, message);
    link->protocol = json_get_int(message, "protocol", 0);
    link->apart = json_get_bool(message, "apart", false);
    link->pid = (pid_t)json_get_int(message, "pid", 0);
    int64_t oldest = json_get_int(message, "oldest", link->protocol);
    link->usable = oldest <= WIRE_PROTOCOL && WIRE_PROTOCOL <= link->protocol &&
                   link->apart == (engine->options.apart != NULL);
}

static int take_message(struct engine *engine, struct runner_link *link, const struct json *message, struct err *err)
{
    struct str type = str_from(json_get_text(message, "type", ""));
    if (str_is(type, "hello")) {
        take_hello(engine, link, message);
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
    tracking_drop_port(engine, link);
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
    bool tries = link->greeted || broke_again;
    int fd = tries ? world->runner_connect(world->ctx, folder, link->id) : -1;
    if (tries && is_out_of_reach(fd)) {
        link->dead = true;
        return err_errno(err, "cannot reach runner=%s", link->id);
    }
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
    turn_recall_spawns(engine, link->id);
    struct runner_link *again = link_new(engine, link->id, fd, err);
    if (again == NULL) {
        return -1;
    }
    again->again = true;
    again->tracking_port = link->tracking_port;
    return await_greeting(engine, again, err);
}

int links_read(struct engine *engine, struct runner_link *link, struct err *err)
{
    assert(!link->dead);
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
