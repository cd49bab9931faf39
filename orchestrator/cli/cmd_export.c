/* SPDX-License-Identifier: Apache-2.0
 * export: writes what the home has as a store of MLflow.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/moving.h"
#include "cli/table.h"
#include "move/export.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct export_command {
    struct cli *cli;
    struct home home;
    struct move_report report;
    struct move_export export;
    struct export_outcome outcome;
    struct moving_line line;
};

/* A name with ".db" behind it is a database, any other a folder. */
static int open_sink(struct export_command *command, struct err *err)
{
    struct cli *cli = command->cli;
    char here[PATH_MAX];
    const char *path = moving_database_path(cli->arguments[0]);
    bool database = path != cli->arguments[0] || str_ends(str_from(path), STR(".db"));
    bool served = option_given(cli, "served");
    if (getcwd(here, sizeof here) == NULL) {
        return err_errno(err, "the current folder");
    }
    path = path_normal(cli->arena, path_join(cli->arena, here, path));
    command->export.path = path;
    if (!database && served) {
        return err_set(err, ERR_INPUT, "--served: a server keeps files for a database: expected a name as mlflow.db, "
                       "found '%s'", cli->arguments[0]);
    }
    command->export.open = database ? move_database_open : move_folder_open;
    return database ? move_database_sink(path, served, cli->arena, &command->report, &command->export.sink, err)
                    : move_folder_sink(path, cli->arena, &command->report, &command->export.sink, err);
}

static int prepare(struct export_command *command, struct err *err)
{
    struct cli *cli = command->cli;
    command->export = (struct move_export){
        .arena = cli->arena,
        .report = &command->report,
        .progress = moving_line_draw,
        .progress_context = &command->line,
    };
    move_report_init(&command->report, cli->arena);
    moving_line_init(&command->line, cli);
    if (moving_mode(cli, &command->export.mode, err) < 0 ||
        home_open(option_value(cli, "home"), HOME_READ, "export", cli->arena, &command->home, err) < 0) {
        return -1;
    }
    command->export.store = command->home.store;
    command->export.home = command->home.path;
    return open_sink(command, err);
}

/* ---- what is printed -------------------------------------------------------------------------------------------- */

static bool is_good(const struct export_command *command)
{
    int64_t wrong = 0;
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        wrong += command->outcome.counts[kind].differ + command->outcome.counts[kind].left;
    }
    return wrong == 0;
}

static void print_json(struct export_command *command)
{
    struct arena *arena = command->cli->arena;
    const struct export_outcome *outcome = &command->outcome;
    struct json object = json_object();
    struct json records = json_object();
    struct json files = json_object();
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        struct json count = json_object();
        json_add(arena, &count, "exported", json_int(outcome->counts[kind].moved));
        json_add(arena, &count, "not_all_of_it", json_int(outcome->counts[kind].lossy));
        json_add(arena, &count, "left_out", json_int(outcome->counts[kind].left));
        json_add(arena, &count, "differ", json_int(outcome->counts[kind].differ));
        json_add(arena, &records, moving_kinds[kind], count);
    }
    json_add(arena, &files, "exported", json_int(outcome->files));
    json_add(arena, &files, "bytes", json_int(outcome->bytes));
    json_add(arena, &files, "stay", json_int(outcome->references));
    json_add(arena, &object, "target", json_cstring(arena, command->export.path));
    json_add(arena, &object, "records", records);
    json_add(arena, &object, "points", json_int(outcome->points));
    json_add(arena, &object, "files", files);
    json_add(arena, &object, "verified", json_bool(is_good(command)));
    moving_report_json(&command->report, arena, &object);
    printf("%s\n", json_text(arena, &object).p);
}

static void print_people(struct export_command *command)
{
    static const char *const columns[] = {"records", "exported", "not all of it", "left out", "differ", NULL};
    const struct export_outcome *outcome = &command->outcome;
    struct table table;
    char size[40];
    table_init(&table, command->cli, columns);
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        const struct export_count *count = &outcome->counts[kind];
        struct json cells[] = {
            json_cstring(command->cli->arena, moving_kinds[kind]),
            json_int(count->moved),
            json_int(count->lossy),
            json_int(count->left),
            json_int(count->differ),
        };
        table_row(&table, cells);
    }
    table_print(&table, "");
    format_size(size, sizeof size, outcome->bytes);
    printf("\n%lld points of metrics, %lld files (%s)\n", (long long)outcome->points, (long long)outcome->files, size);
    if (outcome->references > 0) {
        printf("note: the files of %lld records stay where they are\n", (long long)outcome->references);
    }
    moving_report_print(&command->report);
    printf("%s\n", is_good(command) ? "compared: MLflow's store says what the home has" : "compared: see above");
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static int run_export(struct cli *cli)
{
    struct err err = {0};
    struct export_command command = {.cli = cli, .home.lock_fd = -1};
    int result = prepare(&command, &err);
    if (result == 0) {
        result = move_export(&command.export, &command.outcome, &err);
        moving_line_end(&command.line);
    }
    if (result == 0 && cli->json) {
        print_json(&command);
    } else if (result == 0 && !cli->quiet) {
        print_people(&command);
    }
    if (command.export.sink != NULL) {
        command.export.sink->ops->close(command.export.sink);
    }
    home_close(&command.home);
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : is_good(&command) ? EXIT_OK : EXIT_RUN_FAILED;
}

static const struct option_row export_options[] = {
    {"artifacts", 0, "copy|link|reference", false,
     "files of runs and models: copied (the default), hard links, or left in the home"},
    {"served", 0, NULL, false,
     "for a server that hands out files itself: their places begin with mlflow-artifacts:/, not with a path"},
    {0},
};

const struct command command_export = {
    .name = "export",
    .group = "Home",
    .summary = "write what there is as a database or folder of MLflow",
    .arguments = "TARGET",
    .min_arguments = 1,
    .max_arguments = 1,
    .details =
        "TARGET is a new database when its name ends in .db (its files go to mlartifacts beside it), else a new folder "
        "as mlruns. Ids, names, times, states and what was deleted stay as they are; the home is only read.\n"
        "\n"
        "The database is one of MLflow 3.17: a later one opens it after \"mlflow db upgrade\". What ends in the middle "
        "leaves nothing under that name. At the end all is compared, record by record; the exit status is 1 if "
        "something differs.",
    .examples = "sluice export mlflow.db --served\nsluice export mlruns --artifacts link",
    .options = export_options,
    .run = run_export,
};
