/* SPDX-License-Identifier: Apache-2.0
 * The spawn message of an attempt: expressions evaluated, environment made, folders named (wire/message.h).
 */
#include "base/id.h"
#include "base/path.h"
#include "engine/apart.h"
#include "engine/attempt_secrets.h"
#include "engine/engine_internal.h"
#include "engine/tracking.h"
#include "store/runs.h"

#include <stdlib.h>

enum { EXPRESSION_MAX_BYTES = 128 << 10, LOG_MAX_BYTES = 1 << 30, LUA_MAX_BYTES = 512 << 20 };

/* What an attempt's message is made from. */
struct spawning {
    struct engine *engine;
    const struct live_attempt *attempt;
    struct open_run *open;
    const struct step *step;
    const struct run_item *item;
    const struct run_assumption *assumed;
    struct arena *arena;
    const char *step_dir;
    struct json inputs;      /* {name: path} for expressions */
    struct json input_list;  /* for the runner */
    struct json env;         /* the step's environment */
    struct json step_info;
    struct json secrets;     /* {name: value} used by this step */
    struct json *message;
};

static void set(struct spawning *s, const char *key, struct json value)
{
    json_set(s->arena, s->message, key, value);
}

static void set_text(struct spawning *s, const char *key, const char *text)
{
    set(s, key, json_cstring(s->arena, text));
}

static struct run_context context_of(struct spawning *s)
{
    return (struct run_context){
        .run = s->open->run,
        .step = s->attempt->place.step,
        .item = s->item,
        .inputs = &s->inputs,
        .env = &s->env,
        .step_info = &s->step_info,
        .secrets = &s->secrets,
        .assumed = s->assumed,
        .arena = s->arena,
    };
}

/* ---- environment ---------------------------------------------------------------------------------------- */

static void env_set(struct spawning *s, const char *name, const char *value)
{
    json_set(s->arena, &s->env, name, json_cstring(s->arena, value));
}

static int env_add_templates(struct spawning *s, const struct named_template *templates, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct run_context context = context_of(s);
        struct expr_env env = run_context_env(&context);
        struct json value;
        if (template_eval(&templates[i].value, &env, s->arena, &value, err) < 0) {
            return err_add(err, "env '%.*s'", STR_ARG(templates[i].name));
        }
        const char *name = arena_str(s->arena, templates[i].name).p;
        if (value.type == JSON_STRING) {
            json_set(s->arena, &s->env, name, value);
        } else {
            env_set(s, name, json_text(s->arena, &value).p);
        }
    }
    return 0;
}

/* SLUICE_INPUT_<NAME>: upper case, what is no letter or digit becomes '_'. */
static const char *input_variable(struct arena *arena, struct str name)
{
    char *text = arena_printf(arena, "SLUICE_INPUT_%.*s", STR_ARG(name));
    for (char *p = text; *p != '\0'; p++) {
        bool lower = *p >= 'a' && *p <= 'z';
        bool plain = (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        *p = lower ? (char)(*p - 'a' + 'A') : plain ? *p : '_';
    }
    return text;
}

static int build_environment(struct spawning *s, struct err *err)
{
    const struct json *base = run_env_of(s->engine, s->open);
    for (size_t i = 0; base->type == JSON_OBJECT && i < base->u.object.count; i++) {
        json_set(s->arena, &s->env, base->u.object.members[i].key.p, base->u.object.members[i].value);
    }
    apart_environment(s->engine, s->arena, &s->env);
    if (env_add_templates(s, s->open->pipeline->env, s->open->pipeline->env_count, err) < 0 ||
        env_add_templates(s, s->step->env, s->step->env_count, err) < 0) {
        return -1;
    }
    const char *state_dir = arena_printf(s->arena, "%s/runs/%s/state/%.*s", s->engine->options.home,
                                         s->open->row.run_id, STR_ARG(s->step->id));
    env_set(s, "PYTHONUNBUFFERED", "1");
    env_set(s, "SLUICE_STEP", arena_str(s->arena, s->step->id).p);
    env_set(s, "SLUICE_RUN_ID", s->open->row.run_id);
    env_set(s, "SLUICE_WORKSPACE", s->open->row.workspace);
    env_set(s, "SLUICE_ATTEMPT", s->attempt->row.mark);
    env_set(s, "SLUICE_STEP_DIR", s->step_dir);
    env_set(s, "SLUICE_STATE", state_dir);
    env_set(s, "SLUICE_OUTPUT", arena_printf(s->arena, "%s.output", s->step_dir));
    tracking_environment(s->engine, s->attempt, s->step, &s->env);
    if (leases_devices(s->attempt) != NULL) {
        env_set(s, "CUDA_VISIBLE_DEVICES", leases_devices(s->attempt));
    }
    set_text(s, "state_dir", state_dir);
    set(s, "state_shared", json_bool(s->item->key[0] != '\0'));
    set_text(s, "output_file", arena_printf(s->arena, "%s.output", s->step_dir));
    for (size_t i = 0; i < s->inputs.u.object.count; i++) {
        const struct json_member *input = &s->inputs.u.object.members[i];
        if (input->value.type == JSON_STRING) {
            env_set(s, input_variable(s->arena, input->key), input->value.u.string.p);
        }
    }
    return 0;
}

/* ---- what runs ---------------------------------------------------------------------------------------------- */

/* Values travel in the environment, never in the text (docs/expressions.md). */
static int shell_values(struct spawning *s, struct err *err)
{
    for (size_t i = 0; i < s->step->script.expr_count; i++) {
        struct run_context context = context_of(s);
        struct expr_env env = run_context_env(&context);
        struct json value;
        if (expr_eval(s->step->script.exprs[i], &env, s->arena, &value, err) < 0) {
            return -1;
        }
        struct str text = value.type == JSON_STRING ? value.u.string : json_text(s->arena, &value);
        if (value.type == JSON_NULL) {
            text = STR("");
        }
        if (text.n > EXPRESSION_MAX_BYTES || memchr(text.p, '\0', text.n) != NULL) {
            return err_set(err, ERR_LIMIT, "the value of expression %zu in 'run' %s: pass it by file", i + 1,
                           text.n > EXPRESSION_MAX_BYTES ? "is over 128 KiB" : "holds a NUL byte");
        }
        env_set(s, arena_printf(s->arena, "__%zu", i + 1), text.p);
    }
    return 0;
}

/* Steps of a pipeline with `python:` run inside its virtual environment: a wrapper builds it once and then becomes
 * the step's own command. */
static void python_prefix(struct spawning *s, struct json *argv)
{
    const struct pipeline *pipeline = s->open->pipeline;
    struct str file = pipeline->python_requirements.n > 0 ? pipeline->python_requirements : pipeline->python_lock;
    if (file.n == 0) {
        return;
    }
    const char *path = path_join(s->arena, s->open->row.workspace, arena_str(s->arena, file).p);
    const char *words[] = {s->engine->options.python_env,
                           pipeline->python_requirements.n > 0 ? "requirements" : "uv-lock", path,
                           path_join(s->arena, s->engine->options.home, "envs"), "--"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        json_push(s->arena, argv, json_cstring(s->arena, words[i]));
    }
}

static int what_command(struct spawning *s, struct err *err)
{
    struct json argv = json_array();
    python_prefix(s, &argv);
    if (!s->step->is_argv) {
        set_text(s, "kind", "shell");
        set(s, "script", json_string(s->arena, s->step->script.text));
        for (size_t i = 0; i < s->step->shell_count; i++) {
            json_push(s->arena, &argv, json_string(s->arena, s->step->shell[i]));
        }
        set(s, "shell", argv);
        return shell_values(s, err);
    }
    set_text(s, "kind", "command");
    for (size_t i = 0; i < s->step->argv_count; i++) {
        struct run_context context = context_of(s);
        struct expr_env env = run_context_env(&context);
        struct json word;
        if (template_eval(&s->step->argv[i], &env, s->arena, &word, err) < 0) {
            return err_add(err, "run, word %zu", i + 1);
        }
        json_push(s->arena, &argv, word.type == JSON_STRING ? word : json_string(s->arena, json_text(s->arena, &word)));
    }
    set(s, "argv", argv);
    return 0;
}

static int evaluated_with(struct spawning *s, struct json *ret, struct err *err)
{
    struct run_context context = context_of(s);
    struct expr_env env = run_context_env(&context);
    if (template_tree_eval(s->step->with, &env, s->arena, ret, err) < 0) {
        return err_add(err, "with");
    }
    return 0;
}

/* The digest by which it is recorded, and how the step knows that it loads no other. */
static int set_plugin_digest(struct spawning *s, struct json *plugin, struct err *err)
{
    struct str digest;
    struct str stamp;
    int known = plugin_digest(s->engine, s->step->plugin, &digest, &stamp, err);
    if (known == 1 && stamp.n > 0) {
        json_set(s->arena, plugin, "sha256", json_string(s->arena, digest));
        json_set(s->arena, plugin, "stamp", json_string(s->arena, stamp));
    }
    return known < 0 ? -1 : 0;
}

static int what_plugin(struct spawning *s, struct err *err)
{
    struct json given;
    struct json params;
    if (s->step->plugin == NULL) {
        return err_set(err, ERR_NOT_FOUND, "its plugin is gone: %s; put it back, then 'sluice retry'",
                       s->step->plugin_gone == NULL ? "it was not looked for" : s->step->plugin_gone);
    }
    if (evaluated_with(s, &given, err) < 0 ||
        plugin_params_complete(s->step->plugin, &given, s->arena, &params, err) < 0) {
        return -1;
    }
    struct json plugin = json_object();
    json_set(s->arena, &plugin, "path", json_string(s->arena, s->step->plugin->path));
    json_set(s->arena, &plugin, "name", json_string(s->arena, s->step->plugin->name));
    if (set_plugin_digest(s, &plugin, err) < 0) {
        return -1;
    }
    set_text(s, "kind", "plugin");
    set(s, "plugin", plugin);
    set(s, "params", params);
    return 0;
}

/* The contexts a script sees as sluice.steps, sluice.matrix, sluice.run. */
static struct json lua_contexts(struct spawning *s)
{
    struct run_context context = context_of(s);
    struct expr_env env = run_context_env(&context);
    struct json steps = json_object();
    for (size_t i = 0; i < s->step->need_count; i++) {
        struct str id = s->open->pipeline->steps[s->step->needs[i].step].id;
        const struct json *step = env.context(env.ctx, STR("steps"), id);
        if (step != NULL) {
            json_set(s->arena, &steps, arena_str(s->arena, id).p, *step);
        }
    }
    struct json contexts = json_object();
    json_set(s->arena, &contexts, "steps", steps);
    json_set(s->arena, &contexts, "matrix", s->item->matrix);
    json_set(s->arena, &contexts, "run", s->open->run->info);
    json_set(s->arena, &contexts, "params", s->open->run->params);
    json_set(s->arena, &contexts, "inputs", s->inputs);
    return contexts;
}

static int what_lua(struct spawning *s, struct err *err)
{
    struct json params;
    if (evaluated_with(s, &params, err) < 0) {
        return -1;
    }
    struct json lua = json_object();
    if (s->step->lua_is_file) {
        const char *path = path_join(s->arena, s->open->row.workspace, arena_str(s->arena, s->step->lua).p);
        json_set(s->arena, &lua, "path", json_cstring(s->arena, path));
        json_set(s->arena, &lua, "chunk", json_string(s->arena, s->step->lua));
    } else {
        json_set(s->arena, &lua, "text", json_string(s->arena, s->step->lua));
        json_set(s->arena, &lua, "chunk", json_string(s->arena, s->step->id));
    }
    struct json folders = json_array();
    json_push(s->arena, &folders, json_cstring(s->arena, s->open->row.folder));
    json_push(s->arena, &folders, json_cstring(s->arena, s->engine->options.lua_folder));
    json_set(s->arena, &lua, "folders", folders);
    set_text(s, "kind", "lua");
    set(s, "lua", lua);
    set(s, "params", params);
    set(s, "contexts", lua_contexts(s));
    return 0;
}

/* ---- what success publishes ------------------------------------------------------------------------------------ */

static int eval_text(struct spawning *s, const struct template *template, const char *what, const char **ret,
                     struct err *err)
{
    struct run_context context = context_of(s);
    struct expr_env env = run_context_env(&context);
    struct json value;
    if (template_eval(template, &env, s->arena, &value, err) < 0) {
        return err_add(err, "%s", what);
    }
    *ret = value.type == JSON_NULL     ? NULL
           : value.type == JSON_STRING ? value.u.string.p
                                       : json_text(s->arena, &value).p;
    return 0;
}

static int collect_model(struct spawning *s, struct json *collect, struct err *err)
{
    const struct step_model *model = s->step->model;
    const char *path = NULL;
    const char *name = NULL;
    const char *type = NULL;
    if (model == NULL || !model->has_path) {
        return 0;
    }
    struct id model_id = id_model(&s->engine->rng, engine_now(s->engine));
    if (eval_text(s, &model->path, "model.path", &path, err) < 0 ||
        eval_text(s, &model->name, "model.name", &name, err) < 0 ||
        eval_text(s, &model->model_type, "model.type", &type, err) < 0) {
        return -1;
    }
    struct json out = json_object();
    json_set(s->arena, &out, "id", json_cstring(s->arena, model_id.text));
    json_set(s->arena, &out, "path", json_cstring(s->arena, path == NULL ? "" : path));
    json_set(s->arena, &out, "name", json_cstring(s->arena, name == NULL ? s->open->row.pipeline : name));
    json_set(s->arena, &out, "model_type", json_cstring(s->arena, type == NULL ? "" : type));
    const char *folder = model_folder(s->engine, s->arena, s->open->row.experiment_id, model_id.text);
    json_set(s->arena, &out, "dir", json_cstring(s->arena, path_join(s->arena, folder, "artifacts")));
    const struct {
        bool present;
        const char *key;
        const struct template_tree *tree;
    } maps[] = {{model->has_params, "params", &model->params}, {model->has_tags, "tags", &model->tags}};
    for (size_t i = 0; i < 2; i++) {
        struct run_context context = context_of(s);
        struct expr_env env = run_context_env(&context);
        struct json value;
        if (!maps[i].present) {
            continue;
        }
        if (template_tree_eval(maps[i].tree, &env, s->arena, &value, err) < 0) {
            return err_add(err, "model.%s", maps[i].key);
        }
        json_set(s->arena, &out, maps[i].key, value);
    }
    json_set(s->arena, collect, "model", out);
    return 0;
}

static int set_collect(struct spawning *s, struct err *err)
{
    const struct step *step = s->step;
    struct json collect = json_object();
    struct json outputs = json_object();
    struct json artifacts = json_array();
    struct json metrics = json_array();
    for (size_t i = 0; i < step->output_count; i++) {
        json_set(s->arena, &outputs, arena_str(s->arena, step->outputs[i].name).p,
                 json_cstring(s->arena, value_type_name(step->outputs[i].type)));
    }
    for (size_t i = 0; i < step->artifact_count; i++) {
        const char *glob = NULL;
        if (eval_text(s, &step->artifacts[i].glob, "artifacts", &glob, err) < 0) {
            return -1;
        }
        struct json artifact = json_object();
        json_set(s->arena, &artifact, "name", json_string(s->arena, step->artifacts[i].name));
        json_set(s->arena, &artifact, "glob", json_cstring(s->arena, glob == NULL ? "" : glob));
        json_push(s->arena, &artifacts, artifact);
    }
    for (size_t i = 0; i < step->metric_count; i++) {
        const char *glob = NULL;
        if (eval_text(s, &step->metrics[i], "metrics", &glob, err) < 0) {
            return -1;
        }
        json_push(s->arena, &metrics, json_cstring(s->arena, glob == NULL ? "" : glob));
    }
    if (collect_model(s, &collect, err) < 0) {
        return -1;
    }
    json_set(s->arena, &collect, "outputs", outputs);
    json_set(s->arena, &collect, "artifacts", artifacts);
    json_set(s->arena, &collect, "metrics", metrics);
    set(s, "collect", collect);
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static void set_context(struct spawning *s)
{
    struct json context = json_object();
    struct arena *arena = s->arena;
    json_set(arena, &context, "pipeline", json_cstring(arena, s->open->row.pipeline));
    json_set(arena, &context, "run_id", json_cstring(arena, s->open->row.run_id));
    json_set(arena, &context, "run_number", json_int(s->open->row.number));
    json_set(arena, &context, "step", json_string(arena, s->step->id));
    json_set(arena, &context, "item", json_cstring(arena, s->item->key));
    json_set(arena, &context, "attempt", json_int(s->attempt->row.number));
    json_set(arena, &context, "step_run_id", json_cstring(arena, s->attempt->row.step_run_id));
    json_set(arena, &context, "home", json_cstring(arena, s->engine->options.home));
    set(s, "context", context);
}

/* What a step asks for in memory is all it may use: the kernel keeps it to that where the runner may make control
 * groups. Elsewhere a plugin is told so by the bound of its address space; programs reserve far more than they use, and
 * are only looked at. A Lua script is told by its allocator as well. Cores are a share, never a limit. */
static void set_limits(struct spawning *s)
{
    const struct resource_ask *memory = NULL;
    const struct resource_ask *cpu = NULL;
    struct json limits = json_object();
    for (size_t i = 0; i < s->step->ask_count; i++) {
        memory = str_is(s->step->asks[i].name, RESOURCE_MEMORY) ? &s->step->asks[i] : memory;
        cpu = str_is(s->step->asks[i].name, RESOURCE_CPU) ? &s->step->asks[i] : cpu;
    }
    json_set(s->arena, &limits, "log_bytes", json_int(LOG_MAX_BYTES));
    json_set(s->arena, &limits, "lua_memory_bytes", json_int(memory != NULL ? memory->amount : LUA_MAX_BYTES));
    if (memory != NULL) {
        json_set(s->arena, &limits, "tree_bytes", json_int(memory->amount));
    }
    if (cpu != NULL) {
        json_set(s->arena, &limits, "cpu_milli", json_int(cpu->amount));
    }
    if (memory != NULL && s->step->kind == STEP_KIND_USES) {
        json_set(s->arena, &limits, "memory_bytes", json_int(memory->amount));
    }
    set(s, "limits", limits);
}

static void set_places(struct spawning *s)
{
    const char *home = s->engine->options.home;
    set_text(s, "type", "spawn");
    set(s, "attempt", json_int(s->attempt->row.id));
    set(s, "generation", json_int(s->engine->generation));
    set_text(s, "run_id", s->open->row.run_id);
    set_text(s, "journal", s->open->journal_path);
    set(s, "journal_anew", json_bool(s->open->journal == NULL && s->open->row.journal_offset == 0));
    set_text(s, "cwd", s->open->row.workspace);
    set_text(s, "step_dir", s->step_dir);
    set_text(s, "artifact_dir",
             artifact_folder(s->engine, s->arena, s->open->row.experiment_id, s->attempt->row.step_run_id));
    set(s, "models_dir", json_cstring(s->arena, arena_printf(s->arena, "%s/artifacts/%lld/models", home,
                                                             (long long)s->open->row.experiment_id)));
    set(s, "timeout_ms", json_int(s->step->timeout_ms));
    struct json stop = json_object();
    json_set(s->arena, &stop, "signal", json_int(s->step->stop_signal));
    json_set(s->arena, &stop, "grace_ms", json_int(s->step->stop_grace_ms));
    set(s, "stop", stop);
    set_limits(s);
    struct json fetch = json_object();
    json_set(s->arena, &fetch, "program", json_cstring(s->arena, s->engine->options.fetch));
    json_set(s->arena, &fetch, "policy", json_object());
    set(s, "fetch", fetch);
}

static void set_step_info(struct spawning *s)
{
    s->step_info = json_object();
    json_set(s->arena, &s->step_info, "dir", json_cstring(s->arena, s->step_dir));
    json_set(s->arena, &s->step_info, "id", json_string(s->arena, s->step->id));
    json_set(s->arena, &s->step_info, "attempt", json_int(s->attempt->row.number));
}

static int check_size(const struct json *message, struct err *err)
{
    size_t size = 0;
    return message_fits(message, &size)
               ? 0
               : err_set(err, ERR_LIMIT,
                         "what the step is given is %zu MiB, at most %d MiB can be sent: give large inputs as files",
                         (size + (1 << 20) - 1) >> 20, MESSAGE_MAX_BYTES >> 20);
}

/* That of a step which is still pending has no values. */
static const struct run_item *item_of(const struct live_attempt *attempt)
{
    static const struct run_item pending = {0};
    const struct run_step *step = &attempt->open->run->steps[attempt->place.step];
    return attempt->place.item < step->item_count ? &step->items[attempt->place.item] : &pending;
}

int spawn_message(struct engine *engine, const struct live_attempt *attempt, struct spawn_as as,
                  struct json *ret_message, struct err *err)
{
    struct open_run *open = attempt->open;
    struct json message = json_object();
    struct spawning s = {
        .engine = engine,
        .attempt = attempt,
        .open = open,
        .step = run_step_at(open->run, attempt->place),
        .item = item_of(attempt),
        .assumed = as.assumed,
        .arena = engine->turn,
        .inputs = json_object(),
        .env = json_object(),
        .secrets = json_object(),
        .message = &message,
    };
    s.step_dir = arena_printf(s.arena, "%s/runs/%s/steps/%.*s%s%s.%lld", engine->options.home, open->row.run_id,
                              STR_ARG(s.step->id), s.item->key[0] == '\0' ? "" : ".", s.item->key,
                              (long long)attempt->row.number);
    set_step_info(&s);
    set_places(&s);
    set_context(&s);
    struct run_context context = context_of(&s);
    struct expr_env env = run_context_env(&context);
    int secrets = attempt_secrets_read(engine, attempt, as.assumed != NULL, s.arena, &s.secrets, err);
    if (secrets != 0) {
        return secrets;
    }
    if (inputs_resolve(engine, open, attempt->place, &env, s.arena, &s.input_list, &s.inputs, err) < 0 ||
        build_environment(&s, err) < 0) {
        return -1;
    }
    int result = s.step->kind == STEP_KIND_RUN    ? what_command(&s, err)
                 : s.step->kind == STEP_KIND_USES ? what_plugin(&s, err)
                                                  : what_lua(&s, err);
    if (result < 0 || set_collect(&s, err) < 0) {
        return -1;
    }
    set(&s, "inputs", s.input_list);
    set(&s, "env", s.env);
    set(&s, "secrets", s.secrets);
    if (as.resumed != NULL) {
        set(&s, "resumed", *as.resumed);
    }
    struct json verify;
    if (given_collect(engine, &message, s.arena, &verify, err) < 0) {
        return -1;
    }
    set(&s, "verify", verify);
    *ret_message = message;
    return check_size(&message, err);
}
