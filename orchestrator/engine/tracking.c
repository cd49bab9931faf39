/* SPDX-License-Identifier: Apache-2.0
 * The MLflow clients of steps: where they are told to go, and who they are when they come.
 *
 * A step gets an address and a token in its environment. The address is its runner's, which stays when an engine goes
 * (runner/tracking_port.h). The token dies in the transaction that ends the attempt.
 */
#include "engine/tracking.h"

#include "engine/attempt_secrets.h"
#include "engine/heirs.h"
#include "store/step_token.h"

#include <unistd.h>

/* ---- the port of a runner --------------------------------------------------------------------------------------- */

/* A socket that has not come along (we have too many descriptors open) is one where nobody would answer steps. */
void tracking_take_port(struct engine *engine, struct runner_link *link, const struct json *message)
{
    int fd = message_take_fd(&link->stream);
    int64_t port = json_get_int(message, "tracking_port", 0);
    if (fd < 0) {
        return;
    }
    if (engine->options.tracking == NULL || port < 1 || port > UINT16_MAX) {
        (void)close(fd);
        return;
    }
    link->tracking_port = (int)port;
    engine->options.tracking(engine->options.tracking_ctx, link->tracking_port, fd);
}

void tracking_drop_port(struct engine *engine, const struct runner_link *link)
{
    if (link->tracking_port != 0) {
        engine->options.tracking_gone(engine->options.tracking_ctx, link->tracking_port);
    }
}

/* ---- what a step is told ---------------------------------------------------------------------------------------- */

static bool is_given(const struct json *env, const char *name)
{
    return json_get(env, name) != NULL;
}

/* Proxies are for elsewhere. */
static void pass_by_proxies(struct engine *engine, struct json *env)
{
    static const char *const names[] = {"NO_PROXY", "no_proxy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *was = json_get_text(env, names[i], "");
        const char *now =
            *was == '\0' ? "127.0.0.1,localhost" : arena_printf(engine->turn, "%s,127.0.0.1,localhost", was);
        json_set(engine->turn, env, names[i], json_cstring(engine->turn, now));
    }
}

void tracking_environment(struct engine *engine, const struct live_attempt *attempt, const struct step *step,
                          struct json *env)
{
    const struct runner_link *link = link_find(engine, attempt->row.runner);
    char token[STEP_TOKEN_ROOM];
    if (step->kind != STEP_KIND_RUN || link == NULL || link->tracking_port == 0 || step->tracking == TRACKING_OFF ||
        is_given(env, "MLFLOW_TRACKING_URI")) {
        return;
    }
    store_step_token(engine->options.store, attempt->row.id, attempt->row.mark, token);
    if (token[0] == '\0') {
        return;
    }
    struct arena *arena = engine->turn;
    const char *experiment = arena_printf(arena, "%lld", (long long)attempt->open->row.experiment_id);
    json_set(arena, env, "MLFLOW_TRACKING_URI",
             json_cstring(arena, arena_printf(arena, "http://127.0.0.1:%d", link->tracking_port)));
    json_set(arena, env, "MLFLOW_TRACKING_TOKEN", json_cstring(arena, token));
    if (!is_given(env, "MLFLOW_EXPERIMENT_ID") && !is_given(env, "MLFLOW_EXPERIMENT_NAME")) {
        json_set(arena, env, "MLFLOW_EXPERIMENT_ID", json_cstring(arena, experiment));
    }
    if (step->tracking == TRACKING_RESUME) {
        json_set(arena, env, "MLFLOW_RUN_ID", json_cstring(arena, attempt->row.step_run_id));
    }
    pass_by_proxies(engine, env);
}

/* In a time that says nothing of where they differ. */
static bool same_text(struct str token, const char *expected)
{
    unsigned char differs = token.n != strlen(expected);
    for (size_t i = 0; i < token.n && expected[i] != '\0'; i++) {
        differs |= (unsigned char)token.p[i] ^ (unsigned char)expected[i];
    }
    return differs == 0;
}

int engine_step_of_token(struct engine *engine, struct str token, struct engine_step *ret, struct err *err)
{
    int64_t id = step_token_attempt(token);
    struct live_attempt *attempt = id < 0 ? NULL : attempt_find(engine, id);
    const struct mask *mask = NULL;
    if (attempt == NULL && id > 0 && heirs_have(engine, id)) {
        return err_set(err, ERR_BUSY, "the step has only just begun: try again");
    }
    char expected[STEP_TOKEN_ROOM] = "";
    if (attempt != NULL && attempt->row.ended_ms == 0) {
        store_step_token(engine->options.store, id, attempt->row.mark, expected);
    }
    if (expected[0] == '\0' || !same_text(token, expected)) {
        return err_set(err, ERR_DENIED, "expected the token of a step that runs");
    }
    if (attempt_secrets_mask(engine, attempt, &mask, err) < 0) {
        return -1;
    }
    *ret = (struct engine_step){
        .attempt = id,
        .run_id = attempt->row.step_run_id,
        .experiment_id = attempt->open->row.experiment_id,
        .step = run_step_at(attempt->open->run, attempt->place),
        .matrix = &run_item_at(attempt->open->run, attempt->place)->matrix,
        .row = &attempt->open->row,
        .mask = mask,
    };
    return 0;
}

void engine_step_recorded(struct engine *engine, int64_t attempt)
{
    struct live_attempt *live = attempt_find(engine, attempt);
    if (live != NULL) {
        live->has_recorded = true;
    }
}
