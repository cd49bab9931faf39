/* SPDX-License-Identifier: Apache-2.0
 * Made-up runners: their connections and what they do with a message, as wire/message.h says.
 */
#include "world.h"

#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- life ------------------------------------------------------------------------------------ */

static int64_t delay(struct world *world, int64_t usual_ms, int64_t rare_ms)
{
    uint64_t luck = rng_below(&world->net_rng, 100);
    return luck < 60 ? 0 : (int64_t)rng_below(&world->net_rng, (uint64_t)(luck < 95 ? usual_ms : rare_ms) + 1);
}

struct runner *runner_new(struct world *world, const char *id)
{
    struct runner *runner = mem_alloc(sizeof *runner);
    (void)snprintf(runner->id, sizeof runner->id, "%s", id);
    runner->number = (int)world->runners.count;
    runner->alive = true;
    runner->listens_ms = world->now_ms + 1 + delay(world, 20, 4000);
    vec_push(&world->runners, runner);
    world_trace(world, "runner %d starts", runner->number);
    return runner;
}

struct runner *runner_find_id(struct world *world, const char *id)
{
    for (size_t i = 0; i < world->runners.count; i++) {
        if (world->runners.items[i]->alive && strcmp(world->runners.items[i]->id, id) == 0) {
            return world->runners.items[i];
        }
    }
    return NULL;
}

static void close_link(struct link *link)
{
    if (!link->closed) {
        message_stream_clear(&link->stream);
        link->closed = true;
        link->greeted = false;
    }
}

void runner_free(struct runner *runner)
{
    for (size_t i = 0; i < runner->links.count; i++) {
        close_link(runner->links.items[i]);
        free(runner->links.items[i]);
    }
    steps_close_logs(runner);
    vec_clear(&runner->links);
    vec_clear(&runner->attempts);
    vec_clear(&runner->logs);
    free(runner);
}

void runner_killed(struct world *world, struct runner *runner)
{
    if (!runner->alive) {
        return;
    }
    world_trace(world, "runner %d is gone", runner->number);
    runner->alive = false;
    for (size_t i = 0; i < runner->links.count; i++) {
        close_link(runner->links.items[i]);
    }
    for (size_t i = 0; i < runner->attempts.count; i++) {
        steps_runner_gone(runner->attempts.items[i]);
    }
    steps_leave_logs(world, runner);
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct link *engine_of(struct runner *runner)
{
    for (size_t i = 0; i < runner->links.count; i++) {
        if (runner->links.items[i]->greeted && !runner->links.items[i]->closed) {
            return runner->links.items[i];
        }
    }
    return NULL;
}

static struct json typed(struct arena *arena, const char *type)
{
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, type));
    return message;
}

static void send_and_free(struct link *link, struct arena *take_arena, const struct json *message)
{
    message_send(&link->stream, message);
    (void)message_flush(&link->stream);
    arena_free(take_arena);
}

static void send_hello(struct world *world, struct runner *runner, struct link *link)
{
    struct arena *arena = arena_new();
    struct json hello = typed(arena, "hello");
    json_set(arena, &hello, "protocol", json_int(WIRE_PROTOCOL + (runner->is_other ? 1 : 0)));
    json_set(arena, &hello, "id", json_cstring(arena, runner->id));
    json_set(arena, &hello, "pid", json_int(1000 + runner->number));
    json_set(arena, &hello, "boot_id", json_cstring(arena, world->boot_id));
    json_set(arena, &hello, "start_ticks", json_int(1));
    send_and_free(link, arena, &hello);
}

static void send_attempts(struct runner *runner, struct link *link)
{
    struct arena *arena = arena_new();
    struct json list = json_array();
    for (size_t i = 0; i < runner->attempts.count; i++) {
        const struct execution *step = runner->attempts.items[i];
        struct json one = json_object();
        struct json calls = json_array();
        if (step->asked != 0) {
            json_push(arena, &calls, json_int(step->asked));
        }
        json_set(arena, &one, "attempt", json_int(step->attempt));
        json_set(arena, &one, "run_id", json_cstring(arena, step->run_id));
        bool held = step->phase == PHASE_HELD;
        const char *state = step->phase == PHASE_ENDED ? "exited" : held ? "held" : "running";
        json_set(arena, &one, "state", json_cstring(arena, state));
        if (held) {
            json_set(arena, &one, "after", json_int(step->after));
            json_set(arena, &one, "order", *json_get(&step->spawn, "order"));
        }
        json_set(arena, &one, "calls", calls);
        json_push(arena, &list, one);
    }
    struct json message = typed(arena, "attempts");
    json_set(arena, &message, "attempts", list);
    send_and_free(link, arena, &message);
}

static void ring(struct world *world, struct runner *runner)
{
    struct link *engine = engine_of(runner);
    runner->tells = false;
    for (size_t i = 0; engine != NULL && !runner->stopped && i < runner->logs.count; i++) {
        struct run_log *log = runner->logs.items[i];
        int64_t size = journal_writer_size(log->writer);
        if (size > log->announced) {
            struct arena *arena = arena_new();
            struct json doorbell = typed(arena, "doorbell");
            json_set(arena, &doorbell, "run_id", json_cstring(arena, log->run_id));
            json_set(arena, &doorbell, "size", json_int(size));
            json_set(arena, &doorbell, "file", json_int(journal_writer_file(log->writer)));
            log->announced = size;
            send_and_free(engine, arena, &doorbell);
            world_trace(world, "runner %d rings: %lld bytes", runner->number, (long long)size);
        }
    }
}

void runners_tell(struct world *world, struct runner *runner)
{
    if (!runner->tells) {
        runner->tells = true;
        world_plan(world, delay(world, 50, 5000), HAPPENS_TELL)->runner = runner;
    }
}

void runner_says(struct world *world, struct runner *runner, const char *type, const char *run_id)
{
    struct link *engine = engine_of(runner);
    if (!runner->alive || engine == NULL) {
        return;
    }
    struct arena *arena = arena_new();
    struct json message = typed(arena, type);
    json_set(arena, &message, "run_id", json_cstring(arena, run_id));
    json_set(arena, &message, "message", json_cstring(arena, "as the scenario wants"));
    send_and_free(engine, arena, &message);
    world_trace(world, "runner %d says %s", runner->number, type);
}

void runner_breaks(struct runner *runner, bool babble)
{
    static const char nonsense[] = "{\"type\" nonsense}\n\n\377\377\377\377\377\377\377\377";
    for (size_t i = 0; i < runner->links.count; i++) {
        struct link *link = runner->links.items[i];
        if (babble && !link->closed && link->stream.fd >= 0) {
            (void)send(link->stream.fd, nonsense, sizeof nonsense, MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            close_link(link);
        }
    }
}

/* ---- obeying --------------------------------------------------------------------------------- */

static struct execution *find_attempt(struct runner *runner, int64_t id)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        if (runner->attempts.items[i]->attempt == id) {
            return runner->attempts.items[i];
        }
    }
    return NULL;
}

static bool obey_hello(struct world *world, struct runner *runner, struct link *link, const struct json *message)
{
    int64_t generation = json_get_int(message, "generation", -1);
    if (generation < runner->generation) {
        world_trace(world, "runner %d refuses generation %lld", runner->number, (long long)generation);
        return false;
    }
    /* One that was stopped may read the hello of an engine that is long gone. */
    if (world->generation_of < link->process && generation <= world->generation) {
        world_fail(world, "an engine calls itself %lld, as one before it or less", (long long)generation);
    }
    if (generation > world->generation) {
        world->generation = generation;
        world->generation_of = link->process;
    }
    struct link *old = engine_of(runner);
    if (old != NULL && old != link) {
        close_link(old);
    }
    runner->generation = generation;
    link->greeted = true;
    for (size_t i = 0; i < runner->logs.count; i++) {
        runner->logs.items[i]->announced = 0;
    }
    send_attempts(runner, link);
    runners_tell(world, runner);
    return true;
}

static void forget(struct runner *runner, const struct execution *step)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        if (runner->attempts.items[i] == step) {
            runner->attempts.items[i] = runner->attempts.items[--runner->attempts.count];
            return;
        }
    }
}

void runners_forget_ended(struct runner *runner, struct execution *step)
{
    if (step->acked && step->phase == PHASE_ENDED) {
        forget(runner, step);
    }
}

/* Of a line whose first was withdrawn nothing begins any more: what is given for its end would be given in vain. */
static void look_ahead_of(struct world *world, struct runner *runner, const struct link *link,
                          const struct json *message)
{
    const struct execution *before = find_attempt(runner, json_get_int(message, "after", 0));
    for (; before != NULL && before->phase == PHASE_HELD; before = find_attempt(runner, before->after)) {
        if (before->withdrawn_by == link) {
            world_fail(world, "an heir is given behind attempt %lld, which was withdrawn", (long long)before->attempt);
            return;
        }
    }
}

static void obey(struct world *world, struct runner *runner, struct link *link, const struct json *message)
{
    const char *type = json_get_text(message, "type", "");
    struct execution *step = find_attempt(runner, json_get_int(message, "attempt", 0));
    world_trace(world, "runner %d gets %s %lld", runner->number, type, (long long)json_get_int(message, "attempt", 0));
    if (strcmp(type, "spawn") == 0 && step == NULL) {
        look_ahead_of(world, runner, link, message);
        steps_begin(world, runner, message);
    } else if (strcmp(type, "list") == 0) {
        send_attempts(runner, link);
    } else if (strcmp(type, "leave") == 0) {
        runner->leaves = true;
    } else if (step != NULL && strcmp(type, "stop") == 0) {
        steps_stop(world, step, json_get_text(message, "why", "cancel"), json_get_int(message, "grace_ms", 10000));
    } else if (step != NULL && strcmp(type, "reply") == 0) {
        steps_answer(world, step, message);
    } else if (step != NULL && strcmp(type, "withdraw") == 0) {
        step->withdrawn = true;
        step->withdrawn_by = link;
        if (step->phase == PHASE_HELD) {
            struct arena *arena = arena_new();
            struct json withdrawn = typed(arena, "withdrawn");
            json_set(arena, &withdrawn, "attempt", json_int(step->attempt));
            send_and_free(link, arena, &withdrawn);
        }
    } else if (step != NULL && strcmp(type, "ack") == 0) {
        step->phase = step->phase == PHASE_HELD ? PHASE_ENDED : step->phase;
        step->acked = true;
        runners_forget_ended(runner, step);
    }
}

/* Everything that has come over one link. */
static void read_link(struct world *world, struct runner *runner, struct link *link)
{
    bool gone = false;
    if (link->stream.fd >= 0 && message_fill(&link->stream) < 0) {
        gone = true;
    }
    for (int more = 1; more == 1 && !link->closed && runner->alive;) {
        struct arena *arena = arena_new();
        struct json message;
        struct err err = {0};
        more = message_next(&link->stream, arena, &message, &err);
        if (more < 0) {
            world_fail(world, "a message to the runner is malformed: %s", err.message);
        } else if (more == 1 && strcmp(json_get_text(&message, "type", ""), "hello") == 0) {
            more = obey_hello(world, runner, link, &message) ? 1 : -1;
        } else if (more == 1) {
            obey(world, runner, link, &message);
        }
        arena_free(arena);
    }
    if (gone || link->stream.fd < 0) {
        bool was_engine = link->greeted;
        close_link(link);
        if (was_engine && runner->alive) {
            world_plan(world, world->linger_ms, HAPPENS_LINGER)->runner = runner;
        }
    }
}

static void read_links(struct world *world, struct runner *runner)
{
    if (runner->dies) {
        runner_killed(world, runner);
        return;
    }
    bool backwards = rng_below(&world->net_rng, 2) == 1;
    for (size_t i = 0; i < runner->links.count; i++) {
        struct link *link = runner->links.items[backwards ? runner->links.count - 1 - i : i];
        if (link->due && !link->closed) {
            link->due = false;
            if (link->stream.fd >= 0 && !link->greeted) {
                send_hello(world, runner, link);
            }
            read_link(world, runner, link);
        }
    }
}

/* ---- connections ----------------------------------------------------------------------------- */

static void plan_reading(struct world *world, struct runner *runner, struct link *link)
{
    if (!link->due) {
        link->due = true;
        world_plan(world, delay(world, 20, 3000), HAPPENS_READ)->runner = runner;
    }
}

int runner_accept(struct world *world, struct runner *runner)
{
    int ends[2];
    if (!runner->alive || world->now_ms < runner->listens_ms ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return -1;
    }
    struct link *link = mem_alloc(sizeof *link);
    message_stream_init(&link->stream, ends[0]);
    link->process = world->process;
    vec_push(&runner->links, link);
    if (world->break_links > 0) {
        world->break_links--;
        close_link(link);
        return ends[1];
    }
    plan_reading(world, runner, link);
    return ends[1];
}

static bool has_come(const struct link *link)
{
    char byte;
    ssize_t n = link->stream.fd < 0 ? 0 : recv(link->stream.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0;
}

void runners_notice(struct world *world)
{
    for (size_t i = 0; i < world->runners.count; i++) {
        struct runner *runner = world->runners.items[i];
        for (size_t l = 0; runner->alive && l < runner->links.count; l++) {
            struct link *link = runner->links.items[l];
            if (!link->closed && !link->due && has_come(link)) {
                plan_reading(world, runner, link);
            }
        }
    }
}

/* The bytes that are on their way are taken now, and nothing can be sent back: the next reading finds the end. */
void runners_engine_gone(struct world *world)
{
    for (size_t i = 0; i < world->runners.count; i++) {
        struct runner *runner = world->runners.items[i];
        for (size_t l = 0; runner->alive && l < runner->links.count; l++) {
            struct link *link = runner->links.items[l];
            if (!link->closed && link->stream.fd >= 0) {
                (void)message_fill(&link->stream);
                (void)close(link->stream.fd);
                link->stream.fd = -1;
                plan_reading(world, runner, link);
            }
        }
    }
}

/* ---- happenings ------------------------------------------------------------------------------ */

static bool is_idle(const struct runner *runner)
{
    for (size_t i = 0; i < runner->attempts.count; i++) {
        if (runner->attempts.items[i]->phase != PHASE_ENDED && runner->attempts.items[i]->phase != PHASE_HELD) {
            return false;
        }
    }
    return true;
}

/* It has been alone for long enough: its steps are stopped, and it leaves with the last of them. */
static void linger(struct world *world, struct runner *runner)
{
    if (engine_of(runner) != NULL) {
        return;
    }
    for (size_t i = 0; i < runner->attempts.count; i++) {
        struct execution *step = runner->attempts.items[i];
        if (step->phase != PHASE_ENDED && step->phase != PHASE_HELD && step->stopped == NULL) {
            steps_stop(world, step, "linger", 1000);
        }
    }
    if (is_idle(runner)) {
        runner_killed(world, runner);
    } else {
        world_plan(world, 1000, HAPPENS_LINGER)->runner = runner;
    }
}

static void happen(struct world *world, struct runner *runner, const struct happening *what)
{
    switch (what->kind) {
    case HAPPENS_READ:
        read_links(world, runner);
        break;
    case HAPPENS_TELL:
        ring(world, runner);
        break;
    case HAPPENS_LINGER:
        linger(world, runner);
        break;
    case HAPPENS_GO_ON:
        world_trace(world, "runner %d goes on", runner->number);
        break;
    default:
        steps_happen(world, what);
        break;
    }
}

void runner_happens(struct world *world, const struct happening *what)
{
    struct runner *runner = what->execution != NULL ? what->execution->runner : what->runner;
    if (runner == NULL) {
        steps_file_comes(world, what->number);
        return;
    }
    if (what->kind == HAPPENS_GO_ON) {
        runner->stopped = false;
    }
    if (!runner->alive) {
        return;
    }
    if (runner->stopped) { /* later, all at once */
        struct happening *again = world_plan(world, 100, what->kind);
        *again = (struct happening){.at_ms = again->at_ms,
                                    .order = again->order,
                                    .kind = what->kind,
                                    .runner = what->runner,
                                    .execution = what->execution,
                                    .number = what->number};
        return;
    }
    happen(world, runner, what);
    if (runner->alive && runner->leaves && is_idle(runner)) {
        runner_killed(world, runner);
    }
}
