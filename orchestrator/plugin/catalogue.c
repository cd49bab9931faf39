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

static void add_problem(struct catalogue *catalogue, const char *message)
{
    struct str *wider = arena_array(catalogue->arena, catalogue->problem_count + 1, sizeof *wider);
    if (catalogue->problem_count > 0) {
        memcpy(wider, catalogue->problems, catalogue->problem_count * sizeof *wider);
    }
    wider[catalogue->problem_count++] = arena_str(catalogue->arena, str_from(message));
    catalogue->problems = wider;
}

static int is_plugin_file(const struct dirent *entry)
{
    return str_ends(str_from(entry->d_name), STR(".so"));
}

void catalogue_add_folder(struct catalogue *catalogue, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_plugin_file, alphasort);
    for (int i = 0; i < count; i++) {
        struct plugin plugin;
        struct err err = {0};
        const char *path = path_join(catalogue->arena, folder, entries[i]->d_name);
        if (plugin_read(path, catalogue->arena, &plugin, &err) < 0) {
            add_problem(catalogue, err.message);
        } else {
            catalogue_add(catalogue, &plugin);
        }
        free(entries[i]);
    }
    free(entries);
}

const struct plugin *catalogue_find(struct catalogue *catalogue, struct str name_or_path, const char *folder,
                                    struct err *err)
{
    struct arena *arena = catalogue->arena;
    if (!str_ends(name_or_path, STR(".so"))) {
        const struct plugin *known = find_name(catalogue, name_or_path);
        if (known != NULL) {
            /* Growing moves the array; pipelines keep what they are given. */
            struct plugin *own = arena_one(arena, struct plugin);
            *own = *known;
            return own;
        }
        struct str *names = arena_array(arena, catalogue->count, sizeof *names);
        for (size_t i = 0; i < catalogue->count; i++) {
            names[i] = catalogue->plugins[i].name;
        }
        ptrdiff_t near = str_nearest(name_or_path, names, catalogue->count);
        if (near >= 0) {
            (void)err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': did you mean '%.*s'?", STR_ARG(name_or_path),
                          STR_ARG(names[near]));
        } else {
            (void)err_set(err, ERR_NOT_FOUND, "there is no plugin '%.*s': 'sluice plugins' lists them",
                          STR_ARG(name_or_path));
        }
        return NULL;
    }
    struct plugin *plugin = arena_one(arena, struct plugin);
    const char *path = path_join(arena, folder == NULL ? "." : folder, arena_str(arena, name_or_path).p);
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
