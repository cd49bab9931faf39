/* SPDX-License-Identifier: Apache-2.0
 * plugins, plugins show: what `uses` may name, and what each takes and leaves. Read from the files; nothing is loaded.
 */
#include "cli/commands.h"
#include "cli/plugin_words.h"
#include "cli/session.h"
#include "cli/table.h"

#include <stdio.h>

/* ---- plugins ---------------------------------------------------------------------------------------------- */

static int run_plugins(struct cli *cli)
{
    static const char *const headings[] = {"plugin", "version", "gate", "repeatable", "summary", NULL};
    struct catalogue catalogue;
    struct table table;
    session_catalogue(cli, &catalogue);
    table_init(&table, cli, headings);
    for (size_t i = 0; i < catalogue.count; i++) {
        const struct plugin *plugin = &catalogue.plugins[i];
        struct json cells[] = {
            json_string(cli->arena, plugin->name),    json_string(cli->arena, plugin->version),
            json_bool(plugin->gate),                  json_bool(plugin->repeatable),
            json_string(cli->arena, plugin->summary),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no plugins: is the installation whole? 'sluice doctor' tells");
    for (size_t i = 0; i < catalogue.problem_count; i++) {
        fprintf(stderr, "sluice: %.*s\n", STR_ARG(catalogue.problems[i].message));
    }
    return EXIT_OK;
}

const struct command command_plugins = {
    .name = "plugins",
    .group = "Write",
    .summary = "the plugins that steps may use",
    .details = "Those of the installation, and those in the folder SLUICE_PLUGINS, which come first. A gate may\n"
               "refuse; a repeatable plugin may run twice without harm, so that 'defaults: {retry}' binds to it.",
    .examples = "sluice plugins\nsluice plugins show evaluate",
    .run = run_plugins,
};

/* ---- plugins show ------------------------------------------------------------------------------------------- */

static int find_plugin(struct cli *cli, struct plugin *ret_plugin, struct err *err)
{
    struct catalogue catalogue;
    session_catalogue(cli, &catalogue);
    const struct plugin *found = catalogue_find(&catalogue, str_from(cli->arguments[0]), NULL, cli->arena, err);
    if (found == NULL) {
        return -1;
    }
    *ret_plugin = *found;
    return 0;
}

static int run_plugins_show(struct cli *cli)
{
    struct err err = {0};
    struct plugin plugin;
    if (find_plugin(cli, &plugin, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (cli->json) {
        struct json object = plugin_json(&plugin, cli->arena);
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        plugin_print(&plugin, cli->arena, stdout);
    }
    return EXIT_OK;
}

const struct command command_plugins_show = {
    .name = "plugins show",
    .group = "Write",
    .summary = "what a plugin takes and leaves",
    .arguments = "PLUGIN",
    .details = "PLUGIN is a name, or the path of a .so file. Its inputs stand in 'with:', its outputs are\n"
               "steps.ID.NAME. The file is read, not loaded.",
    .examples = "sluice plugins show evaluate\nsluice plugins show ./greet.so --json",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_plugins_show,
};
