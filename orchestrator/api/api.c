/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_internal.h"

#include "api/answers.h"
#include "api/hooks.h"
#include "api/link_page.h"
#include "api/noting.h"
#include "api/sluice/rest.h"
#include "api/step_rights.h"
#include "api/user_rights.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/percent.h"
#include "store/run_writes.h"

#include <stdlib.h>

/* What is answered in one turn, and so in one transaction; more waits for the next, since steps that run wait, too. */
enum { TURN_MAX = 256, TURN_MS = 50, GRAIN_MS_MAX = 60000 };
/* Of a body: each is some 80 bytes of memory, and the largest batch that clients send has some thousands. */
enum { VALUES_MAX = 1 << 20 };

int api_open(const struct api_options *options, struct api **ret_api, struct err *err)
{
    struct api *api = mem_alloc(sizeof *api);
    *api = (struct api){.options = *options, .files = {.root = -1, .incoming = -1}};
    rng_seed_from_system(&api->rng);
    api->arena = arena_new();
    api->router = router_new(api->arena);
    if (router_check(api_routes, api_plains, err) < 0 || files_open(options->home, &api->files, err) < 0 ||
        file_worker_open(&api->worker, err) < 0 || apart_open(options->home, options->store, &api->apart, err) < 0 ||
        login_open(options->store, options->default_permission, &api->login, err) < 0) {
        api_close(api);
        return -1;
    }
    api->links = throttle_new(&link_page_tries);
    auth_set_groups(login_auth(api->login), options->groups, options->group_roles);
    api->hooks = options->hooks == NULL ? NULL : hook_door_new(options->hooks);
    *ret_api = api;
    return 0;
}

void api_reconfigure(struct api *api, const struct api_options *from)
{
    api->options.reap_after_ms = from->reap_after_ms;
    api->options.webhooks = from->webhooks;
    api->options.default_permission = from->default_permission;
    api->options.external_url = from->external_url;
    api->options.groups = from->groups;
    api->options.group_roles = from->group_roles;
    auth_set_default(login_auth(api->login), from->default_permission);
    auth_set_groups(login_auth(api->login), from->groups, from->group_roles);
}

/* The next job that is done and that somebody waits for. */
static struct api_job *take_job(struct api *api)
{
    struct file_job *done = NULL;
    while ((done = file_worker_take(api->worker)) != NULL || (done = apart_take(api->apart)) != NULL ||
           (api->login != NULL && (done = login_take(api->login)) != NULL)) {
        struct api_job *job = (struct api_job *)done; /* its first member */
        job->given = false;
        if (job->exchange != NULL) {
            return job;
        }
        job->drop(job);
    }
    return NULL;
}

void api_disown_job(void *owner)
{
    struct api_job *job = owner;
    job->exchange = NULL;
    if (!job->given) {
        job->drop(job);
    }
}

void api_stop(struct api *api)
{
    if (api == NULL || api->worker == NULL) {
        return;
    }
    file_worker_stop(api->worker);
    if (api->apart != NULL) {
        apart_stop(api->apart);
    }
    while (take_job(api) != NULL) {
    }
    file_worker_close(api->worker);
    login_close(api->login);
    apart_close(api->apart);
    api->worker = NULL;
    api->apart = NULL;
    api->login = NULL;
}

void api_close(struct api *api)
{
    if (api != NULL) {
        api_stop(api);
        upload_sweep_end(&api->uploads);
        files_close(&api->files);
        hook_door_free(api->hooks);
        throttle_free(api->links);
        arena_free(api->arena);
        free(api);
    }
}

int api_fd(const struct api *api)
{
    return file_worker_fd(api->worker);
}

int api_login_fd(const struct api *api)
{
    return login_fd(api->login);
}

int api_apart_fd(const struct api *api)
{
    return apart_fd(api->apart);
}

int api_wait_ms(const struct api *api)
{
    int streams_ms = streams_wait_ms(&api->streams);
    int uploads_ms = upload_sweep_wait_ms(&api->uploads);
    return streams_ms >= 0 && streams_ms < uploads_ms ? streams_ms : uploads_ms;
}

void api_leave(struct api *api)
{
    streams_end(&api->streams);
}

const struct api_options *api_options_of(const struct api *api)
{
    return &api->options;
}

struct apart *api_apart(const struct api *api)
{
    return api->apart;
}

struct idempotency_key **api_keys(struct api *api)
{
    return &api->keys;
}

struct streams *api_streams(struct api *api)
{
    return &api->streams;
}

bool api_asks_who(struct api *api)
{
    return auth_is_on(login_auth(api->login));
}

int api_give_hash_job(struct api_call *call, struct api_job *job, struct err *err)
{
    if (login_give(call->api->login, &job->file, err) < 0) {
        return -1;
    }
    call->later = job->exchange != NULL;
    job->given = true;
    return 0;
}

bool api_may_try(struct api_call *call, const char *user)
{
    return login_may_try(call->api->login, call->exchange, user);
}

void api_tried_well(struct api_call *call, const char *user)
{
    login_tried_well(call->api->login, call->exchange, user);
}

void api_give_job(struct api_call *call, struct api_job *job)
{
    call->later = job->exchange != NULL;
    job->given = true;
    file_worker_give(call->api->worker, &job->file);
}

int api_wrote_run(struct api_call *call, const char *run_id, struct err *err)
{
    int64_t after_ms = call->api->options.reap_after_ms;
    int64_t grain_ms = after_ms / 10 < GRAIN_MS_MAX ? after_ms / 10 : GRAIN_MS_MAX;
    return after_ms == 0 || call->step != NULL ? 0 : store_run_wrote(call->store, run_id, call->now_ms, grain_ms, err);
}

const struct api_watch *api_watch(const struct api *api)
{
    return api->options.watch;
}

const struct webhook_rules *api_webhook_rules(const struct api *api)
{
    return &api->options.webhooks;
}

int api_seal_webhook(struct api_call *call, const char *webhook_id, const char *secret, struct str *ret_sealed,
                     const char **ret_key_id, struct err *err)
{
    const struct api_options *options = &call->api->options;
    return options->seal_webhook(options->seal_ctx, webhook_id, str_from(secret), call->arena, ret_sealed, ret_key_id,
                                 err);
}

struct delivery_waits *api_delivery_waits(struct api *api)
{
    return &api->waits;
}

struct hook_door *api_hook_door(const struct api *api)
{
    return api->hooks;
}

/* ---- one request ------------------------------------------------------------------------------------------------ */

/* A query, by the types of the fields: what comes several times is a list. */
static int read_query(const struct api_route *route, struct api_call *call, struct json *ret, struct err *err)
{
    struct str rest = call->exchange->query;
    struct str name, value;
    bool bad = false;
    *ret = json_object();
    while (percent_pair_next(&rest, call->arena, &name, &value, &bad)) {
        const struct api_field *field = route->fields;
        while (field != NULL && field->name != NULL && !str_is(name, field->name)) {
            field++;
        }
        struct json text = json_string(call->arena, value);
        if (field == NULL || field->name == NULL || field->type != API_TEXTS) {
            json_set(call->arena, ret, arena_str(call->arena, name).p, text);
            continue;
        }
        const struct json *there = json_get(ret, field->name);
        struct json list = there == NULL ? json_array() : *there;
        json_push(call->arena, &list, text);
        json_set(call->arena, ret, field->name, list);
    }
    return bad ? err_set(err, ERR_INPUT, "The query string cannot be decoded.") : 0;
}

/* Old clients sent JSON within a JSON text. The values are views of the body. What is secret is hidden before anything
 * looks at it. */
int api_read_body(struct api_call *call, struct json *ret, struct err *err)
{
    static const struct json_limits limits = {.values = VALUES_MAX, .in_place = true};
    struct str text = str_trim(strbuf_str(&call->exchange->body));
    *ret = json_object();
    if (text.n == 0) {
        return 0;
    }
    if (json_read_metrics(text, limits, call->arena, ret, err) < 0 ||
        (ret->type == JSON_STRING && json_read_metrics(ret->u.string, limits, call->arena, ret, err) < 0)) {
        return err_add(err, "The body is no JSON");
    }
    if (ret->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "The body is %s: expected a JSON object", json_type_name(ret->type));
    }
    if (call->step != NULL && call->step->mask != NULL) {
        *ret = mask_json(call->step->mask, call->arena, ret);
    }
    return 0;
}

static int check_params(struct api_call *call, const struct api_route *route, const struct json *raw,
                        struct err *err)
{
    static const struct api_field none[] = {{0}};
    return params_read(route->fields == NULL ? none : route->fields, raw, call->arena, &call->params, err);
}

static int read_params(struct api_call *call, const struct api_match *match, struct err *err)
{
    struct json raw;
    if (match->route->versions == API_SLUICE) {
        return rest_read(call, match->route, &match->names, err);
    }
    bool is_get = call->exchange->method == HTTP_GET || call->exchange->method == HTTP_HEAD;
    bool query = is_get && call->exchange->query.n > 0;
    if ((query ? read_query(match->route, call, &raw, err) : api_read_body(call, &raw, err)) < 0) {
        return -1;
    }
    for (size_t i = 0; i < match->names.u.object.count; i++) {
        const struct json_member *name = &match->names.u.object.members[i];
        json_set(call->arena, &raw, name->key.p, name->value);
    }
    return check_params(call, match->route, &raw, err);
}

static int check_right(struct api_call *call, const struct api_route *route, struct err *err)
{
    if (call->step == NULL) {
        return user_check(call, &route->needs, err);
    }
    bool rules = route->needs.object == API_OF_USER || route->needs.object == API_OF_ADMIN;
    return step_check(call, rules ? API_WRITES : route->act, err);
}

void api_voted(struct api_call *call)
{
    if (call->api->options.voted != NULL) {
        call->api->options.voted(call->api->options.ctx);
    }
}

int api_ask(struct api_call *call, enum http_method method, const char *path, const struct json *raw, struct json *ret,
            struct err *err)
{
    const struct api_route *route = router_route(call->api->router, method, path);
    struct api_call inner = *call;
    inner.params = inner.answer = json_object();
    inner.whole = true;
    if (route == NULL) {
        return err_set(err, ERR_INTERNAL, "there is no route '%s'", path);
    }
    int result = check_params(&inner, route, raw, err) < 0 || check_right(&inner, route, err) < 0
                     ? -1
                     : route->answer(&inner, err);
    if (result == 0 && inner.written.data != NULL) {
        result = json_read(strbuf_str(&inner.written), (struct json_limits){0}, call->arena, &inner.answer, err);
    }
    strbuf_clear(&inner.written);
    *ret = result == 0 ? inner.answer : *ret;
    return result;
}

/* What became of one that has been answered, until the transaction is committed. */
struct outcome {
    struct http_exchange *exchange;
    struct api_job *job; /* that is done, and is to be finished; NULL: the request is new */
    struct json answer;
    struct strbuf written;
    struct err wrong;
    int status, status_of_input; /* 0: 200 */
    bool writes;
    bool commands; /* it is asked of the engine, which has a transaction of its own */
    bool later;
};

/* With its entry in the activity log (NULL: none is due). */
static int answer_in_savepoint(struct api_call *call, int (*answer)(struct api_call *call, struct err *err),
                               const struct api_note *note, struct err *err)
{
    if (store_savepoint(call->store, err) < 0) {
        return -1;
    }
    if (answer(call, err) < 0 || noting_write(call, note, err) < 0) {
        store_savepoint_back(call->store);
        return -1;
    }
    return store_savepoint_release(call->store, err);
}

/* He may have been an admin when it began: roles are those of now, also at the end of a long upload. */
static bool has_role_still(const struct api_call *call, const struct api_match *match, struct err *err)
{
    const struct api_need *needs = match->route != NULL ? &match->route->needs : &match->plain->needs;
    bool open = match->plain != NULL && match->plain->open;
    return open || call->step != NULL || user_check_scope(call, needs, err) == 0;
}

static int answer_one(struct api *api, struct outcome *outcome)
{
    struct api_call call = api_call_of(api, outcome->exchange);
    struct api_match *match = outcome->exchange->found;
    struct err *err = &outcome->wrong;
    outcome->status_of_input = 400;
    if (!api_is_still_in(&call, match)) {
        outcome->later = true;
        return -1;
    }
    *err = outcome->job != NULL ? outcome->job->file.err : (struct err){0};
    if (err->code == ERR_NONE && !has_role_still(&call, match, err)) {
        return -1;
    }
    if (outcome->job != NULL) {
        outcome->status_of_input = answers_are_rest(outcome->exchange) ? 422 : 400;
    } else if (match->route != NULL &&
               (read_params(&call, match, err) < 0 || check_right(&call, match->route, err) < 0)) {
        return -1;
    }
    int (*answer)(struct api_call *, struct err *) = match->plain != NULL ? match->plain->answer : match->route->answer;
    bool rest = match->route != NULL && match->route->versions == API_SLUICE && outcome->job == NULL;
    answer = outcome->job != NULL ? outcome->job->finish : answer;
    /* What is set aside is noted when that is done: what it waits for is taken to be done. */
    const struct api_note *note = outcome->job != NULL    ? NULL
                                  : match->route != NULL ? &match->route->note
                                                         : &match->plain->note;
    noting_begin(call.store, outcome->writes ? &call : NULL);
    int result = rest              ? rest_answer(&call, match->route, err)
                 : outcome->writes ? answer_in_savepoint(&call, answer, note, err)
                                   : answer(&call, err);
    noting_begin(call.store, NULL);
    outcome->answer = call.answer;
    outcome->written = call.written;
    /* What fits the tables, and still cannot be done. */
    outcome->status_of_input = answers_are_rest(outcome->exchange) && call.status != 400 ? 422 : 400;
    outcome->later = call.later;
    outcome->status = call.status;
    if (result == 0 && match->route != NULL && match->route->act == API_WRITES_RUN) {
        result = api_wrote_run(&call, param_text(&call.params, "run_id"), err);
    }
    if (result == 0 && outcome->writes && call.step != NULL) {
        api->options.step_recorded(api->options.ctx, call.step->attempt);
    }
    return result == 0 || err->code != ERR_NONE ? result : err_set(err, ERR_INTERNAL, "the request failed in silence");
}

/* ---- a turn ----------------------------------------------------------------------------------------------------- */

static bool writes(const struct http_exchange *exchange)
{
    const struct api_match *match = exchange->found;
    return match->plain != NULL ? match->plain->writes
                                : match->route->act != API_READS && match->route->versions != API_SLUICE;
}

static bool is_command(const struct http_exchange *exchange, const struct api_job *job)
{
    const struct api_match *match = exchange->found;
    if (job == NULL && match->plain != NULL) {
        return match->plain->commands;
    }
    return job != NULL ? job->commands
                       : match->route != NULL && match->route->versions == API_SLUICE && rest_is_command(match->route);
}

static void send_outcomes(struct outcome *outcomes, size_t count, const struct err *failed)
{
    for (size_t i = 0; i < count; i++) {
        struct outcome *outcome = &outcomes[i];
        if (outcome->later) {
            strbuf_clear(&outcome->written);
            continue;
        }
        if (failed->code != ERR_NONE && outcome->writes) {
            answer_error(outcome->exchange, failed);
        } else if (outcome->wrong.code != ERR_NONE) {
            answer_error_as(outcome->exchange, &outcome->wrong, outcome->status_of_input);
        } else if (outcome->written.data != NULL) {
            answer_written(outcome->exchange, &outcome->written);
        } else {
            /* Nothing, if it has answered by itself. */
            answer_json(outcome->exchange, outcome->status == 0 ? 200 : outcome->status, &outcome->answer);
        }
        strbuf_clear(&outcome->written);
    }
}

/* What is to be answered next: what was set aside and can go on, and then what has come. */
static bool next_outcome(struct api *api, struct http_server *server, struct outcome *ret)
{
    struct api_job *job = take_job(api);
    job = job != NULL ? job : delivery_waits_take(&api->waits, api->options.store);
    job = job != NULL ? job : hook_door_take(api->hooks);
    struct http_exchange *exchange = job != NULL ? job->exchange : http_server_take(server);
    if (exchange != NULL) {
        bool commands = is_command(exchange, job);
        bool reads = commands || (job != NULL ? job->reads : !writes(exchange));
        *ret = (struct outcome){.exchange = exchange, .job = job, .writes = !reads, .commands = commands};
    }
    return exchange != NULL;
}

/* When tokens were last used, and what was refused, is worth a transaction of its own once a minute. */
static bool keep_notes(struct api *api, bool begun, struct err *failed)
{
    if (!begun && store_begin(api->options.store, failed) < 0) {
        return false;
    }
    struct err wrong = {0};
    if (auth_has_uses(login_auth(api->login)) && auth_keep_uses(login_auth(api->login), &wrong) < 0) {
        log_error("api", "when tokens were used could not be recorded: %s", wrong.message);
    }
    if (refusals_record(&api->refusals, api->options.store, clock_monotonic_ms(&clock_system),
                        clock_wall_ms(&clock_system), &wrong) < 0) {
        log_error("api", "that calls were refused could not be recorded: %s", wrong.message);
    }
    return true;
}

static bool has_notes(const struct api *api)
{
    return auth_has_uses(login_auth(api->login)) ||
           refusals_are_due(&api->refusals, clock_monotonic_ms(&clock_system));
}

static void sweep_uploads(struct api *api)
{
    struct api_call call = {
        .api = api, .rng = &api->rng, .files = &api->files, .now_ms = clock_wall_ms(&clock_system)};
    upload_sweep_look(&api->uploads, &call);
}

bool api_serve(struct api *api, struct http_server *server, struct err *err)
{
    struct outcome outcomes[TURN_MAX];
    struct err failed = {0};
    struct store *store = api->options.store;
    size_t count = 0;
    bool begun = false;
    int64_t until_ms = clock_monotonic_ms(&clock_system) + TURN_MS;
    streams_go_on(&api->streams);
    while (count < TURN_MAX && (count == 0 || clock_monotonic_ms(&clock_system) < until_ms) &&
           next_outcome(api, server, &outcomes[count])) {
        struct outcome *outcome = &outcomes[count++];
        if (outcome->writes && !begun && failed.code == ERR_NONE) {
            store_read_end(store);
            begun = store_begin(store, &failed) == 0;
        }
        if (!begun) {
            (void)store_read_begin(store, &outcome->wrong);
        }
        if (!outcome->commands && (!outcome->writes || begun)) {
            (void)answer_one(api, outcome);
        }
    }
    store_read_end(store);
    if (failed.code == ERR_NONE && has_notes(api)) {
        begun = keep_notes(api, begun, &failed);
    }
    if (begun && store_commit(store, &failed) < 0) {
        log_error("api", "what was asked could not be recorded: %s", failed.message);
    }
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].commands) {
            (void)answer_one(api, &outcomes[i]);
        }
    }
    send_outcomes(outcomes, count, &failed);
    sweep_uploads(api);
    if (begun) {
        store_tidy(store);
    }
    bool passes = failed.code == ERR_NONE || failed.code == ERR_LIMIT || failed.code == ERR_BUSY;
    if (!passes) {
        *err = failed;
    }
    return passes;
}
