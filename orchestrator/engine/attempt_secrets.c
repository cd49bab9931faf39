/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attempt_secrets.h"

#include "base/mask.h"

#include <stdlib.h>

/* ---- looking them up --------------------------------------------------------------------------------------------- */

struct reading {
    struct engine *engine;
    const struct live_attempt *attempt;
    bool ahead;
    struct arena *arena;
    struct json secrets;
    struct err *err;
    bool failed;
    bool later; /* one of them is not known yet */
};

static void read_one(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct reading *r = ctx;
    (void)at;
    if (!str_is(root, "secrets") || count == 0 || r->failed || json_get_str(&r->secrets, members[0]) != NULL) {
        return;
    }
    const struct engine_options *options = &r->engine->options;
    struct str value = {0};
    if (r->ahead) {
        r->failed = true;
        (void)err_set(r->err, ERR_STATE, "a secret is looked up when the step begins");
        return;
    }
    if (options->secret == NULL) {
        r->failed = true;
        (void)err_set(r->err, ERR_INPUT, "secret '%.*s': this home has no secrets (config.yaml, key 'secrets')",
                      STR_ARG(members[0]));
        return;
    }
    int result = options->secret(options->secret_ctx, r->attempt->row.id, members[0], r->attempt->open->row.pipeline,
                                 r->arena, &value, r->err);
    r->failed = result < 0;
    r->later = r->later || result > 0;
    if (result == 0) {
        json_set(r->arena, &r->secrets, arena_str(r->arena, members[0]).p, json_string(r->arena, value));
    }
}

int attempt_secrets_read(struct engine *engine, const struct live_attempt *attempt, bool ahead, struct arena *arena,
                         struct json *ret, struct err *err)
{
    struct open_run *open = attempt->open;
    struct reading r = {.engine = engine,
                        .attempt = attempt,
                        .ahead = ahead,
                        .arena = arena,
                        .secrets = json_object(),
                        .err = err};
    struct expr_visitor visitor = {.ctx = &r, .path = read_one};
    pipeline_walk_secrets(open->pipeline, run_step_at(open->run, attempt->place), &visitor);
    *ret = r.secrets;
    return r.failed ? -1 : r.later ? 1 : 0;
}

/* ---- keeping them ------------------------------------------------------------------------------------------------ */

void attempt_secrets_wipe(struct live_attempt *attempt)
{
    if (attempt->secrets_arena != NULL) {
        json_wipe(&attempt->secrets);
        arena_free(attempt->secrets_arena);
    }
    mask_free(attempt->mask);
    attempt->secrets_known = false;
    attempt->secrets_arena = NULL;
    attempt->mask = NULL;
}

void attempt_secrets_keep(struct live_attempt *attempt, const struct json *secrets)
{
    attempt_secrets_wipe(attempt);
    attempt->secrets_known = true;
    if (secrets->u.object.count > 0) {
        attempt->secrets_arena = arena_new();
        attempt->secrets = json_copy(attempt->secrets_arena, secrets);
    }
}

void attempt_secrets_told(struct live_attempt *attempt, const struct json *secrets)
{
    if (!attempt->secrets_known && secrets != NULL && secrets->type == JSON_OBJECT) {
        attempt_secrets_keep(attempt, secrets);
    }
}

/* ---- hiding them ------------------------------------------------------------------------------------------------- */

/* Its runner is asked what it has, which says what the step was given; an older one does not. */
static bool is_to_be_told(struct engine *engine, const struct live_attempt *attempt)
{
    const struct runner_link *link = link_find(engine, attempt->row.runner);
    return link != NULL && !link->listed;
}

/* After a restart, with a runner that does not tell: as they are now. 1: not yet. */
static int look_up(struct engine *engine, struct live_attempt *attempt, struct err *err)
{
    struct arena *arena = arena_new();
    struct json secrets;
    int result = attempt_secrets_read(engine, attempt, false, arena, &secrets, err);
    bool is_known = result == 0;
    if (is_known) {
        attempt_secrets_keep(attempt, &secrets);
    }
    json_wipe(&secrets);
    arena_free(arena);
    attempt->looks = result > 0;
    if (result <= 0 && !attempt->asks) {
        attempt_forget_secrets(engine, attempt);
    }
    return result;
}

int attempt_secrets_mask(struct engine *engine, struct live_attempt *attempt, const struct mask **ret,
                         struct err *err)
{
    struct err wrong = {0};
    if (!attempt->secrets_known && is_to_be_told(engine, attempt)) {
        return err_set(err, ERR_BUSY, "what is secret in this cannot be hidden yet: its runner has not said it");
    }
    int known = attempt->secrets_known ? 0 : look_up(engine, attempt, &wrong);
    if (known != 0) {
        return err_set(err, ERR_BUSY, "what is secret in this cannot be hidden yet: %s",
                       known < 0 ? wrong.message : "a command that tells a secret of the step has not ended");
    }
    if (attempt->mask == NULL && attempt->secrets_arena != NULL) {
        attempt->mask = mask_new(&attempt->secrets);
    }
    *ret = attempt->mask;
    return 0;
}

void attempt_secrets_look(struct engine *engine, struct live_attempt *attempt)
{
    struct err ignored = {0};
    (void)look_up(engine, attempt, &ignored);
}
