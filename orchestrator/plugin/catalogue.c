/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/catalogue.h"

#include "base/path.h"

#include <dirent.h>
#include <stdlib.h>

void catalogue_init(struct catalogue *catalogue, struct arena *arena)
{
    *catalogue = (struct catalogue){.arena = arena};
}

static struct plugin *find_name(const struct catalogue *catalogue, struct str name)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        if (str_eq(catalogue->plugins[i].name, name)) {
            return &catalogue->plugins[i];
        }
    }
    return NULL;
}

void catalogue_add(struct catalogue *catalogue, const struct plugin *plugin)
{
    if (find_name(catalogue, plugin->name) != NULL) {
        return;
    }
    catalogue->plugins = arena_grow(catalogue->arena, catalogue->plugins, catalogue->count, &catalogue->room,
                                    sizeof *catalogue->plugins);
    catalogue->plugins[catalogue->count++] = *plugin;
}

static void add_problem(struct catalogue *catalogue, const char *path, const struct err *err)
{
    struct arena *arena = catalogue->arena;
    catalogue->problems = arena_grow(arena, catalogue->problems, catalogue->problem_count, &catalogue->problem_room,
                                     sizeof *catalogue->problems);
    catalogue->problems[catalogue->problem_count++] =
        (struct plugin_problem){arena_str(arena, str_from(path)), arena_str(arena, str_from(err->message))};
}

static int is_plugin_file(const struct dirent *entry)
{
    return str_ends(str_from(entry->d_name), STR(".so"));
}

void catalogue_add_folder(struct catalogue *catalogue, const char *folder)
{
    struct dirent **entries = NULL;
    struct err err = {0};
    int count = scandir(folder, &entries, is_plugin_file, alphasort);
    if (count <= 0) {
        (void)(count < 0 ? err_errno(&err, "reading the folder of plugins '%s'", folder)
                         : err_set(&err, ERR_NOT_FOUND, "the folder of plugins '%s' has no file *.so", folder));
        add_problem(catalogue, folder, &err);
    }
    for (int i = 0; i < count; i++) {
        struct plugin plugin;
        err_clear(&err);
        const char *path = path_join(catalogue->arena, folder, entries[i]->d_name);
        if (plugin_read(path, catalogue->arena, &plugin, &err) < 0) {
            add_problem(catalogue, path, &err);
        } else {
            catalogue_add(catalogue, &plugin);
        }
        free(entries[i]);
    }
    free(entries);
}

/* What was wrong with the file NAME.so, or, where `folder` is set, with a folder where it might have been; or NULL. */
static const char *problem_of(const struct catalogue *catalogue, struct str name, bool folder)
{
    for (size_t i = 0; i < catalogue->problem_count; i++) {
        const struct plugin_problem *problem = &catalogue->problems[i];
        struct str file = str_from(path_base(problem->path.p));
        bool is_folder = !str_ends(file, STR(".so"));
        if (folder ? is_folder : !is_folder && str_eq(str_slice(file, 0, file.n - 3), name)) {
            return problem->message.p;
        }
    }
    return NULL;
}

static int fail_unknown(const struct catalogue *catalogue, struct str name, struct arena *arena, struct err *err)
{
    struct str *names = arena_array(arena, catalogue->count, sizeof *names);
    for (size_t i = 0; i < catalogue->count; i++) {
        names[i] = catalogue->plugins[i].name;
    }
    ptrdiff_t near = str_nearest(name, names, catalogue->count);
    const char *problem = problem_of(catalogue, name, false);
    if (problem == NULL && near < 0) {
        problem = problem_of(catalogue, name, true);
    }
    if (str_find_byte(name, '/', 0) >= 0) {
        const char *path = path_normal(arena, arena_str(arena, name).p);
        return err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': a path names its file, such as '%s%s/%s.so'",
                       STR_ARG(name), path[0] == '/' || path[0] == '.' ? "" : "./", path, path_base(path));
    }
    if (problem != NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': %s", STR_ARG(name), problem);
    }
    if (near >= 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': did you mean '%.*s'?", STR_ARG(name),
                       STR_ARG(names[near]));
    }
    return err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': 'sluice plugins' lists them", STR_ARG(name));
}

const struct plugin *catalogue_find(const struct catalogue *catalogue, struct str name_or_path, const char *folder,
                                    struct arena *arena, struct err *err)
{
    if (!str_ends(name_or_path, STR(".so"))) {
        const struct plugin *known = find_name(catalogue, name_or_path);
        if (known != NULL) {
            /* Growing moves the array; pipelines keep what they are given. */
            struct plugin *own = arena_one(arena, struct plugin);
            *own = *known;
            return own;
        }
        (void)fail_unknown(catalogue, name_or_path, arena, err);
        return NULL;
    }
    struct plugin *plugin = arena_one(arena, struct plugin);
    const char *path = path_join(arena, folder == NULL ? "" : folder, arena_str(arena, name_or_path).p);
    path = folder == NULL ? path : path_normal(arena, path);
    return plugin_read(path, arena, plugin, err) < 0 ? NULL : plugin;
}

const struct plugin_param *plugin_find_param(const struct plugin *plugin, struct str name)
{
    for (size_t i = 0; i < plugin->param_count; i++) {
        if (str_eq(plugin->params[i].name, name)) {
            return &plugin->params[i];
        }
    }
    return NULL;
}

const struct plugin_output *plugin_find_output(const struct plugin *plugin, struct str name)
{
    for (size_t i = 0; i < plugin->output_count; i++) {
        if (str_eq(plugin->outputs[i].name, name)) {
            return &plugin->outputs[i];
        }
    }
    return NULL;
}
