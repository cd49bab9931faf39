/* SPDX-License-Identifier: Apache-2.0
 * schema: what an editor needs to complete and check pipeline files.
 */
#include "cli/commands.h"
#include "cli/session.h"
#include "pipeline/json_schema.h"

#include <stdio.h>

static int run_schema(struct cli *cli)
{
    struct catalogue catalogue;
    session_catalogue(cli, &catalogue);
    for (int i = 0; i < cli->argument_count; i++) {
        struct err err = {0};
        struct plugin plugin;
        if (plugin_read(cli->arguments[i], cli->arena, &plugin, &err) < 0) {
            return cli_fail(cli, EXIT_USAGE, &err);
        }
        catalogue_add(&catalogue, &plugin);
    }
    struct json schema = pipeline_json_schema(&catalogue, cli->arena);
    printf("%s\n", json_text(cli->arena, &schema).p);
    return EXIT_OK;
}

const struct command command_schema = {
    .name = "schema",
    .group = "Write",
    .summary = "print a JSON Schema of pipeline files, for editors",
    .arguments = "[PLUGIN.so...]",
    .details =
        "The inputs of the standard plugins are in it, of those in SLUICE_PLUGINS, and of those named. Editors that\n"
        "use the YAML language server read it by a first line in the pipeline file:\n"
        "\n"
        "  # yaml-language-server: $schema=./sluice.schema.json\n"
        "\n"
        "Some tools read YAML 1.1, in which the key on is the value true: write it as \"on\" for them.",
    .examples = "sluice schema > sluice.schema.json",
    .max_arguments = -1,
    .run = run_schema,
};
