/* SPDX-License-Identifier: Apache-2.0
 * graph: a pipeline drawn.
 */
#include "cli/commands.h"
#include "cli/graph.h"
#include "cli/start.h"
#include "view/graph_json.h"

static int run_graph(struct cli *cli)
{
    static const struct {
        const char *name;
        void (*draw)(const struct pipeline *pipeline, struct arena *arena, FILE *out);
    } formats[] = {{"text", graph_text}, {"mermaid", graph_mermaid}, {"dot", graph_dot}};
    enum { FORMATS = sizeof formats / sizeof formats[0] };
    struct err err = {0};
    struct catalogue catalogue;
    const char *format = option_given(cli, "format") ? option_value(cli, "format") : "text";
    const char *file = cli->argument_count > 0 ? cli->arguments[0] : "sluice.yaml";
    const char *workspace = NULL;
    size_t chosen = 0;
    int code = EXIT_OK;
    while (chosen < FORMATS && strcmp(format, formats[chosen].name) != 0) {
        chosen++;
    }
    if (chosen == FORMATS) {
        (void)err_set(&err, ERR_INPUT, "--format '%s': expected text, mermaid or dot", format);
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    session_catalogue(cli, &catalogue);
    if (start_workspace(cli, file, &workspace, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    const struct pipeline *pipeline = start_load(cli, &catalogue, file, workspace, START_TO_LOOK, cli->arena, &code);
    if (pipeline == NULL) {
        return code;
    }
    if (cli->json) {
        struct json graph = graph_json(pipeline, cli->arena);
        printf("%s\n", json_text(cli->arena, &graph).p);
    } else {
        formats[chosen].draw(pipeline, cli->arena, stdout);
    }
    return EXIT_OK;
}

static const struct option_row graph_options[] = {
    {"format", 0, "FORMAT", false, "text (default), mermaid (for Markdown) or dot (for Graphviz)"},
    {"workspace", 0, "FOLDER", false,
     "where relative paths start (default: the root of the git checkout of FILE, else its folder)"},
    {0},
};

const struct command command_graph = {
    .name = "graph",
    .group = "Write",
    .summary = "draw a pipeline: what runs after what",
    .arguments = "[FILE]",
    .details =
        "As text, one line a step, from a start (○) down along the lines to the steps that need it; an edge that\n"
        "follows from others is left out there. Mermaid, DOT and --json have every edge; dashed ones\n"
        "accept a skipped step.",
    .examples = "sluice graph\n"
                "sluice graph train.yaml --format mermaid\n"
                "sluice graph --format dot | dot -Tsvg > graph.svg",
    .options = graph_options,
    .max_arguments = 1,
    .run = run_graph,
};
