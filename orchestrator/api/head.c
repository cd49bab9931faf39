/* SPDX-License-Identifier: Apache-2.0
 * A request before its body is read: who asks, for which host, which route.
 */
#include "api/answers.h"
#include "api/api_internal.h"
#include "api/approve_page.h"
#include "api/guard.h"
#include "api/mlflow/routes.h"
#include "api/step_rights.h"
#include "api/user_rights.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>

enum { BODY_MAX = 32 << 20, UNUSED_BODY_MAX = 64 << 10 };

struct api_call api_call_of(struct api *api, struct http_exchange *exchange)
{
    return (struct api_call){
        .api = api,
        .store = api->options.store,
        .home = api->options.home,
        .exchange = exchange,
        .arena = exchange->arena,
        .params = json_object(),
        .answer = json_object(),
        .now_ms = clock_wall_ms(&clock_system),
        .rng = &api->rng,
        .files = &api->files,
        .auth = login_auth(api->login),
        .groups = api->options.groups,
    };
}

/* A body of JSON is wanted of whatever changes something: a page of another site cannot send one unasked. */
static bool wants_type(const struct http_exchange *exchange)
{
    bool has_body = http_content_length(exchange) > 0 || http_header(exchange, "Transfer-Encoding").n > 0;
    return exchange->method == HTTP_POST || exchange->method == HTTP_PUT || exchange->method == HTTP_PATCH || has_body;
}

/* 401 for all: what is wrong with a token is nobody's business. */
static void refuse_token(struct http_exchange *exchange)
{
    static const struct http_header headers[] = {{"WWW-Authenticate", "Bearer"}, {0}};
    answer_refusal(exchange, 401, "UNAUTHENTICATED",
                   "expected the token of a step that runs, as MLFLOW_TRACKING_TOKEN in its environment says it",
                   headers);
}

/* False when it has been answered: it shows no token that is good, or none that is known yet. */
static bool let_step_in(struct api_call *call)
{
    struct api *api = call->api;
    struct err wrong = {0};
    struct str token = http_header(call->exchange, "Authorization");
    struct api_step *step = arena_one(call->arena, struct api_step);
    token = str_starts(token, STR("Bearer ")) ? str_slice(token, strlen("Bearer "), token.n) : (struct str){0};
    if (api->options.step_of_token(api->options.ctx, token, step, &wrong) == 0) {
        call->step = step;
        return true;
    }
    if (wrong.code == ERR_BUSY) {
        answer_error(call->exchange, &wrong);
    } else {
        refuse_token(call->exchange);
    }
    return false;
}

/* The first time, at the head. False when it has been answered, or set aside. */
static bool let_in(struct api_call *call, struct api_match *match)
{
    if (match->plain != NULL && match->plain->open) {
        return true;
    }
    if (match->door->for_steps) {
        return let_step_in(call);
    }
    enum login_answer answer = login_ask(call->api->login, call->exchange, &match->who);
    match->asked = answer == LOGIN_GOOD;
    call->who = match->who;
    return answer != LOGIN_ENDS;
}

bool api_is_still_in(struct api_call *call, struct api_match *match)
{
    if (match->door->for_steps || (match->plain != NULL && match->plain->open)) {
        return let_in(call, match);
    }
    call->who = match->who;
    if (match->asked ? auth_is_still_good(call->auth, match->who, call->now_ms) : !auth_is_on(call->auth)) {
        return true;
    }
    login_refuse(call->exchange);
    return false;
}

void api_note_refusal(const struct http_exchange *exchange, int status, const char *message)
{
    const struct api_match *match = exchange->found;
    struct refusal refusal = {.status = status};
    (void)snprintf(refusal.actor, sizeof refusal.actor, "%s",
                   match->who != NULL          ? match->who->name
                   : match->door->for_steps    ? "a step"
                   : status == 401             ? "nobody"
                                               : "anonymous");
    /* What is behind it lets in who knows it: it is written down nowhere. */
    bool secret = str_starts(exchange->path, STR(APPROVE_PAGE_PREFIX));
    struct str path = secret ? STR(APPROVE_PAGE_PREFIX "...") : exchange->path;
    (void)snprintf(refusal.object, sizeof refusal.object, "%s %.*s", exchange->method_name, STR_ARG(path));
    (void)snprintf(refusal.reason, sizeof refusal.reason, "%s", message);
    utf8_one_line(refusal.object);
    utf8_one_line(refusal.reason);
    http_peer(exchange, refusal.address);
    refusals_note(&match->door->api->refusals, &refusal, clock_monotonic_ms(&clock_system));
}

static void refuse_path(struct http_exchange *exchange, unsigned methods)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    const char *allowed = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((methods >> i & 1) != 0) {
            allowed = arena_printf(exchange->arena, "%s%s%s", allowed, *allowed == '\0' ? "" : ", ", names[i]);
        }
    }
    const struct api_match *match = exchange->found;
    bool ours = answers_are_rest(exchange) && !match->door->for_steps;
    const char *nothing = ours ? "There is nothing here: " REST_PREFIX "/openapi.json says what there is."
                               : "There is nothing here.";
    const struct http_header headers[] = {{methods == 0 ? NULL : "Allow", allowed}, {0}};
    answer_words(exchange, methods == 0 ? 404 : 405,
                 methods == 0 ? nothing : arena_printf(exchange->arena, "This path is for %s.", allowed), headers);
}

/* The path with one '/' wherever several stand together. */
static struct str squeezed(const struct http_exchange *exchange)
{
    char *kept = arena_array(exchange->arena, exchange->path.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < exchange->path.n; i++) {
        if (exchange->path.p[i] != '/' || n == 0 || kept[n - 1] != '/') {
            kept[n++] = exchange->path.p[i];
        }
    }
    return (struct str){kept, n};
}

/* Says where a path that is there but for a '/' too many is, as MLflow's server does. False: nowhere. */
static bool lead_on(struct http_exchange *exchange)
{
    const struct api_match *found = exchange->found;
    struct http_exchange other = *exchange;
    struct api_match match;
    other.path = squeezed(exchange);
    router_find(found->door->api->router, &other, &match);
    if (other.path.n == exchange->path.n || (match.route == NULL && match.plain == NULL)) {
        return false;
    }
    const char *place = arena_printf(exchange->arena, "%.*s%s%.*s", STR_ARG(other.path),
                                     exchange->query.n > 0 ? "?" : "", STR_ARG(exchange->query));
    const struct http_header headers[] = {{"Location", place}, {0}};
    answer_words(exchange, 308, arena_printf(exchange->arena, "This is at %s.", place), headers);
    return true;
}

/* In the shape of the interface that was asked. */
void api_refuse(struct http_exchange *exchange, int status, const char *text)
{
    answer_words(exchange, status, text, NULL);
}

size_t api_head(void *ctx, struct http_exchange *exchange)
{
    const struct api_door *door = ctx;
    struct err wrong = {0};
    struct guard guard = {door->hosts, door->host_count};
    struct api_match *match = arena_one(exchange->arena, struct api_match);
    router_find(door->api->router, exchange, match);
    match->door = door;
    exchange->found = match;
    struct api_call call = api_call_of(door->api, exchange);
    const char *refusal = guard_refuses(&guard, exchange);
    if (refusal != NULL && !(match->plain != NULL && match->plain->open)) {
        api_refuse(exchange, 403, refusal);
    } else if (!let_in(&call, match)) {
        return BODY_MAX;
    } else if (call.step != NULL && match->route != NULL && match->route->versions == API_SLUICE) {
        api_refuse(exchange, 403, "a step decides nothing about runs: its token is for MLflow's interface");
    } else if (call.step != NULL && match->plain != NULL && match->plain->writes && !match->plain->for_steps) {
        (void)step_check(&call, API_WRITES, &wrong);
        answer_error(exchange, &wrong);
    } else if (match->plain != NULL && user_check_scope(&call, &match->plain->needs, &wrong) < 0) {
        answer_error(exchange, &wrong);
    } else if (match->plain != NULL) {
        return match->plain->head == NULL ? UNUSED_BODY_MAX : match->plain->head(&call);
    } else if (match->route == NULL) {
        if (!lead_on(exchange)) {
            refuse_path(exchange, match->methods);
        }
    } else if (wants_type(exchange) && guard_check_type(exchange, answers_are_rest(exchange), &wrong) < 0) {
        answer_error_as(exchange, &wrong, answers_are_rest(exchange) ? 415 : 400);
    }
    return BODY_MAX;
}
