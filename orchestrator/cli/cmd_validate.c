/* SPDX-License-Identifier: Apache-2.0
 * validate: everything that is wrong with pipeline files, at once.
 */
#include "base/cgroup.h"
#include "base/fs.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/diag_print.h"
#include "cli/lua_compiler.h"
#include "cli/home.h"
#include "cli/secret_warning.h"
#include "cli/start.h"
#include "cli/validate_home.h"
#include "config/supply.h"

#include <stdio.h>
#include <stdlib.h>

static int format_of(const struct cli *cli, enum diag_format *ret_format, struct err *err)
{
    const char *word = option_value(cli, "format");
    int format = word == NULL ? (cli->json ? DIAG_FORMAT_JSON : DIAG_FORMAT_TEXT) : diag_format_parse(word);
    if (format < 0) {
        return err_set(err, ERR_INPUT, "--format '%s': expected text, json, sarif, github or gitlab", word);
    }
    *ret_format = (enum diag_format)format;
    return 0;
}

/* Those that are kept to be shown. */
static size_t count_errors(const struct diags *diags)
{
    size_t count = 0;
    for (size_t i = 0; i < diags->count; i++) {
        count += diags->items[i].level == DIAG_ERROR ? 1 : 0;
    }
    return count;
}

static void print_verdicts(const struct diags *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t warnings = files[i].count - files[i].errors;
        if (files[i].errors == 0) {
            printf("%s: valid%s\n", files[i].file,
                   warnings == 0   ? ""
                   : warnings == 1 ? ", 1 warning"
                                   : ", with warnings");
        } else {
            size_t shown = count_errors(&files[i]);
            printf("%s: %zu error%s", files[i].file, files[i].errors, files[i].errors == 1 ? "" : "s");
            if (shown < files[i].errors) {
                printf(", %zu of them shown", shown);
            }
            printf("\n");
        }
    }
}

/* What steps may ask for, and who can be told, when there is a home whose config.yaml can be read: else nothing is
 * known of pools and channels. */
static void know_supply(struct cli *cli, struct pipeline_world *world)
{
    const char *home = home_find(option_value(cli, "home"), cli->arena);
    const char *file = path_join(cli->arena, home, "config.yaml");
    struct config config;
    struct diags diags;
    diags_init(&diags, cli->arena, file);
    if (fs_is_folder(home) && config_load(file, &diags, &config) == 0) {
        config_supply(&config, cgroup_root(), getenv("CUDA_VISIBLE_DEVICES"), &world->supply, &world->supply_count);
        world->channels = config.channels.names;
        world->channel_count = config.channels.channel_count;
    }
}

static int validate_files(struct cli *cli, const struct pipeline_world *known, struct diags **ret_files,
                          size_t *ret_count, struct err *err)
{
    static const char *const standard[] = {"sluice.yaml"};
    const char *const *names = cli->argument_count > 0 ? cli->arguments : standard;
    size_t count = cli->argument_count > 0 ? (size_t)cli->argument_count : 1;
    struct diags *files = arena_array(cli->arena, count, sizeof *files);
    for (size_t i = 0; i < count; i++) {
        struct pipeline_world world = *known;
        if (start_workspace(cli, names[i], &world.root, err) < 0) {
            return -1;
        }
        lua_compiler_join(cli, &world);
        diags_init(&files[i], cli->arena, names[i]);
        if (strcmp(names[i], "-") != 0 && !fs_exists(names[i])) {
            diag_add(&files[i], DIAG_FILE, (struct pos){0}, start_missing_file(cli, names[i]), "there is no file '%s'",
                     names[i]);
            continue;
        }
        const struct pipeline *pipeline = pipeline_load_file(names[i], &files[i], &world);
        if (pipeline != NULL) {
            secret_warning_look(cli, pipeline, &files[i]);
        }
    }
    *ret_files = files;
    *ret_count = count;
    return 0;
}

static int run_validate(struct cli *cli)
{
    struct err err = {0};
    enum diag_format format = DIAG_FORMAT_TEXT;
    struct catalogue catalogue;
    struct diags *files = NULL;
    size_t count = 0;
    bool of_home = cli->argument_count == 0 && option_given(cli, "home");
    if (format_of(cli, &format, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    session_catalogue(cli, &catalogue);
    struct pipeline_world known = {.plugins = &catalogue, .check_files = true};
    know_supply(cli, &known);
    if (of_home && validate_home(cli, &known, &files, &count, &err) < 0) {
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    if (!of_home && validate_files(cli, &known, &files, &count, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    bool valid = true;
    for (size_t i = 0; i < count; i++) {
        valid = valid && files[i].errors == 0;
    }
    diag_print(format, files, count, cli->colour, stdout);
    if (format == DIAG_FORMAT_TEXT && !cli->quiet) {
        print_verdicts(files, count);
    }
    return valid ? EXIT_OK : EXIT_INVALID;
}

static const struct option_row validate_options[] = {
    {"workspace", 0, "FOLDER", false,
     "where relative paths start (default: the root of the git checkout of FILE, else its folder)"},
    {"format", 0, "FORMAT", false,
     "text, json, sarif (for code scanning), github (annotations in a workflow) or gitlab (Code Quality)"},
    {0},
};

const struct command command_validate = {
    .name = "validate",
    .group = "Write",
    .summary = "check pipeline files: every error at once, with its place and a hint",
    .arguments = "[FILE...]",
    .details =
        "Checks keys, types, names in expressions, plugins and their inputs, cycles, cron expressions, shell quoting, "
        "and that Lua scripts compile. Nothing runs and no\n"
        "home is needed; with one, secrets that it does not have are warnings, and its config.yaml says what steps "
        "may\n"
        "ask for. Exit code 3 when a file is not valid. docs/pipelines.md lists the codes.\n"
        "\n"
        "With --home and no FILE: what the home counts on is checked, by this version: the definition of every open "
        "run, and of the newest run of each pipeline. The home is only read, also while another version holds it.",
    .examples = "sluice validate\nsluice validate pipelines/*.yaml --format github\nsluice validate --home /srv/wine",
    .options = validate_options,
    .max_arguments = -1,
    .run = run_validate,
};
