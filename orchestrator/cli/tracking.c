/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tracking.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "cli/git_head.h"
#include "cli/session.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARE = 1 }; /* there may be several ports, and what `sluice serve` listens at beside them */

/* A runner's port. */
struct port {
    int number;
    int listener;             /* until the first client comes; -1: the server has it */
    struct http_server *http; /* NULL: nobody has come */
    bool watched;
};

struct tracking {
    struct session *session;
    struct api *api; /* NULL: nobody has come */
    struct api_door door;
    struct {
        VEC_OF(struct port)
    } ports;
};

struct tracking *tracking_new(struct session *session)
{
    struct tracking *tracking = mem_alloc(sizeof *tracking);
    *tracking = (struct tracking){.session = session, .door.for_steps = true};
    return tracking;
}

/* The runner has the listener open, too: closing ours would not end the engine's watch of it. */
static void close_listener(struct tracking *tracking, struct port *port)
{
    if (port->listener >= 0 && port->watched) {
        engine_unwatch(tracking->session->engine, port->listener);
    }
    if (port->listener >= 0) {
        (void)close(port->listener);
    }
    port->listener = -1;
}

void tracking_free(struct tracking *tracking)
{
    if (tracking == NULL) {
        return;
    }
    api_stop(tracking->api);
    for (size_t i = 0; i < tracking->ports.count; i++) {
        close_listener(tracking, &tracking->ports.items[i]);
        http_server_close(tracking->ports.items[i].http);
    }
    api_close(tracking->api);
    vec_clear(&tracking->ports);
    free(tracking);
}

static struct port *port_find(struct tracking *tracking, int number)
{
    for (size_t i = 0; i < tracking->ports.count; i++) {
        if (tracking->ports.items[i].number == number) {
            return &tracking->ports.items[i];
        }
    }
    return NULL;
}

void tracking_take(void *ctx, int number, int take_fd)
{
    struct tracking *tracking = ctx;
    struct port port = {.number = number, .listener = take_fd};
    if (port_find(tracking, number) == NULL) {
        vec_push(&tracking->ports, port);
    } else {
        (void)close(take_fd);
    }
}

void tracking_drop(void *ctx, int number)
{
    struct tracking *tracking = ctx;
    struct port *port = port_find(tracking, number);
    if (port != NULL) {
        close_listener(tracking, port);
        http_server_close(port->http);
        *port = tracking->ports.items[--tracking->ports.count];
    }
}

/* ---- who asks --------------------------------------------------------------------------------------------------- */

static int step_of_token(void *ctx, struct str token, struct api_step *ret, struct err *err)
{
    struct tracking *tracking = ctx;
    struct engine_step step;
    if (engine_step_of_token(tracking->session->engine, token, &step, err) < 0) {
        return -1;
    }
    *ret = (struct api_step){
        .attempt = step.attempt,
        .run_id = step.run_id,
        .experiment_id = step.experiment_id,
        .adopts = step.step->tracking == TRACKING_ADOPT,
        .registers = step.step->register_names,
        .register_count = step.step->register_count,
        .matrix = step.matrix,
        .step = step.step->id,
        .row = step.row,
        .mask = step.mask,
    };
    return 0;
}

static void step_recorded(void *ctx, int64_t attempt)
{
    struct tracking *tracking = ctx;
    engine_step_recorded(tracking->session->engine, attempt);
}

static struct json git_of(const char *workspace, struct arena *arena)
{
    return git_head(git_root(workspace, arena), arena);
}

static void voted(void *ctx)
{
    struct tracking *tracking = ctx;
    engine_look_at_votes(tracking->session->engine);
}

/* What config.yaml says may be replaced while a thread looks at it: this copy of its head is not. */
static const struct json *kept(const struct session *session, const struct json *value)
{
    struct json *copy = arena_one(session->cli->arena, struct json);
    *copy = *value;
    return copy;
}

static struct api_options options_of(struct tracking *tracking)
{
    struct session *session = tracking->session;
    return (struct api_options){
        .store = session->home.store,
        .home = session->home.path,
        .step_of_token = step_of_token,
        .step_recorded = step_recorded,
        .voted = voted,
        .ctx = tracking,
        .reap_after_ms = session->options.stays ? session->config.reap_after_ms : 0,
        .webhooks = session_webhook_rules(session),
        .seal_webhook = secret_source_seal_webhook,
        .seal_ctx = &session->secrets,
        .default_permission = session->config.default_permission,
        .external_url = session->config.external_url,
        .hooks = session->hooks,
        .triggers = session->triggers,
        .watch = session->watch,
        .engine = session->engine,
        .plugin_folders = session_plugin_folders(session->cli),
        .groups = kept(session, &session->config.groups),
        .group_roles = kept(session, &session->config.group_roles),
        .git = git_of,
    };
}

void tracking_reconfigure(struct tracking *tracking)
{
    struct api_options options = options_of(tracking);
    if (tracking->api != NULL) {
        api_reconfigure(tracking->api, &options);
    }
}

struct api *tracking_api(struct tracking *tracking, struct err *err)
{
    struct session *session = tracking->session;
    struct api_options options = options_of(tracking);
    if (tracking->api == NULL && (api_open(&options, &tracking->api, err) < 0 ||
                                  engine_watch(session->engine, api_fd(tracking->api), err) < 0 ||
                                  engine_watch(session->engine, api_login_fd(tracking->api), err) < 0 ||
                                  engine_watch(session->engine, api_apart_fd(tracking->api), err) < 0)) {
        return NULL;
    }
    tracking->door.api = tracking->api;
    return tracking->api;
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static bool has_visitor(const struct port *port)
{
    struct pollfd fd = {.fd = port->listener, .events = POLLIN};
    return port->listener >= 0 && poll(&fd, 1, 0) > 0;
}

/* A port that cannot be served is given up: its clients wait for the next sluice. */
static void open_port(struct tracking *tracking, struct port *port)
{
    struct err err = {0};
    struct http_options options = {
        .listener = port->listener, .head = api_head, .ctx = &tracking->door, .fd_share = SHARE};
    if (tracking_api(tracking, &err) == NULL) {
        close_listener(tracking, port);
        log_error("tracking", "the MLflow clients of steps cannot be answered: %s", err.message);
        return;
    }
    engine_unwatch(tracking->session->engine, port->listener);
    port->listener = -1;
    if (http_server_open(&options, &port->http, &err) == 0) {
        (void)engine_watch(tracking->session->engine, http_server_fd(port->http), &err);
    }
    if (err.code != ERR_NONE) {
        log_error("tracking", "the MLflow clients of steps cannot be answered: %s", err.message);
    }
}

int tracking_wait_ms(struct tracking *tracking, int timeout_ms)
{
    for (size_t i = 0; i < tracking->ports.count; i++) {
        struct port *port = &tracking->ports.items[i];
        if (!port->watched) {
            struct err err = {0};
            port->watched = port->listener < 0 || engine_watch(tracking->session->engine, port->listener, &err) == 0;
        }
        int wait_ms = port->http == NULL ? -1 : http_server_wait_ms(port->http);
        timeout_ms = wait_ms >= 0 && (timeout_ms < 0 || wait_ms < timeout_ms) ? wait_ms : timeout_ms;
    }
    return timeout_ms;
}

/* A chain of quick steps is to pay nothing for what nobody asks. */
static bool has_to_run(const struct tracking *tracking, const struct port *port)
{
    return port->http != NULL &&
           (engine_was_woken(tracking->session->engine) || http_server_wait_ms(port->http) == 0);
}

int tracking_serve(struct tracking *tracking, struct err *err)
{
    for (size_t i = 0; i < tracking->ports.count; i++) {
        struct port *port = &tracking->ports.items[i];
        if (engine_was_woken(tracking->session->engine) && has_visitor(port)) {
            open_port(tracking, port);
        }
        if (has_to_run(tracking, port)) {
            http_server_run(port->http);
            bool good = api_serve(tracking->api, port->http, err);
            http_server_send(port->http);
            if (!good) {
                return -1;
            }
        }
    }
    return 0;
}
