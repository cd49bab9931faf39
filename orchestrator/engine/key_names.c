/* SPDX-License-Identifier: Apache-2.0
 * What the expressions of a step name, and the values that these have where nothing counts but content.
 */
#include "engine/keying.h"

#include "engine/file_digest.h"

/* ---- contexts: what expressions see here ------------------------------------------------------------------------- */

/* The path of an artifact is that of one run; what counts is what lies there. */
static struct json digested(struct keying *k, const struct json *value)
{
    if (value->type == JSON_STRING) {
        struct digest digest;
        if (k->failed ||
            file_digest(k->engine->options.store, value->u.string.p, engine_now(k->engine), &digest, k->err) < 0) {
            k->failed = true;
            return json_null();
        }
        return json_cstring(k->arena, keying_digest_text(k->arena, digest.hex));
    }
    struct json copy = value->type == JSON_OBJECT ? json_object() : value->type == JSON_ARRAY ? json_array() : *value;
    for (size_t i = 0; value->type == JSON_OBJECT && i < value->u.object.count; i++) {
        json_add(k->arena, &copy, value->u.object.members[i].key.p, digested(k, &value->u.object.members[i].value));
    }
    for (size_t i = 0; value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        json_push(k->arena, &copy, digested(k, &value->u.array.items[i]));
    }
    return copy;
}

static const struct json *key_context(void *ctx, struct str root, struct str member)
{
    struct key_env *env = ctx;
    struct keying *k = env->keying;
    const struct json *value = env->original(ctx, root, member);
    if (value == NULL || !str_is(root, "steps")) {
        return value;
    }
    struct json *copy = arena_one(k->arena, struct json);
    *copy = json_object();
    for (size_t i = 0; i < value->u.object.count; i++) {
        const struct json_member *part = &value->u.object.members[i];
        json_add(k->arena, copy, part->key.p, str_is(part->key, "artifacts") ? digested(k, &part->value) : part->value);
    }
    return copy;
}

struct expr_env key_env_make(struct keying *k, struct key_env *env)
{
    *env = (struct key_env){
        .context = {.run = k->open->run,
                    .step = k->place.step,
                    .item = k->item,
                    .inputs = &k->inputs,
                    .env = &k->env,
                    .step_info = &k->step_info,
                    .secrets = &k->secrets,
                    .arena = k->arena},
        .keying = k,
    };
    struct expr_env made = run_context_env(&env->context);
    env->original = made.context;
    made.context = key_context;
    return made;
}

static void mask_secret(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct keying *k = ctx;
    (void)at;
    if (str_is(root, "secrets") && count > 0) {
        json_set(k->arena, &k->secrets, arena_str(k->arena, members[0]).p, json_cstring(k->arena, "***"));
    }
}

/* ---- what is named ----------------------------------------------------------------------------------------------- */

static const char *joined(struct keying *k, const struct str *members, size_t from, size_t count)
{
    const char *text = "";
    for (size_t i = from; i < count; i++) {
        text = arena_printf(k->arena, "%s%s%.*s", text, i == from ? "" : ".", STR_ARG(members[i]));
    }
    return text;
}

/* "param lr", "output train.n_rows", "steps.train.model_id". */
static const char *part_name(struct keying *k, struct str root, const struct str *members, size_t count)
{
    static const char *const kinds[][2] = {
        {"params", "param"}, {"vars", "var"}, {"env", "env"}, {"git", "git"}, {"run", "run"}};
    static const char *const of_steps[][2] = {{"outputs", "output"}, {"artifacts", "artifact"}, {"metrics", "metric"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (str_is(root, kinds[i][0])) {
            return arena_printf(k->arena, "%s %s", kinds[i][1], count == 0 ? "*" : joined(k, members, 0, count));
        }
    }
    for (size_t i = 0; i < sizeof of_steps / sizeof of_steps[0] && count >= 3; i++) {
        if (str_is(members[1], of_steps[i][0])) {
            return arena_printf(k->arena, "%s %.*s.%s", of_steps[i][1], STR_ARG(members[0]),
                                joined(k, members, 2, count));
        }
    }
    return arena_printf(k->arena, "%.*s.%s", STR_ARG(root), joined(k, members, 0, count));
}

/* A param that is a path says where the data lie: they count, too. */
static void add_param_file(struct keying *k, struct str name, const struct json *value)
{
    const struct pipeline *pipeline = k->open->pipeline;
    for (size_t i = 0; i < pipeline->param_count; i++) {
        if (str_eq(pipeline->params[i].name, name) && pipeline->params[i].type == VALUE_PATH) {
            keying_add_path(k, value);
        }
    }
}

/* What a variable of our own environment holds may be anybody's business: only its digest is kept. */
bool key_env_is_ours(const struct keying *k, struct str name)
{
    for (size_t i = 0; i < k->open->pipeline->env_count; i++) {
        if (str_eq(k->open->pipeline->env[i].name, name)) {
            return false;
        }
    }
    for (size_t i = 0; i < k->step->env_count; i++) {
        if (str_eq(k->step->env[i].name, name)) {
            return false;
        }
    }
    return true;
}

static void add_named(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct keying *k = ctx;
    static const char *const elsewhere[] = {"secrets", "inputs", "matrix", "step"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        if (str_is(root, elsewhere[i])) {
            return;
        }
    }
    struct key_env env;
    struct expr_env expr_env = key_env_make(k, &env);
    struct json value = json_null();
    struct err missing = {0};
    (void)expr_eval(at, &expr_env, k->arena, &value, &missing); /* it may be missing: a ?? b */
    const char *name = part_name(k, root, members, count);
    if (str_is(root, "env") && (count == 0 || key_env_is_ours(k, members[0]))) {
        keying_add(k, name, keying_digest_text(k->arena, keying_digest(&value).hex));
    } else {
        keying_add_value(k, name, &value);
    }
    if (str_is(root, "params") && count > 0) {
        add_param_file(k, members[0], &value);
    }
}

/* hashFiles and date give what their arguments do not tell. */
static void add_call(void *ctx, const struct expr *call)
{
    struct keying *k = ctx;
    if (!str_is(call->name, "hashFiles") && !str_is(call->name, "date")) {
        return;
    }
    struct key_env env;
    struct expr_env expr_env = key_env_make(k, &env);
    struct json value;
    struct err wrong = {0};
    if (expr_eval(call, &expr_env, k->arena, &value, &wrong) < 0) {
        *k->err = wrong;
        k->failed = true;
        return;
    }
    const char *argument =
        call->arg_count > 0 && call->args[0].op == EXPR_LITERAL ? json_text(k->arena, &call->args[0].value).p : "";
    keying_add_value(k, arena_printf(k->arena, "%.*s(%s)", STR_ARG(call->name), argument), &value);
}

void key_names_mask_secrets(struct keying *k)
{
    struct expr_visitor secrets = {.ctx = k, .path = mask_secret};
    pipeline_walk_step(k->open->pipeline, k->step, &secrets);
}

void key_names_add(struct keying *k)
{
    struct expr_visitor names = {.ctx = k, .path = add_named, .call = add_call};
    pipeline_walk_step(k->open->pipeline, k->step, &names);
}
