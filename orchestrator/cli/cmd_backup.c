/* SPDX-License-Identifier: Apache-2.0
 * backup, backup list, backup verify: a copy of the home as it is at one moment, also while it is in use.
 */
#include "backup/check.h"
#include "backup/make.h"
#include "backup/target.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/backup_note.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"

#include <stdio.h>
#include <unistd.h>

static const int64_t log_bytes_default = (int64_t)1 << 30;

/* ---- backup ----------------------------------------------------------------------------------------------------- */

static int read_numbers(const struct cli *cli, struct backup_options *options, struct err *err)
{
    int64_t keep = 0;
    const char *most = option_value(cli, "log-budget");
    const char *count = option_value(cli, "keep");
    options->log_bytes_max = log_bytes_default;
    if (most != NULL && parse_size_bytes(str_from(most), &options->log_bytes_max, err) < 0) {
        return err_add(err, "--log-budget");
    }
    if (count != NULL && parse_int(str_from(count), 1, 1000000, &keep, err) < 0) {
        return err_add(err, "--keep");
    }
    options->keep = (size_t)keep;
    return 0;
}

/* The work: it only reads what is in the home, whoever holds that. */
static int make(struct cli *cli, struct backup_result *ret, struct err *err)
{
    unsigned char key[HOME_KEY_BYTES];
    struct home home;
    struct err no_key = {0};
    struct backup_options options = {
        .target = cli->arguments[0],
        .with_key = option_given(cli, "with-key"),
        .sluice = SLUICE_VERSION,
        .now_ms = clock_wall_ms(&clock_system),
        .arena = cli->arena,
    };
    if (read_numbers(cli, &options, err) < 0 ||
        home_open(option_value(cli, "home"), HOME_READ, "backup", cli->arena, &home, err) < 0) {
        return -1;
    }
    options.store = home.store;
    options.home = home.path;
    options.key = home_read_key(home.path, false, key, &no_key) == 0 ? key : NULL;
    int result = options.with_key && options.key == NULL ? err_set(err, no_key.code, "%s", no_key.message)
                 : home_pin(&home, false, err) < 0       ? -1
                                                         : backup_make(&options, ret, err);
    explicit_bzero(key, sizeof key);
    home_close(&home);
    return result;
}

/* The holder of the home writes what is to be written in it. */
static int note(struct cli *cli, const struct backup_result *result, struct err *err)
{
    struct session session;
    struct json outcome;
    struct json document = json_object();
    struct session_options options = {.doing = "backup", .starts_nothing = true};
    json_set(cli->arena, &document, "path", json_cstring(cli->arena, result->path));
    json_set(cli->arena, &document, "sha256", json_cstring(cli->arena, result->manifest.digest.hex));
    json_set(cli->arena, &document, "files", json_int(result->manifest.file_count));
    json_set(cli->arena, &document, "bytes", json_int(result->manifest.bytes));
    if (session_join(cli, &options, &session, err) < 0) {
        return -1;
    }
    int ours = session_ask_holder(&session, "backup", &document, &outcome, err);
    if (ours == 1) {
        ours = backup_note_obey(session.home.store, &document, session.actor, cli->arena, err);
    }
    session_close(&session);
    return ours < 0 ? -1 : 0;
}

static void print_json(struct cli *cli, const struct backup_result *result)
{
    struct json object = json_object();
    const struct backup_manifest *manifest = &result->manifest;
    json_set(cli->arena, &object, "backup", json_cstring(cli->arena, result->path));
    json_set(cli->arena, &object, "sha256", json_cstring(cli->arena, manifest->digest.hex));
    json_set(cli->arena, &object, "activity_head", json_cstring(cli->arena, manifest->activity_head));
    json_set(cli->arena, &object, "files", json_int(manifest->file_count));
    json_set(cli->arena, &object, "bytes", json_int(manifest->bytes));
    json_set(cli->arena, &object, "copied_files", json_int(result->copied_files));
    json_set(cli->arena, &object, "copied_bytes", json_int(result->copied_bytes));
    json_set(cli->arena, &object, "open_runs", json_int(manifest->open_runs));
    json_set(cli->arena, &object, "key", json_bool(manifest->has_key));
    json_set(cli->arena, &object, "removed", json_int((int64_t)result->removed));
    json_set(cli->arena, &object, "wrong", json_int((int64_t)result->wrong));
    json_set(cli->arena, &object, "skipped", json_int((int64_t)result->skipped));
    printf("%s\n", json_text(cli->arena, &object).p);
}

static void print_people(const struct backup_result *result)
{
    char all[40];
    char copied[40];
    format_size(all, sizeof all, result->manifest.bytes);
    format_size(copied, sizeof copied, result->copied_bytes);
    printf("%s\n%lld files, %s; %lld copied, %s; manifest %s\n", result->path, (long long)result->manifest.file_count,
           all, (long long)result->copied_files, copied, result->manifest.digest.hex);
    if (!result->manifest.has_key) {
        printf("without the key of the home: keep that elsewhere (sluice restore --key)\n");
    }
    if (result->removed > 0) {
        printf("removed %zu older\n", result->removed);
    }
}

/* What the home itself has lost already is no fault of the backup, but somebody must know. */
static int say_faults(const struct backup_result *result)
{
    if (result->skipped > 0) {
        fprintf(stderr, "sluice: %zu links or devices among the artifacts are not in the backup: the first is '%s'\n",
                result->skipped, result->skipped_first);
    }
    if (result->wrong > 0) {
        fprintf(stderr, "sluice: %zu artifacts of the home are not what was recorded: the first: %s\n", result->wrong,
                result->wrong_first);
    }
    return result->wrong + result->skipped > 0 ? EXIT_RUN_FAILED : EXIT_OK;
}

static int run_backup(struct cli *cli)
{
    struct err err = {0};
    struct backup_result result;
    if (make(cli, &result, &err) < 0) {
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    if (cli->json) {
        print_json(cli, &result);
    } else if (!cli->quiet) {
        print_people(&result);
    }
    if (note(cli, &result, &err) < 0) {
        fprintf(stderr, "sluice: the backup is whole, but the home could not record it: %s\n", err.message);
        return EXIT_HOME;
    }
    return say_faults(&result);
}

static const struct option_row backup_options[] = {
    {"keep", 0, "N", false, "keep the newest N backups in the folder, with this one, and remove those before"},
    {"with-key", 0, NULL, false,
     "the home's key, too: whoever has the backup can then open every sealed secret, and write an activity log that "
     "verifies"},
    {"log-budget", 0, "SIZE", false,
     "give up when the write-ahead log grows by more than this while the database is copied (default: 1G)"},
    {0},
};

const struct command command_backup = {
    .name = "backup",
    .group = "Home",
    .summary = "copy the home as it is at one moment, also while it is in use",
    .arguments = "FOLDER",
    .details =
        "Makes FOLDER/2026-11-27T03-35-11Z (the time in UTC) with the database, the artifacts, the journals and "
        "config.yaml, digests of all of it, and a manifest. Artifacts that have not changed since the newest backup "
        "in FOLDER are not copied again; each backup is complete all the same, and may be removed by itself.\n"
        "\n"
        "The home stays in use: one reader copies the database, and whoever holds the home only notes that a backup "
        "was made. Not in it: the key (unless --with-key), working folders of steps, Python environments, uploads "
        "that have not ended. The exit code is 1 when the backup is whole but the home has files that are not what "
        "was recorded.",
    .examples = "sluice backup /mnt/backups/wine\nsluice backup --keep 14 /mnt/backups/wine",
    .options = backup_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_backup,
};

/* ---- list ------------------------------------------------------------------------------------------------------- */

static int run_list(struct cli *cli)
{
    static const char *const headings[] = {"backup", "made_at", "files", "size_bytes", "open_runs", "key", "sluice",
                                           NULL};
    struct table table;
    size_t count = 0;
    const char *folder = cli->arguments[0];
    const char *const *names = backup_target_list(folder, cli->arena, &count);
    table_init(&table, cli, headings);
    for (size_t i = 0; i < count; i++) {
        struct backup_manifest manifest;
        struct backup_list list;
        struct err err = {0};
        if (backup_manifest_read(path_join(cli->arena, folder, names[i]), cli->arena, &manifest, &list, &err) < 0) {
            fprintf(stderr, "sluice: %s\n", err.message);
            continue;
        }
        const struct json cells[] = {
            table_text(cli, names[i]),        table_moment(cli, manifest.made_ms),
            json_int(manifest.file_count),    table_size(cli, manifest.bytes),
            json_int(manifest.open_runs),     cli->json ? json_bool(manifest.has_key)
                                                        : table_text(cli, manifest.has_key ? "yes" : ""),
            table_text(cli, manifest.sluice),
        };
        table_row(&table, cells);
    }
    table_print(&table, "no backups");
    return EXIT_OK;
}

const struct command command_backup_list = {
    .name = "backup list",
    .group = "Home",
    .summary = "the backups in a folder, oldest first",
    .arguments = "FOLDER",
    .examples = "sluice backup list /mnt/backups/wine",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_list,
};

/* ---- verify ----------------------------------------------------------------------------------------------------- */

static int check_store(struct cli *cli, const char *backup, const struct backup_manifest *manifest,
                       const struct backup_list *list, struct backup_faults *ret, struct err *err)
{
    struct store *store = NULL;
    if (manifest->schema != store_schema_version()) {
        return 0; /* what its rows mean, the sluice that reads it will say */
    }
    if (store_open(path_join(cli->arena, backup, "home/sluice.db"), STORE_READ_ONLY, &store, err) < 0) {
        return -1;
    }
    int result = store_check(store, err) < 0
                     ? -1
                     : backup_check_rows(store, manifest->home, list, cli->arena, ret, err);
    store_close(store);
    return result;
}

static int run_verify(struct cli *cli)
{
    struct err err = {0};
    struct backup_manifest manifest;
    struct backup_list list;
    struct backup_faults files = {0};
    struct backup_faults rows = {0};
    const char *backup = backup_target_find(cli->arguments[0], cli->arena, &err);
    if (backup == NULL || backup_manifest_read(backup, cli->arena, &manifest, &list, &err) < 0 ||
        backup_check_files(backup, &list, cli->arena, &files, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (files.count > 0) {
        (void)err_set(&err, ERR_CORRUPT, "%zu of %zu files: %s", files.count, list.count, files.first);
        return cli_fail(cli, EXIT_RUN_FAILED, &err);
    }
    if (check_store(cli, backup, &manifest, &list, &rows, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "holds", json_bool(true));
        json_set(cli->arena, &object, "sha256", json_cstring(cli->arena, manifest.digest.hex));
        json_set(cli->arena, &object, "files", json_int((int64_t)list.count));
        json_set(cli->arena, &object, "wrong", json_int((int64_t)rows.count));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        printf("the backup holds: %zu files, manifest %s\n", list.count, manifest.digest.hex);
    }
    if (rows.count > 0) {
        fprintf(stderr, "sluice: %zu artifacts were not what was recorded when it was made: the first: %s\n",
                rows.count, rows.first);
    }
    return rows.count > 0 ? EXIT_RUN_FAILED : EXIT_OK;
}

const struct command command_backup_verify = {
    .name = "backup verify",
    .group = "Home",
    .summary = "read a backup, and compare every file with its digest",
    .arguments = "BACKUP",
    .details = "BACKUP is what `sluice backup` made, or the folder with several: then the newest. Exit code 1 when "
               "something is not what was copied. The digest of the manifest that is printed is in the activity log "
               "of the home, too.",
    .examples = "sluice backup verify /mnt/backups/wine\n"
                "sluice backup verify /mnt/backups/wine/2026-11-27T03-35-11Z",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_verify,
};
