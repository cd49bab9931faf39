/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/rest.h"

#include "api/noting.h"
#include "api/sluice/idempotency.h"
#include "api/sluice/stream.h"
#include "api/user_rights.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/percent.h"
#include "engine/engine.h"
#include "run/approval.h"

#include <stdlib.h>
#include <unistd.h>

/* A call that is answered apart from the loop, with all that it needs: its request may be gone before it is done. */
struct rest_work {
    struct api_job job; /* the first member */
    struct api *api;
    struct api_call call;
    const struct api_route *route;
    struct http_conditions conditions;
    const char *last_event_id;
    struct strbuf body; /* the answer as text */
    struct http_answer reply;
    bool replies;
    int (*command)(struct api_call *call, struct err *err);
    void *ctx;
    void (*drop_ctx)(void *ctx);
};

/* What a command's answer is made by, in its transaction. */
struct rest_telling {
    int (*tell)(struct api_call *call, void *ctx, struct err *err);
    void *ctx;
};

bool rest_is_command(const struct api_route *route)
{
    return (rest_of(route)->flags & (REST_COMMANDS | REST_APART)) == REST_COMMANDS;
}

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

static int read_query(struct api_call *call, struct json *ret, struct err *err)
{
    struct str rest = call->exchange->query;
    struct str name, value;
    bool bad = false;
    *ret = json_object();
    while (percent_pair_next(&rest, call->arena, &name, &value, &bad)) {
        if (json_get_str(ret, name) != NULL) {
            return err_set(err, ERR_INPUT, "'%.*s' stands in the query twice", (int)(name.n > 60 ? 60 : name.n),
                           name.p);
        }
        json_add_str(call->arena, ret, name, json_string(call->arena, value));
    }
    return bad ? err_set(err, ERR_INPUT, "the query string cannot be decoded") : 0;
}

int rest_read(struct api_call *call, const struct api_route *route, const struct json *names, struct err *err)
{
    const struct schema_field *fields = rest_of(route)->takes;
    struct json query;
    struct json body = json_object();
    bool has_body = route->method != HTTP_GET;
    return schema_read(fields, SCHEMA_IN_PATH, names, call->arena, &call->params, err) < 0 ||
                   read_query(call, &query, err) < 0 ||
                   schema_read(fields, SCHEMA_IN_QUERY, &query, call->arena, &call->params, err) < 0 ||
                   (has_body && api_read_body(call, &body, err) < 0)
               ? -1
               : schema_read(fields, 0, &body, call->arena, &call->params, err);
}

int rest_check(const struct api_route *route, struct err *err)
{
    const struct rest_doc *doc = route->fields == NULL ? NULL : rest_of(route);
    bool good = doc != NULL && doc->name != NULL && doc->group != NULL && doc->summary != NULL &&
                (doc->gives != NULL || doc->media != NULL);
    if (!good) {
        return err_set(err, ERR_INTERNAL, "the route %s says too little of itself", route->path);
    }
    for (const char *at = route->path; (at = strchr(at, '{')) != NULL; at++) {
        struct str name = {at + 1, strcspn(at + 1, "}")};
        const struct schema_field *field = doc->takes;
        while (field != NULL && field->name != NULL && !str_is(name, field->name)) {
            field++;
        }
        if (field == NULL || field->name == NULL || (field->flags & SCHEMA_IN_PATH) == 0) {
            return err_set(err, ERR_INTERNAL, "the route %s does not say what '%.*s' is", route->path, STR_ARG(name));
        }
    }
    return 0;
}

/* ---- who asks --------------------------------------------------------------------------------------------------- */

const char *rest_actor(const struct api_call *call)
{
    return noting_actor(call);
}

struct json rest_groups(const struct api_call *call)
{
    return approval_groups_of(call->groups, rest_actor(call), call->arena);
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

static int keep_answer(void *ctx, struct err *err)
{
    struct api_call *call = ctx;
    const struct rest_telling *telling = call->telling;
    if (telling != NULL && telling->tell(call, telling->ctx, err) < 0) {
        return -1;
    }
    return call->key == NULL ? 0 : idempotency_keep(call, err);
}

void rest_told(struct api_call *call, int (*tell)(struct api_call *call, void *ctx, struct err *err), void *ctx)
{
    struct rest_telling *telling = arena_one(call->arena, struct rest_telling);
    *telling = (struct rest_telling){tell, ctx};
    call->telling = telling;
}

static int obey(struct api_call *call, const struct api_route *route, int (*command)(struct api_call *, struct err *),
                struct err *err)
{
    struct engine *engine = api_options_of(call->api)->engine;
    call->status = rest_of(route)->status;
    noting_begin(call->store, call);
    engine_set_beside(engine, (struct engine_beside){keep_answer, call});
    int result = command(call, err);
    engine_set_beside(engine, (struct engine_beside){0});
    noting_begin(call->store, NULL);
    return result;
}

struct transaction {
    struct api_call *call;
    int (*work)(struct api_call *call, struct err *err);
};

static int work_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    const struct transaction *transaction = ctx;
    (void)engine;
    return transaction->work(transaction->call, err);
}

int rest_transact(struct api_call *call, int (*work)(struct api_call *call, struct err *err), struct err *err)
{
    struct transaction transaction = {call, work};
    return engine_command(api_options_of(call->api)->engine, work_in_turn, &transaction, err);
}

/* ---- apart from the loop ---------------------------------------------------------------------------------------- */

static void drop_work(struct api_job *job)
{
    struct rest_work *work = (struct rest_work *)job;
    idempotency_release(work->api, work->call.key);
    if (work->replies && work->reply.source != NULL) {
        work->reply.source->drop(work->reply.source);
    }
    if (work->replies && work->reply.fd >= 0) {
        (void)close(work->reply.fd);
    }
    if (work->drop_ctx != NULL) {
        work->drop_ctx(work->ctx);
    }
    strbuf_clear(&work->body);
    arena_free(work->call.arena);
    free(work);
}

/* In the thread. */
static int answer_apart(void *ctx, struct err *err)
{
    struct rest_work *work = ctx;
    work->call.store = apart_store(api_apart(work->api), err);
    if (work->call.store == NULL) {
        return -1;
    }
    int result = work->route->answer(&work->call, err);
    if (result == 0 && !work->replies && work->command == NULL) {
        json_write(&work->body, &work->call.answer);
    }
    return result;
}

static int finish_apart(struct api_call *call, struct err *err)
{
    struct rest_work *work = call->exchange->owner;
    if (err->code != ERR_NONE) {
        return -1; /* of answer_apart */
    }
    if (work->command != NULL) {
        struct api_call *mine = &work->call;
        mine->store = call->store;
        mine->exchange = call->exchange;
        mine->who = call->who;
        int result = obey(mine, work->route, work->command, err);
        call->answer = result == 0 ? json_copy(call->arena, &mine->answer) : json_object();
        call->status = mine->status;
        if (result < 0 || !work->replies) {
            return result;
        }
    }
    if (work->replies) {
        work->replies = false;
        if (work->reply.source != NULL) {
            stream_watch(work->reply.source, call, &work->route->needs, &work->call.params);
        }
        http_answer(call->exchange, &work->reply);
        return 0;
    }
    struct http_answer answer = {.status = rest_of(work->route)->status == 0 ? 200 : rest_of(work->route)->status,
                                 .content_type = "application/json",
                                 .body = work->body,
                                 .fd = -1};
    work->body = (struct strbuf){0};
    http_answer(call->exchange, &answer);
    return 0;
}

static const char *header(struct rest_work *work, const struct http_exchange *exchange, unsigned flag,
                          const char *name)
{
    bool looks = (rest_of(work->route)->flags & flag) != 0;
    return looks ? arena_str(work->call.arena, str_trim(http_header(exchange, name))).p : "";
}

static void keep_conditions(struct rest_work *work, const struct http_exchange *exchange)
{
    struct http_conditions conditions = {0};
    unsigned flags = rest_of(work->route)->flags;
    if ((flags & REST_VALIDATES) != 0) {
        http_conditions_read(exchange, &conditions);
    } else if ((flags & REST_RANGES) != 0) {
        conditions.range = str_trim(http_header(exchange, "Range"));
    }
    work->conditions = http_conditions_keep(&conditions, work->call.arena);
}

static void set_aside(struct api_call *call, const struct api_route *route)
{
    struct rest_work *work = mem_alloc(sizeof *work);
    struct arena *arena = arena_new();
    *work = (struct rest_work){.api = call->api, .call = *call, .route = route, .reply.fd = -1};
    struct api_call *mine = &work->call;
    mine->arena = arena;
    mine->actor = arena_strdup(arena, rest_actor(call));
    mine->params = json_copy(arena, &call->params);
    mine->answer = json_object();
    mine->reader = call->who == NULL ? NULL : auth_reader(call->auth, call->who, arena);
    mine->who = NULL;
    mine->exchange = NULL;
    mine->work = work;
    keep_conditions(work, call->exchange);
    work->last_event_id = header(work, call->exchange, REST_RESUMES, "Last-Event-ID");
    strbuf_init(&work->body, SIZE_MAX >> 1);
    work->job = (struct api_job){
        .file = {.work = answer_apart, .ctx = work},
        .exchange = call->exchange,
        .finish = finish_apart,
        .drop = drop_work,
        .given = true,
        .reads = (rest_of(route)->flags & REST_COMMANDS) == 0,
        .commands = (rest_of(route)->flags & REST_COMMANDS) != 0,
    };
    call->later = true;
    call->exchange->owner = work;
    call->exchange->disown = api_disown_job;
    apart_give(api_apart(call->api), &work->job.file);
}

struct str rest_range(const struct api_call *call)
{
    return call->work->conditions.range;
}

const struct http_conditions *rest_conditions(const struct api_call *call)
{
    return &call->work->conditions;
}

const char *rest_last_event_id(const struct api_call *call)
{
    return call->work->last_event_id;
}

void rest_reply(struct api_call *call, const struct http_answer *take_answer)
{
    call->work->reply = *take_answer;
    call->work->replies = true;
}

int rest_refuse(struct api_call *call, struct http_answer *take_answer, const char *message)
{
    take_answer->content_type = "application/json";
    strbuf_init(&take_answer->body, 1000);
    strbuf_printf(&take_answer->body, "{\"code\":\"%s\",\"message\":\"%s\"}", answer_code_of(take_answer->status),
                  message);
    rest_reply(call, take_answer);
    return 0;
}

int rest_refuse_range(struct api_call *call, int64_t size)
{
    struct http_answer answer = {
        .status = 416,
        .fd = -1,
        .headers = {{"Content-Range", arena_printf(call->arena, "bytes */%lld", (long long)size)}}};
    return rest_refuse(call, &answer, arena_printf(call->arena, "there are %lld bytes", (long long)size));
}

struct http_header rest_content_range(struct api_call *call, int64_t from, int64_t count, int64_t size)
{
    return (struct http_header){"Content-Range",
                                arena_printf(call->arena, "bytes %lld-%lld/%lld", (long long)from,
                                             (long long)(from + count - 1), (long long)size)};
}

void rest_then(struct api_call *call, int (*command)(struct api_call *call, struct err *err))
{
    call->work->command = command;
}

void rest_keep(struct api_call *call, void *ctx, void (*drop)(void *ctx))
{
    call->work->ctx = ctx;
    call->work->drop_ctx = drop;
}

void *rest_ctx(const struct api_call *call)
{
    return call->work->ctx;
}

/* ---- one call --------------------------------------------------------------------------------------------------- */

int rest_answer(struct api_call *call, const struct api_route *route, struct err *err)
{
    call->is_named = call->who != NULL;
    call->is_admin = call->is_named && call->who->role == ROLE_ADMIN;
    call->is_approver = call->is_named && call->who->role >= ROLE_APPROVER;
    unsigned flags = rest_of(route)->flags;
    if ((flags & REST_NAMED) != 0 && call->who == NULL) {
        return err_set(err, ERR_DENIED, "who asks is not known, and this is for people: log in with a name and a "
                                        "password or a token ('sluice users create' makes the first)");
    }
    if ((flags & REST_COMMANDS) != 0) {
        int known = idempotency_begin(call, route, (flags & REST_APART) != 0, err);
        if (known != 0) {
            return known < 0 ? -1 : 0;
        }
    }
    if ((flags & REST_APART) != 0) {
        set_aside(call, route);
        return 0;
    }
    return (flags & REST_COMMANDS) != 0 ? obey(call, route, route->answer, err) : route->answer(call, err);
}

const char *rest_model_name(const struct api_call *call)
{
    return json_get_text(&call->params, "name", "");
}

size_t rest_limit(const struct api_call *call)
{
    return (size_t)json_get_int(&call->params, "limit", 100);
}

int64_t rest_id(const struct api_call *call, const char *name)
{
    int64_t id = 0;
    (void)parse_int(str_from(json_get_text(&call->params, name, "")), 0, INT64_MAX, &id, NULL);
    return id;
}

int64_t rest_page_id(const struct api_call *call)
{
    return rest_id(call, "page_token");
}
