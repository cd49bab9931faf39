/* SPDX-License-Identifier: Apache-2.0
 * import: takes over what another MLflow store has.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/moving.h"
#include "cli/moving_door.h"
#include "cli/session.h"
#include "cli/table.h"
#include "store/activity.h"

#include <stdio.h>
#include <stdlib.h>

struct import_command {
    struct cli *cli;
    struct session session; /* of it: the home, and who asks */
    struct move_report report;
    struct move_source *source;
    struct move_import import;
    struct move_outcome outcome;
    struct moving_line line;
};

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

static int open_source(struct import_command *command, struct err *err)
{
    struct cli *cli = command->cli;
    const char *path = moving_database_path(cli->arguments[0]);
    struct move_server_door door;
    if (moving_is_url(path)) {
        return moving_door_open(cli, path, &door, err) < 0
                   ? -1
                   : move_server_open(&door, cli->arena, &command->report, &command->source, err);
    }
    if (!fs_exists(path)) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no '%s': expected a database of MLflow (mlflow.db), its folder (mlruns), or the URL "
                       "of its server", path);
    }
    if (fs_is_folder(path)) {
        return move_folder_open(path, cli->arena, &command->report, &command->source, err);
    }
    return move_database_open(path, cli->arena, &command->report, &command->source, err);
}

/* Where MLflow's server keeps files unless it is told otherwise: beside its database. */
static int find_root(struct import_command *command, struct err *err)
{
    const char *given = option_value(command->cli, "artifacts-root");
    if (given != NULL) {
        if (!fs_is_folder(given)) {
            return err_set(err, ERR_INPUT, "--artifacts-root: there is no folder '%s'", given);
        }
        char *real = realpath(given, NULL);
        command->import.artifacts_root = real == NULL ? given : arena_strdup(command->cli->arena, real);
        free(real);
        return 0;
    }
    if (command->source->folder != NULL) {
        const char *usual = path_join(command->cli->arena, command->source->folder, "mlartifacts");
        command->import.artifacts_root = fs_is_folder(usual) ? usual : NULL;
    }
    return 0;
}

/* Without a home, --dry-run compares with nothing. */
static int open_home(struct import_command *command, struct err *err)
{
    const char *difference = NULL;
    struct cli *cli = command->cli;
    const char *given = option_value(cli, "home");
    bool dry = command->import.dry;
    command->session = (struct session){.cli = cli, .home.lock_fd = -1};
    command->import.home = home_find(given, cli->arena);
    if (dry && !fs_exists(path_join(cli->arena, command->import.home, "sluice.db"))) {
        return 0;
    }
    if (config_load_home(command->import.home, cli->arena, &command->session.config_diags, &command->session.config,
                         err) < 0 ||
        home_open(given, dry ? HOME_READ : HOME_WRITE, "import", cli->arena, &command->session.home, err) < 0) {
        return -1;
    }
    session_actor(&command->session);
    command->import.by = (struct mover){.actor = command->session.actor, .door = "import"};
    if (!dry && session_take_config(&command->session, command->session.actor, &difference, err) < 0) {
        return -1;
    }
    command->import.store = command->session.home.store;
    return 0;
}

/* ---- what is printed -------------------------------------------------------------------------------------------- */

static struct json count_json(const struct move_count *count, struct arena *arena)
{
    struct json object = json_object();
    json_add(arena, &object, "there", json_int(count->there));
    json_add(arena, &object, "imported", json_int(count->moved));
    json_add(arena, &object, "before", json_int(count->before));
    json_add(arena, &object, "left_out", json_int(count->left));
    json_add(arena, &object, "differ", json_int(count->differ));
    return object;
}

static bool is_good(const struct import_command *command)
{
    const struct move_outcome *outcome = &command->outcome;
    int64_t differ = outcome->changed ? 1 : 0;
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        differ += outcome->counts[kind].differ;
    }
    return differ == 0 && outcome->unreached == 0;
}

static void print_json(struct import_command *command)
{
    struct arena *arena = command->cli->arena;
    const struct move_outcome *outcome = &command->outcome;
    struct json object = json_object();
    struct json records = json_object();
    struct json files = json_object();
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        json_add(arena, &records, moving_kinds[kind], count_json(&outcome->counts[kind], arena));
    }
    json_add(arena, &files, "imported", json_int(outcome->files));
    json_add(arena, &files, "bytes", json_int(outcome->bytes));
    json_add(arena, &files, "before", json_int(outcome->files_before));
    json_add(arena, &files, "folders_not_there", json_int(outcome->missing_folders));
    json_add(arena, &files, "stay", json_int(outcome->references));
    json_add(arena, &object, "source", json_cstring(arena, command->source->name));
    json_add(arena, &object, "dry_run", json_bool(command->import.dry));
    json_add(arena, &object, "records", records);
    json_add(arena, &object, "points", json_int(outcome->points));
    json_add(arena, &object, "files", files);
    json_add(arena, &object, "changed", json_bool(outcome->changed));
    json_add(arena, &object, "verified", json_bool(!command->import.dry && is_good(command)));
    moving_report_json(&command->report, arena, &object);
    printf("%s\n", json_text(arena, &object).p);
}

static void print_table(struct import_command *command)
{
    static const char *const dry[] = {"records", "there", "would come", "are here", "left out", NULL};
    static const char *const done[] = {"records", "there", "imported", "were here", "left out", "differ", NULL};
    struct table table;
    table_init(&table, command->cli, command->import.dry ? dry : done);
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        const struct move_count *count = &command->outcome.counts[kind];
        struct json cells[] = {
            json_cstring(command->cli->arena, moving_kinds[kind]),
            json_int(count->there),
            json_int(count->moved),
            json_int(count->before),
            json_int(count->left),
            json_int(count->differ),
        };
        table_row(&table, cells);
    }
    table_print(&table, "");
}

static void print_files(const struct import_command *command)
{
    const struct move_outcome *outcome = &command->outcome;
    char size[40];
    format_size(size, sizeof size, outcome->bytes);
    printf("\n%lld points of metrics, %lld files (%s)%s", (long long)outcome->points, (long long)outcome->files, size,
           command->import.dry ? " would come" : "");
    if (outcome->files_before > 0) {
        printf(", %lld files were here", (long long)outcome->files_before);
    }
    printf("\n");
    if (outcome->references > 0) {
        printf("note: the files of %lld records stay where they are; the home serves none of them\n",
               (long long)outcome->references);
    }
    if (outcome->missing_folders > 0) {
        printf("note: %lld records name a folder of files that is not there: they have none, or it was moved\n",
               (long long)outcome->missing_folders);
    }
}

static void print_people(const struct import_command *command)
{
    moving_report_print(&command->report);
    if (command->outcome.unreached > 0) {
        (void)fprintf(stderr, "sluice: the files of %lld records are at mlflow-artifacts:/, where only their server "
                      "reaches them: say with --artifacts-root where it keeps them, and import again\n",
                      (long long)command->outcome.unreached);
    }
    if (command->outcome.changed) {
        (void)fprintf(stderr, "sluice: '%s' was written to while it was read: import again once nobody writes, and "
                      "what is new comes, too\n", command->source->name);
    }
    if (!command->import.dry) {
        printf("%s\n", is_good(command) ? "compared: the home has what the source says" : "compared: see above");
    }
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static int note_activity(struct import_command *command, struct err *err)
{
    struct arena *arena = command->cli->arena;
    const struct move_count *runs = &command->outcome.counts[MOVED_RUN];
    struct activity activity = {
        .at_ms = command->import.now_ms,
        .actor = command->session.actor,
        .action = "records.imported",
        .object = arena_printf(arena, "store %s", command->source->name),
        .object_id = command->source->name,
        .from_state = "",
        .to_state = is_good(command) ? "compared" : "differs",
        .reason = arena_printf(arena, "%lld runs imported, %lld were here", (long long)runs->moved,
                               (long long)runs->before),
        .evidence_sha256 = "",
    };
    struct store *store = command->import.store;
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (store_activity_append(store, &activity, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

static int prepare(struct import_command *command, struct err *err)
{
    struct cli *cli = command->cli;
    command->import = (struct move_import){
        .dry = option_given(cli, "dry-run"),
        .strict = option_given(cli, "strict"),
        .rename = option_given(cli, "rename"),
        .now_ms = clock_wall_ms(&clock_system),
        .arena = cli->arena,
        .report = &command->report,
        .progress = moving_line_draw,
        .progress_context = &command->line,
    };
    move_report_init(&command->report, cli->arena);
    moving_line_init(&command->line, cli);
    if (moving_mode(cli, &command->import.mode, err) < 0 || open_source(command, err) < 0 ||
        find_root(command, err) < 0) {
        return -1;
    }
    command->import.source = command->source;
    return open_home(command, err);
}

static int run_import(struct cli *cli)
{
    struct err err = {0};
    struct import_command command = {.cli = cli, .session.home.lock_fd = -1};
    int result = prepare(&command, &err);
    if (result == 0) {
        result = move_import(&command.import, &command.outcome, &err);
        moving_line_end(&command.line);
    }
    if (result == 0 && !command.import.dry) {
        result = note_activity(&command, &err);
    }
    if (result == 0 && cli->json) {
        print_json(&command);
    } else if (result == 0 && !cli->quiet) {
        print_table(&command);
        print_files(&command);
        print_people(&command);
    }
    move_source_close(command.source);
    home_close(&command.session.home);
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : is_good(&command) ? EXIT_OK : EXIT_RUN_FAILED;
}

static const struct option_row import_options[] = {
    {"artifacts", 0, "copy|link|reference", false,
     "files of runs and models: copied (the default), hard links, or left where they are"},
    {"artifacts-root", 0, "DIR", false, "the folder that mlflow-artifacts:/ stands for; else mlartifacts beside it"},
    {"dry-run", 'n', NULL, false, "write nothing: print what there is, and what would be in the way"},
    {"rename", 0, NULL, false, "experiments and models whose number or name is taken here get another"},
    {"strict", 0, NULL, false, "a record that cannot be read is an error; else it is left out, and told"},
    {0},
};

const struct command command_import = {
    .name = "import",
    .group = "Home",
    .summary = "take over what MLflow has in its database, folder or server",
    .arguments = "SOURCE",
    .min_arguments = 1,
    .max_arguments = 1,
    .details =
        "SOURCE is a database of MLflow 2 or 3 (mlflow.db, or sqlite:///mlflow.db), its folder mlruns, or the "
        "URL of its server. It is only read. Ids, names, times, states and what was deleted stay as they are.\n"
        "\n"
        "What was ended in the middle, by whatever, goes on when it is begun again, and what the source has got since "
        "comes, too. At the end all is compared, record by record; the exit status is 1 if something differs.",
    .examples = "sluice import mlflow.db --dry-run\nsluice import mlruns --artifacts link",
    .options = import_options,
    .run = run_import,
};
