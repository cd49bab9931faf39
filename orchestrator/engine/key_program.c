/* SPDX-License-Identifier: Apache-2.0
 * What runs: the command, plugin or script of a step, and the files that it names.
 */
#include "engine/keying.h"

#include "base/path.h"
#include "engine/file_digest.h"
#include "engine/requirements.h"

/* Is it one of the files that the step itself leaves? */
static bool is_left_by_it(const struct keying *k, const char *path)
{
    const char *relative = keying_short_name(k, path);
    const struct step *step = k->step;
    for (size_t i = 0; i < step->artifact_count; i++) {
        const struct json *glob = &step->artifacts[i].glob.plain;
        if (step->artifacts[i].glob.part_count == 0 && glob->type == JSON_STRING &&
            path_matches(glob->u.string.p, relative)) {
            return true;
        }
    }
    for (size_t i = 0; i < step->metric_count; i++) {
        const struct json *glob = &step->metrics[i].plain;
        if (step->metrics[i].part_count == 0 && glob->type == JSON_STRING && path_matches(glob->u.string.p, relative)) {
            return true;
        }
    }
    const struct step_model *model = step->model;
    return model != NULL && model->has_path && model->path.part_count == 0 && model->path.plain.type == JSON_STRING &&
           str_is(model->path.plain.u.string, relative);
}

static void add_code(struct keying *k)
{
    if (k->code.wrong.code != ERR_NONE && !k->failed) {
        const struct err *wrong = &k->code.wrong; /* what is too much to look at is no disk that is full */
        (void)err_set(k->err, wrong->code == ERR_LIMIT ? ERR_STATE : wrong->code, "%s", wrong->message);
        k->failed = true;
    }
    for (size_t i = 0; i < k->code.count && !k->failed; i++) {
        if (!is_left_by_it(k, k->code.paths[i])) {
            keying_add_file(k, k->code.paths[i]);
        }
    }
}

static void add_words(struct keying *k, const struct json *value)
{
    if (value->type == JSON_STRING) {
        code_files_of_command(&k->code, value->u.string);
    }
    for (size_t i = 0; value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        add_words(k, &value->u.array.items[i]);
    }
    for (size_t i = 0; value->type == JSON_OBJECT && i < value->u.object.count; i++) {
        add_words(k, &value->u.object.members[i].value);
    }
}

static int add_command(struct keying *k)
{
    if (!k->step->is_argv) {
        const char *shell = "";
        for (size_t i = 0; i < k->step->shell_count; i++) {
            shell = arena_printf(k->arena, "%s%s%.*s", shell, i == 0 ? "" : " ", STR_ARG(k->step->shell[i]));
        }
        keying_add(k, "shell", shell);
        code_files_of_command(&k->code, str_from(shell));
        code_files_of_command(&k->code, k->step->script.text);
        return 0;
    }
    struct strbuf command; /* one text, since what a word is may follow from the one before: "-m", "module" */
    int result = 0;
    strbuf_init(&command, (size_t)1 << 30);
    for (size_t i = 0; i < k->step->argv_count && result == 0; i++) {
        struct key_env env;
        struct expr_env expr_env = key_env_make(k, &env);
        struct json word;
        result = template_eval(&k->step->argv[i], &expr_env, k->arena, &word, k->err);
        if (result < 0) {
            (void)err_add(k->err, "run, word %zu", i + 1);
        } else if (word.type == JSON_STRING) {
            strbuf_add_str(&command, word.u.string);
            strbuf_add_byte(&command, ' ');
        } else {
            add_words(k, &word);
        }
    }
    code_files_of_command(&k->code, arena_str(k->arena, strbuf_str(&command)));
    strbuf_clear(&command);
    return result;
}

static int add_with(struct keying *k)
{
    struct key_env env;
    struct expr_env expr_env = key_env_make(k, &env);
    struct json with;
    if (template_tree_eval(k->step->with, &expr_env, k->arena, &with, k->err) < 0) {
        return err_add(k->err, "with");
    }
    add_words(k, &with);
    const struct plugin *plugin = k->step->plugin;
    for (size_t i = 0; plugin != NULL && i < plugin->param_count; i++) {
        const struct json *value = json_get_str(&with, plugin->params[i].name);
        if (plugin->params[i].type == PLUGIN_PATH && value != NULL) {
            keying_add_path(k, value);
        }
    }
    return 0;
}

static void add_plugin(struct keying *k)
{
    struct digest digest;
    const struct plugin *plugin = k->step->plugin;
    if (k->failed ||
        file_digest(k->engine->options.store, plugin->path.p, engine_now(k->engine), &digest, k->err) < 0) {
        k->failed = true;
        return;
    }
    keying_add(k, arena_printf(k->arena, "plugin %.*s", STR_ARG(plugin->name)),
               arena_printf(k->arena, "%.*s sha256:%s", STR_ARG(plugin->version), digest.hex));
}

/* A script sees all params, and all of the steps it needs. */
static void add_lua(struct keying *k)
{
    const struct run *run = k->open->run;
    for (size_t i = 0; i < run->params.u.object.count; i++) {
        const struct json_member *param = &run->params.u.object.members[i];
        keying_add_value(k, arena_printf(k->arena, "param %.*s", STR_ARG(param->key)), &param->value);
    }
    for (size_t n = 0; n < k->step->need_count; n++) {
        struct str id = k->open->pipeline->steps[k->step->needs[n].step].id;
        struct key_env env;
        struct expr_env expr_env = key_env_make(k, &env);
        const struct json *step = expr_env.context(expr_env.ctx, STR("steps"), id);
        struct json seen = json_object();
        for (size_t i = 0; step != NULL && i < step->u.object.count; i++) {
            if (!str_is(step->u.object.members[i].key, "run_id")) {
                json_add(k->arena, &seen, step->u.object.members[i].key.p, step->u.object.members[i].value);
            }
        }
        keying_add(k, arena_printf(k->arena, "step %.*s", STR_ARG(id)),
                   keying_digest_text(k->arena, keying_digest(&seen).hex));
    }
    if (k->step->lua_is_file) {
        code_files_add(&k->code, path_join(k->arena, k->open->row.workspace, arena_str(k->arena, k->step->lua).p));
    } else {
        code_files_of_lua(&k->code, k->step->lua);
    }
}

static void add_python(struct keying *k)
{
    const struct pipeline *pipeline = k->open->pipeline;
    const char *files[REQUIREMENTS_MAX];
    const char *more = NULL;
    size_t count = 0;
    const char *workspace = k->open->row.workspace;
    if (pipeline->python_requirements.n > 0) {
        const char *file = arena_str(k->arena, pipeline->python_requirements).p;
        count = requirements_files(path_join(k->arena, workspace, file), k->arena, files, &more);
    } else if (pipeline->python_lock.n > 0) {
        files[count++] = path_join(k->arena, workspace, arena_str(k->arena, pipeline->python_lock).p);
    }
    for (size_t i = 0; i < count; i++) {
        keying_add(k, arena_printf(k->arena, "python %s", keying_short_name(k, files[i])),
                   keying_noted_digest(k, files[i]));
    }
    if (more != NULL) {
        code_files_too_many(&k->code, REQUIREMENTS_MAX, "files of requirements", more);
    }
}

int key_program_add(struct keying *k)
{
    const char *folders[] = {k->open->row.folder, k->engine->options.lua_folder};
    k->code = (struct code_files){
        .arena = k->arena, .workspace = k->open->row.workspace, .lua_folders = folders, .lua_folder_count = 2};
    code_files_on_python_path(&k->code, str_from(json_get_text(&k->env, "PYTHONPATH", "")));
    int result = 0;
    switch (k->step->kind) {
    case STEP_KIND_RUN:
        add_python(k);
        result = add_command(k);
        break;
    case STEP_KIND_USES:
        add_python(k);
        add_plugin(k);
        result = add_with(k);
        break;
    case STEP_KIND_LUA:
        add_lua(k);
        result = add_with(k);
        break;
    case STEP_KIND_PIPELINE:
        break;
    }
    if (result == 0) { /* else the reason stands in `err` already, and a failure of the store would not be heard */
        add_code(k);
    }
    return result < 0 || k->failed ? -1 : 0;
}
