/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/start.h"

#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/diag_print.h"
#include "cli/git_head.h"
#include "cli/lua_compiler.h"
#include "cli/names.h"
#include "config/config.h"
#include "pipeline/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARAMS_FILE_MAX = 16 << 20 };

/* "../../sluice.yaml", the nearest that lies further up, or NULL. */
static const char *pipeline_above(const struct cli *cli)
{
    char here[4096];
    const char *up = "..";
    if (getcwd(here, sizeof here) == NULL) {
        return NULL;
    }
    for (const char *at = path_dir(cli->arena, here); strcmp(at, "/") != 0; at = path_dir(cli->arena, at)) {
        const char *file = path_join(cli->arena, up, "sluice.yaml");
        if (fs_is_file(file)) {
            return file;
        }
        up = path_join(cli->arena, up, "..");
    }
    return NULL;
}

/* A YAML file beside it that is called much the same, one above, or init. */
const char *start_missing_file(const struct cli *cli, const char *file)
{
    struct arena *arena = cli->arena;
    struct fs_list list = {0};
    struct err ignored = {0};
    const char *folder = path_dir(arena, file);
    if (fs_is_folder(folder) && fs_glob(folder, "*.y*ml", arena, &list, &ignored) == 0 && list.count > 0) {
        struct str *names = arena_array(arena, list.count, sizeof *names);
        for (size_t i = 0; i < list.count; i++) {
            names[i] = str_from(list.entries[i].path);
        }
        ptrdiff_t near = str_nearest(str_from(path_base(file)), names, list.count);
        if (near >= 0) {
            bool here = strchr(file, '/') == NULL;
            const char *name = here ? names[near].p : path_join(arena, folder, names[near].p);
            return arena_printf(arena, "did you mean '%s'?", name);
        }
    }
    if (strcmp(file, "sluice.yaml") != 0) {
        return NULL;
    }
    const char *above = pipeline_above(cli);
    return above != NULL ? arena_printf(arena, "did you mean '%s'?", above)
                         : "name one, or 'sluice init' writes a first pipeline";
}

/* A home that is not there yet has none; of one whose config.yaml cannot be read, opening it will tell. */
static void know_channels(struct cli *cli, struct pipeline_world *world, struct arena *arena)
{
    struct config config;
    struct diags diags;
    const char *path = path_join(arena, home_find(option_value(cli, "home"), arena), "config.yaml");
    diags_init(&diags, arena, path);
    if (config_load(path, &diags, &config) == 0) {
        world->channels = config.channels.names;
        world->channel_count = config.channels.channel_count;
    }
}

const struct pipeline *start_load(struct cli *cli, struct catalogue *catalogue, const char *file, const char *workspace,
                                  enum start_purpose purpose, struct arena *arena, int *ret_code)
{
    struct diags diags;
    struct pipeline_world world = {.plugins = catalogue, .check_files = purpose == START_TO_RUN, .root = workspace};
    if (purpose == START_TO_RUN) {
        lua_compiler_join(cli, &world);
        know_channels(cli, &world, arena);
    }
    diags_init(&diags, arena, file);
    if (strcmp(file, "-") != 0 && !fs_exists(file)) {
        struct err err = {0};
        const char *hint = start_missing_file(cli, file);
        (void)err_set(&err, ERR_NOT_FOUND, "there is no file '%s'%s%s", file, hint == NULL ? "" : ": ",
                      hint == NULL ? "" : hint);
        *ret_code = cli_fail(cli, EXIT_USAGE, &err);
        return NULL;
    }
    const struct pipeline *pipeline = pipeline_load_file(file, &diags, &world);
    if (pipeline == NULL && cli->json) {
        diag_print(DIAG_FORMAT_JSON, &diags, 1, false, stdout);
    }
    if (diags.count > 0 && (pipeline == NULL || (purpose == START_TO_RUN && !cli->quiet))) {
        diag_print(DIAG_FORMAT_TEXT, &diags, 1, cli->colour_messages, stderr);
    }
    *ret_code = pipeline == NULL ? EXIT_INVALID : EXIT_OK;
    return pipeline;
}

/* ---- parameters ------------------------------------------------------------------------------------------ */

/* A map in JSON or YAML: YAML by our reader, which takes JSON as well. */
static int read_params_file(const struct cli *cli, const struct pipeline *pipeline, const char *path,
                            struct json *params, struct err *err)
{
    struct diags diags;
    diags_init(&diags, cli->arena, path);
    if (fs_read(path, PARAMS_FILE_MAX, cli->arena, &diags.text, err) < 0) {
        return err_add(err, "--params");
    }
    const struct yaml_node *root = yaml_doc_parse(&diags);
    if (root == NULL || diags.errors > 0) {
        return err_set(err, ERR_INPUT, "%s:%d:%d: %s", path, diags.items[0].pos.line, diags.items[0].pos.column,
                       diags.items[0].message);
    }
    if (root->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "%s: expected a map of parameters, found %s", path, json_type_name(root->type));
    }
    for (size_t i = 0; i < root->count; i++) {
        struct str name = root->pairs[i].key.text;
        const struct param unknown = {.type = VALUE_JSON};
        const struct param *param = &unknown;
        for (size_t p = 0; p < pipeline->param_count; p++) {
            param = str_eq(pipeline->params[p].name, name) ? &pipeline->params[p] : param;
        }
        json_set(cli->arena, params, name.p, load_param_node(param, &root->pairs[i].value, cli->arena));
    }
    return 0;
}

/* Text of -p, as the param's type wants it: done alone, so that a value from a file that is text stays text. */
static int take_texts(const struct cli *cli, const struct pipeline *pipeline, struct json *params, struct err *err)
{
    const char *word = NULL;
    for (int i = 0; (word = option_nth(cli, "param", i)) != NULL; i++) {
        struct str value = str_from(word);
        struct str name = {0};
        (void)str_cut(&value, '=', &name);
        if (value.p == NULL || name.n == 0) {
            return err_set(err, ERR_INPUT, "-p '%s': expected NAME=VALUE", word);
        }
        struct json one = json_object();
        struct json typed;
        struct json all = json_copy(cli->arena, params);
        json_set(cli->arena, &one, arena_str(cli->arena, name).p, json_string(cli->arena, value));
        struct pipeline only = *pipeline;
        for (size_t p = 0; p < pipeline->param_count; p++) {
            if (str_eq(pipeline->params[p].name, name)) {
                only.params = &pipeline->params[p];
                only.param_count = 1;
            }
        }
        if (pipeline_params(&only, &one, true, cli->arena, &typed, err) < 0) {
            return -1;
        }
        json_set(cli->arena, &all, arena_str(cli->arena, name).p, *json_get_str(&typed, name));
        *params = all;
    }
    return 0;
}

int start_params(const struct cli *cli, const struct pipeline *pipeline, const struct json *base,
                 struct json *ret_params, struct err *err)
{
    struct json given = base != NULL ? json_copy(cli->arena, base) : json_object();
    const char *file = NULL;
    for (int i = 0; (file = option_nth(cli, "params", i)) != NULL; i++) {
        if (read_params_file(cli, pipeline, file, &given, err) < 0) {
            return -1;
        }
    }
    if (take_texts(cli, pipeline, &given, err) < 0) {
        return -1;
    }
    return pipeline_params(pipeline, &given, false, cli->arena, ret_params, err);
}

/* ---- the rest ------------------------------------------------------------------------------------------------ */

static const char *real_folder(const struct cli *cli, const char *folder)
{
    char real[4096];
    return fs_is_folder(folder) && realpath(folder, real) != NULL ? arena_strdup(cli->arena, real) : NULL;
}

int start_workspace(const struct cli *cli, const char *file, const char **ret_workspace, struct err *err)
{
    const char *given = option_value(cli, "workspace");
    const char *folder = real_folder(cli, given != NULL ? given : path_dir(cli->arena, file));
    if (folder == NULL && given != NULL) {
        return err_set(err, ERR_INPUT, "--workspace: '%s' is not a folder", given);
    }
    if (folder == NULL) {
        folder = ".";
    }
    const char *root = given != NULL ? NULL : git_root(folder, cli->arena);
    *ret_workspace = root != NULL ? root : folder;
    return 0;
}

int start_until(const struct cli *cli, const struct pipeline *pipeline, const char **ret_step, struct err *err)
{
    *ret_step = option_value(cli, "until");
    return *ret_step == NULL || names_step(pipeline, "--until", *ret_step, cli->arena, err) >= 0 ? 0 : -1;
}

int start_priority(const struct cli *cli, const int64_t **ret_priority, struct err *err)
{
    const char *text = option_value(cli, "priority");
    int64_t *priority = arena_one(cli->arena, int64_t);
    if (text != NULL && parse_int(str_from(text), PRIORITY_LEAST, PRIORITY_MOST, priority, err) < 0) {
        return err_add(err, "--priority");
    }
    *ret_priority = text == NULL ? NULL : priority;
    return 0;
}

int start_seed(const struct cli *cli, uint64_t *ret_seed, struct err *err)
{
    const char *text = option_value(cli, "seed");
    int64_t seed = 0;
    if (text != NULL && parse_int(str_from(text), 1, INT64_MAX, &seed, err) < 0) {
        return err_add(err, "--seed");
    }
    *ret_seed = (uint64_t)seed;
    return 0;
}
