/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cache_key.h"

#include "base/fs.h"
#include "base/path.h"
#include "engine/keying.h"

enum { KEY_FORMAT = 1, GLOB_FILES_APART = 200 };

/* The step's dir is another one for each attempt: it is no part of what the result follows from. */
static const char step_dir_mark[] = "${{ step.dir }}";

/* ---- the step's own words ---------------------------------------------------------------------------------------- */

/* Keys that say when and how often a step runs, not what comes of it. */
static bool is_neutral(struct str key)
{
    static const char *const neutral[] = {"cache",     "needs",       "if",      "matrix", "max_parallel",
                                          "retry",     "fail_fast",   "timeout", "stop",   "continue_on_error",
                                          "resources", "permissions", "mlflow"};
    for (size_t i = 0; i < sizeof neutral / sizeof neutral[0]; i++) {
        if (str_is(key, neutral[i])) {
            return true;
        }
    }
    return false;
}

static void add_definition(struct keying *k)
{
    struct json definition = step_definition(k->open->pipeline, k->step, k->arena);
    for (size_t i = 0; definition.type == JSON_OBJECT && i < definition.u.object.count; i++) {
        const struct json_member *member = &definition.u.object.members[i];
        if (!is_neutral(member->key)) {
            keying_add(k, arena_printf(k->arena, "definition %.*s", STR_ARG(member->key)),
                       keying_digest_text(k->arena, keying_digest(&member->value).hex));
        }
    }
    const struct json *matrix = &k->item->matrix;
    for (size_t i = 0; matrix->type == JSON_OBJECT && i < matrix->u.object.count; i++) {
        keying_add_value(k, arena_printf(k->arena, "matrix %.*s", STR_ARG(matrix->u.object.members[i].key)),
                         &matrix->u.object.members[i].value);
    }
    if (matrix->type != JSON_OBJECT && matrix->type != JSON_NULL) {
        keying_add_value(k, "matrix", matrix);
    }
}

static int add_templates(struct keying *k, const struct named_template *templates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct key_env env;
        struct expr_env expr_env = key_env_make(k, &env);
        struct json value;
        if (template_eval(&templates[i].value, &expr_env, k->arena, &value, k->err) < 0) {
            return err_add(k->err, "env '%.*s'", STR_ARG(templates[i].name));
        }
        value = value.type == JSON_STRING ? value : json_string(k->arena, json_text(k->arena, &value));
        const char *name = arena_str(k->arena, templates[i].name).p;
        json_set(k->arena, &k->env, name, value);
    }
    return 0;
}

static bool is_let_through(const struct engine_options *options, struct str name)
{
    for (size_t i = 0; i < options->step_env_name_count; i++) {
        struct str pattern = options->step_env_names[i];
        bool open = str_ends(pattern, STR("*"));
        if (open ? str_starts(name, str_slice(pattern, 0, pattern.n - 1)) : str_eq(name, pattern)) {
            return true;
        }
    }
    return false;
}

/* Of our own environment only what config.yaml names: PATH, HOME and the like are another machine's, not another
 * result. */
static int add_env(struct keying *k)
{
    const struct json *base = run_env_of(k->engine, k->open);
    for (size_t i = 0; base->type == JSON_OBJECT && i < base->u.object.count; i++) {
        const struct json_member *member = &base->u.object.members[i];
        json_set(k->arena, &k->env, member->key.p, member->value);
        if (is_let_through(&k->engine->options, member->key) && key_env_is_ours(k, member->key)) {
            keying_add(k, arena_printf(k->arena, "environment %.*s", STR_ARG(member->key)),
                       keying_digest_text(k->arena, keying_digest(&member->value).hex));
        }
    }
    const struct pipeline *pipeline = k->open->pipeline;
    if (add_templates(k, pipeline->env, pipeline->env_count) < 0 ||
        add_templates(k, k->step->env, k->step->env_count) < 0) {
        return -1;
    }
    for (size_t i = 0; i < k->env.u.object.count; i++) {
        const struct json_member *member = &k->env.u.object.members[i];
        if (!key_env_is_ours(k, member->key)) {
            keying_add_value(k, arena_printf(k->arena, "env %.*s", STR_ARG(member->key)), &member->value);
        }
    }
    return 0;
}

static int add_inputs(struct keying *k)
{
    struct json list;
    struct json paths;
    struct run_context real = {
        .run = k->open->run, .step = k->place.step, .item = k->item, .step_info = &k->step_info, .arena = k->arena};
    struct expr_env env = run_context_env(&real);
    if (inputs_resolve(k->engine, k->open, k->place, &env, k->arena, &list, &paths, k->err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < paths.u.object.count; i++) {
        const struct json_member *input = &paths.u.object.members[i];
        bool absent = input->value.type != JSON_STRING;
        const char *text = absent ? "absent" : keying_noted_digest(k, path_normal(k->arena, input->value.u.string.p));
        keying_add(k, arena_printf(k->arena, "input %.*s", STR_ARG(input->key)), text);
        json_set(k->arena, &k->inputs, input->key.p, absent ? json_null() : json_cstring(k->arena, text));
    }
    return k->failed ? -1 : 0;
}

/* ---- cache: {key} ------------------------------------------------------------------------------------------------ */

static int add_glob(struct keying *k, struct str glob)
{
    struct fs_list list = {0};
    const char *pattern = arena_str(k->arena, glob).p;
    const char *workspace = k->open->row.workspace;
    if (!path_is_below(glob)) {
        return err_set(k->err, ERR_INPUT, "'file:%.*s': expected a path or glob below the workspace", STR_ARG(glob));
    }
    if (fs_glob(workspace, pattern, k->arena, &list, k->err) < 0) {
        return -1;
    }
    if (list.count <= GLOB_FILES_APART) {
        for (size_t i = 0; i < list.count; i++) {
            keying_add_file(k, path_join(k->arena, workspace, list.entries[i].path));
        }
        if (list.count == 0) {
            keying_add(k, arena_printf(k->arena, "files %s", pattern), "none");
        }
        return k->failed ? -1 : 0;
    }
    struct digest_builder *builder = digest_builder_new();
    for (size_t i = 0; i < list.count && !k->failed; i++) {
        digest_builder_add(builder, str_from(list.entries[i].path));
        digest_builder_add(builder,
                           str_from(keying_noted_digest(k, path_join(k->arena, workspace, list.entries[i].path))));
    }
    struct digest whole = digest_builder_take(builder);
    keying_add(k, arena_printf(k->arena, "files %s", pattern), keying_digest_text(k->arena, whole.hex));
    return k->failed ? -1 : 0;
}

static int add_keys(struct keying *k)
{
    for (size_t i = 0; i < k->step->cache->key_count; i++) {
        struct key_env env;
        struct expr_env expr_env = key_env_make(k, &env);
        struct json value;
        if (template_eval(&k->step->cache->keys[i], &expr_env, k->arena, &value, k->err) < 0) {
            return err_add(k->err, "cache.key, item %zu", i + 1);
        }
        if (value.type == JSON_STRING && str_starts(value.u.string, STR("file:"))) {
            if (add_glob(k, str_slice(value.u.string, strlen("file:"), value.u.string.n)) < 0) {
                return -1;
            }
        } else {
            keying_add_value(k, arena_printf(k->arena, "key %zu", i + 1), &value);
        }
    }
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static struct digest whole_key(struct keying *k)
{
    struct json whole = json_object();
    json_set(k->arena, &whole, "format", json_int(KEY_FORMAT));
    json_set(k->arena, &whole, "pipeline", json_string(k->arena, k->open->pipeline->name));
    json_set(k->arena, &whole, "step", json_string(k->arena, k->step->id));
    json_set(k->arena, &whole, "parts", k->parts);
    return keying_digest(&whole);
}

int cache_key_make(struct engine *engine, struct open_run *open, struct run_place place, struct arena *arena,
                   struct cache_key *ret, struct err *err)
{
    struct keying k = {
        .engine = engine,
        .open = open,
        .place = place,
        .step = run_step_at(open->run, place),
        .item = run_item_at(open->run, place),
        .arena = arena,
        .env = json_object(),
        .inputs = json_object(),
        .secrets = json_object(),
        .step_info = json_object(),
        .parts = json_object(),
        .files = json_object(),
        .err = err,
    };
    json_set(arena, &k.step_info, "dir", json_cstring(arena, step_dir_mark));
    json_set(arena, &k.step_info, "id", json_string(arena, k.step->id));
    json_set(arena, &k.step_info, "attempt", json_int(1));
    key_names_mask_secrets(&k);
    add_definition(&k);
    if (add_inputs(&k) < 0 || add_env(&k) < 0) {
        return -1;
    }
    key_names_add(&k);
    if (k.failed || key_program_add(&k) < 0 || add_keys(&k) < 0 || k.failed) {
        return -1;
    }
    *ret = (struct cache_key){.parts = k.parts, .files = k.files, .key = whole_key(&k)};
    return 0;
}
