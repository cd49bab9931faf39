/* SPDX-License-Identifier: Apache-2.0
 * restore: a home from a backup.
 */
#include "backup/restore.h"
#include "backup/target.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "store/activity.h"

#include <stdio.h>
#include <unistd.h>

/* A key that is kept elsewhere takes the place of the one that the backup may have. */
static int put_key(const struct cli *cli, const char *staging, struct err *err)
{
    struct str key;
    const char *file = option_value(cli, "key");
    if (file == NULL) {
        return 0;
    }
    if (fs_read_file(file, HOME_KEY_BYTES + 1, cli->arena, &key, err) < 0) {
        return err_add(err, "--key");
    }
    int result = key.n == HOME_KEY_BYTES
                     ? fs_write(path_join(cli->arena, staging, "key"), key, 0600, true, err)
                     : err_set(err, ERR_INPUT, "--key %s: expected the %d bytes of a home's key, found %zu", file,
                               HOME_KEY_BYTES, key.n);
    explicit_bzero((char *)(uintptr_t)key.p, key.n);
    return result;
}

/* The key given must be the one that the log was written under; without any, it is held by the row that was added. */
static int verify(const struct cli *cli, const struct restore *restore, struct store *store, struct err *err)
{
    int64_t rows = 0;
    char head[96] = "";
    const char *before = restore->manifest.activity_head;
    bool has_head = *before != '\0' && strcmp(before, "0:") != 0;
    if (store_check(store, err) < 0 || store_activity_verify(store, has_head ? before : NULL, &rows, head, err) < 0) {
        return -1;
    }
    bool own_key = option_given(cli, "key") || restore->manifest.has_key;
    return own_key && store_activity_foreign(store) > 0
               ? err_set(err, ERR_INPUT, "%s is not that of the backup: the activity log was written under another",
                         option_given(cli, "key") ? "--key: the key" : "the key in the backup")
               : 0;
}

static int settle(const struct cli *cli, const struct restore *restore, struct err *err)
{
    struct session asking = {.cli = (struct cli *)(uintptr_t)cli};
    struct home home;
    if (put_key(cli, restore->staging, err) < 0 ||
        home_open(restore->staging, HOME_WRITE, "restore", cli->arena, &home, err) < 0) {
        return -1;
    }
    session_actor(&asking);
    int64_t now_ms = clock_wall_ms(&clock_system);
    int result = restore_settle(restore, home.store, asking.actor, now_ms, cli->arena, err) < 0
                     ? -1
                     : verify(cli, restore, home.store, err);
    home_close(&home);
    return result;
}

static void say(const struct cli *cli, const struct restore *restore)
{
    char size[40];
    const struct backup_manifest *manifest = &restore->manifest;
    bool own_key = option_given(cli, "key") || manifest->has_key;
    format_size(size, sizeof size, manifest->bytes);
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "home", json_cstring(cli->arena, restore->home));
        json_set(cli->arena, &object, "backup", json_cstring(cli->arena, restore->backup));
        json_set(cli->arena, &object, "files", json_int(manifest->file_count));
        json_set(cli->arena, &object, "bytes", json_int(manifest->bytes));
        json_set(cli->arena, &object, "open_runs", json_int(manifest->open_runs));
        json_set(cli->arena, &object, "own_key", json_bool(own_key));
        printf("%s\n", json_text(cli->arena, &object).p);
        return;
    }
    if (cli->quiet) {
        return;
    }
    printf("%s\n%lld files, %s, all as they were copied\n", restore->home, (long long)manifest->file_count, size);
    if (!own_key) {
        printf("with a new key: sealed secrets have to be set again (sluice secrets list)\n");
    }
    if (manifest->open_runs > 0) {
        printf("%lld runs were open, and go on when a sluice takes the home: look at 'sluice runs --open' first\n",
               (long long)manifest->open_runs);
    }
}

static int run_restore(struct cli *cli)
{
    struct err err = {0};
    struct restore restore = {.lock_fd = -1};
    const char *backup = backup_target_find(cli->arguments[0], cli->arena, &err);
    const char *home = home_find(option_value(cli, "home"), cli->arena);
    int result = backup == NULL || restore_unpack(backup, home, cli->arena, &restore, &err) < 0 ||
                         settle(cli, &restore, &err) < 0
                     ? -1
                     : restore_finish(&restore, &err);
    restore_end(&restore);
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    say(cli, &restore);
    return EXIT_OK;
}

static const struct option_row restore_options[] = {
    {"key", 0, "FILE", false, "the key of the home that was backed up, when the backup does not have it"},
    {0},
};

const struct command command_restore = {
    .name = "restore",
    .group = "Home",
    .summary = "make a home from a backup",
    .arguments = "BACKUP",
    .details =
        "BACKUP is what `sluice backup` made, or the folder with several: then the newest. The home (--home) must not "
        "be there yet, or be an empty folder. Every file is compared with its digest; one that is not what was "
        "copied, and nothing is restored.\n"
        "\n"
        "The home may lie elsewhere than the one that was backed up: what the database says of places of files is "
        "told anew. Steps that ran when the backup was made are lost, as after a restart of the machine, and runs "
        "that were open go on when a sluice takes the home. The activity log goes on with a row that names the "
        "backup.\n"
        "\n"
        "Without its key (--key, or a backup --with-key) the home gets a new one: sealed secrets cannot be opened "
        "then.",
    .examples = "sluice restore /mnt/backups/wine --home /srv/wine\n"
                "sluice restore /mnt/backups/wine/2026-11-27T03-35-11Z --home .sluice --key ~/wine.key",
    .options = restore_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_restore,
};
