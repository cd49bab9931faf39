/* SPDX-License-Identifier: Apache-2.0 */
#include "api/hooks.h"

#include "api/answers.h"
#include "api/guard.h"
#include "auth/throttle.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAITS_MAX = 64, NAME_MAX_BYTES = 100, HOOK_MAX_BYTES = NAME_MAX_BYTES + sizeof HOOKS_SOURCES };

static const char path_prefix[] = "/hooks/";
/* Refused ones of an address: 100, and 20 a second. Where genuine ones come from: 1000, and 500 a second. */
static const struct throttle_rules refusals = {{0, 0}, {100, 50}, {1000, 2}};

/* A request whose secret a command has to tell. */
struct hook_wait {
    struct api_job job;
    struct hook_door *door;
    char pipeline[HOOK_MAX_BYTES];
    struct hook_wait *next;
    bool is_linked;
};

struct hook_door {
    struct hooks *hooks;
    struct throttle *throttle;
    struct hook_wait *first;
    size_t waiting;
};

struct hook_door *hook_door_new(struct hooks *hooks)
{
    struct hook_door *door = mem_alloc(sizeof *door);
    *door = (struct hook_door){.hooks = hooks, .throttle = throttle_new(&refusals)};
    return door;
}

void hook_door_free(struct hook_door *door)
{
    if (door != NULL) {
        throttle_free(door->throttle);
        free(door);
    }
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static void unlink_wait(struct hook_wait *wait)
{
    struct hook_wait **at = &wait->door->first;
    while (*at != NULL && *at != wait) {
        at = &(*at)->next;
    }
    if (*at == wait) {
        *at = wait->next;
        wait->door->waiting--;
    }
    wait->is_linked = false;
}

static void drop_wait(struct api_job *job)
{
    struct hook_wait *wait = (struct hook_wait *)job; /* its first member */
    if (wait->is_linked) {
        unlink_wait(wait);
    }
    free(wait);
}

static int answer_hook(struct api_call *call, struct err *err);

/* It goes on with answer_hook. The exchange owns it, also once it waits no more. */
static int wait_for_secret(struct api_call *call, struct hook_door *door, const char *pipeline, struct err *err)
{
    struct hook_wait *wait = call->exchange->owner;
    if (door->waiting >= WAITS_MAX) {
        return err_set(err, ERR_BUSY, "too many deliveries wait for a secret that a command tells: try again");
    }
    if (wait == NULL) {
        wait = mem_alloc(sizeof *wait);
        *wait = (struct hook_wait){.job = {.exchange = call->exchange, .finish = answer_hook, .drop = drop_wait},
                                   .door = door};
        (void)snprintf(wait->pipeline, sizeof wait->pipeline, "%s", pipeline);
        call->exchange->owner = wait;
        call->exchange->disown = api_disown_job;
    }
    wait->next = door->first;
    wait->is_linked = true;
    door->first = wait;
    door->waiting++;
    call->later = true;
    return 0;
}

struct api_job *hook_door_take(struct hook_door *door)
{
    for (struct hook_wait *wait = door == NULL ? NULL : door->first; wait != NULL; wait = wait->next) {
        if (hooks_is_ready(door->hooks, wait->pipeline)) {
            unlink_wait(wait);
            return &wait->job;
        }
    }
    return NULL;
}

/* ---- the route -------------------------------------------------------------------------------------------------- */

/* The pipeline that the path names, or "sources/NAME"; "" when none can be called so. */
static const char *pipeline_of(const struct api_call *call)
{
    struct str whole = call->exchange->path;
    whole = str_slice(whole, strlen(path_prefix), whole.n);
    bool of_source = str_starts(whole, STR(HOOKS_SOURCES));
    struct str rest = of_source ? str_slice(whole, strlen(HOOKS_SOURCES), whole.n) : whole;
    bool good = rest.n > 0 && rest.n <= NAME_MAX_BYTES;
    for (size_t i = 0; good && i < rest.n; i++) {
        char c = rest.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    }
    return good ? arena_str(call->arena, whole).p : "";
}

static const struct api_door *door_of(const struct api_call *call)
{
    const struct api_match *match = call->exchange->found;
    return match->door;
}

static void refuse_many(struct http_exchange *exchange, int64_t wait_ms)
{
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%" PRId64, (wait_ms + 999) / 1000);
    const struct http_header headers[] = {{"Retry-After", seconds}, {0}};
    answer_refusal(exchange, 429, "REQUEST_LIMIT_EXCEEDED",
                   "too many deliveries that were refused have come from this address", headers);
}

static size_t head_hook(struct api_call *call)
{
    struct hook_door *door = api_hook_door(call->api);
    char peer[HTTP_PEER_BYTES];
    if (door == NULL || door_of(call)->for_steps) {
        http_answer_text(call->exchange, 404, "There is nothing here.");
        return 0;
    }
    http_peer(call->exchange, peer);
    int64_t wait_ms = throttle_take(door->throttle, str_from(pipeline_of(call)), str_from(peer),
                                    clock_monotonic_ms(&clock_system));
    if (wait_ms > 0) {
        refuse_many(call->exchange, wait_ms);
    }
    return WEBHOOK_BODY_MAX;
}

struct header_list {
    struct json headers;
    struct arena *arena;
};

static void take_header(void *ctx, struct str name, struct str value)
{
    struct header_list *list = ctx;
    webhook_header_add(&list->headers, name, value, list->arena);
}

static bool is_from_page(const struct api_call *call)
{
    const struct guard guard = {door_of(call)->hosts, door_of(call)->host_count};
    return guard_refuses(&guard, call->exchange) != NULL;
}

static int answer_hook(struct api_call *call, struct err *err)
{
    struct hook_door *door = api_hook_door(call->api);
    struct header_list list = {.headers = json_object(), .arena = call->arena};
    struct hook_answer answer;
    char peer[HTTP_PEER_BYTES];
    http_headers_each(call->exchange, take_header, &list);
    http_peer(call->exchange, peer);
    const struct hook_arrival arrival = {
        .pipeline = pipeline_of(call),
        .request = {.headers = list.headers, .body = strbuf_str(&call->exchange->body)},
        .peer = peer,
        .from_page = is_from_page(call),
    };
    int received = hooks_receive(door->hooks, &arrival, call->arena, &answer, err);
    if (received == 1) {
        return wait_for_secret(call, door, arrival.pipeline, err);
    }
    if (received < 0) {
        log_error("hooks", "a delivery for '%s' could not be recorded: %s", arrival.pipeline, err->message);
        err->code = ERR_BUSY; /* whatever it was: it may be sent again */
        return -1;
    }
    if (answer.is_genuine) {
        throttle_good(door->throttle, str_from(arrival.pipeline), str_from(peer), clock_monotonic_ms(&clock_system));
    }
    call->status = answer.status;
    call->answer = answer.body;
    return 0;
}

const struct api_plain hook_plains[] = {
    {.method = HTTP_POST,
     .path = path_prefix,
     .writes = true,
     .open = true,
     .note = API_NOTED_INSIDE,
     .head = head_hook,
     .answer = answer_hook},
    {0},
};
