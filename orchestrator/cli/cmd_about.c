/* SPDX-License-Identifier: Apache-2.0
 * version, lua, man: what the program is, and doors to its parts.
 */
#include "base/err.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/man_page.h"
#include "cli/session.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- version ------------------------------------------------------------------------------------------------- */

static int run_version(struct cli *cli)
{
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "version", json_cstring(cli->arena, SLUICE_VERSION));
        json_set(cli->arena, &object, "schema", json_int(store_schema_version()));
        json_set(cli->arena, &object, "sqlite", json_cstring(cli->arena, store_sqlite_version()));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        printf("sluice %s (schema %d, SQLite %s)\n", SLUICE_VERSION, store_schema_version(), store_sqlite_version());
    }
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .group = "Home",
    .summary = "the version of sluice, of its store, of SQLite",
    .examples = "sluice version\nsluice version --json",
    .run = run_version,
};

/* ---- lua ------------------------------------------------------------------------------------------------------- */

/* The interpreter is part of the runner: user code never runs in this program. */
static int become_runner(struct cli *cli, const char *verb, const char *const *extra)
{
    struct err err = {0};
    struct installation installation;
    installation_find(cli, &installation);
    const char **argv = arena_array(cli->arena, (size_t)cli->argument_count + 24, sizeof *argv);
    int count = 0;
    argv[count++] = installation.runner;
    argv[count++] = "lua";
    argv[count++] = verb;
    argv[count++] = "--lua";
    argv[count++] = installation.lua;
    for (int i = 0; extra[i] != NULL; i++) {
        argv[count++] = extra[i];
    }
    for (int i = 0; i < cli->argument_count; i++) {
        argv[count++] = cli->arguments[i];
    }
    (void)fflush(stdout);
    (void)execv(installation.runner, (char *const *)(uintptr_t)argv);
    (void)err_set(&err, ERR_IO, "'%s' cannot be started: %s", installation.runner, strerror(errno));
    return cli_fail(cli, EXIT_HOME, &err);
}

static int run_lua_run(struct cli *cli)
{
    static const char *const passed[] = {"params", "inputs", "out"};
    const char *extra[2 * 3 + 2] = {NULL};
    int count = 0;
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        if (option_given(cli, passed[i])) {
            extra[count++] = arena_printf(cli->arena, "--%s", passed[i]);
            extra[count++] = option_value(cli, passed[i]);
        }
    }
    if (cli->json) {
        extra[count++] = "--json";
    }
    return become_runner(cli, "run", extra);
}

static const struct option_row lua_run_options[] = {
    {"params", 0, "JSON", false, "what sluice.params holds: a map"},
    {"inputs", 0, "JSON", false, "what sluice.inputs holds: a map of NAME to path"},
    {"out", 0, "FOLDER", false, "sluice.step.dir, which stays; metrics.json in it gets the last value of each metric"},
    {0},
};

const struct command command_lua_run = {
    .name = "lua run",
    .group = "Write",
    .summary = "run a Lua step by itself, with a host that only prints",
    .arguments = "FILE",
    .details =
        "Runs the script in the same sandbox as a step; metrics, params, outputs and artifacts are printed instead of "
        "recorded.",
    .examples = "sluice lua run smooth.lua --params '{\"series\": [1, 5, 2], \"window\": 2}'\n"
                "sluice lua run train.lua --inputs '{\"data\": \"data/wine.csv\"}' --out model",
    .options = lua_run_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_lua_run,
};

static int run_lua_test(struct cli *cli)
{
    static const char *const nothing[] = {NULL};
    return become_runner(cli, "test", nothing);
}

const struct command command_lua_test = {
    .name = "lua test",
    .group = "Write",
    .summary = "run the test functions of *_test.lua files",
    .arguments = "[FILE|FOLDER...]",
    .details =
        "Each file is run with a fake host in the sandbox of steps; each function of the table it returns is a test. "
        "Without arguments: "
        "the files *_test.lua below the current folder.",
    .examples = "sluice lua test\nsluice lua test tests/smooth_test.lua",
    .max_arguments = -1,
    .run = run_lua_test,
};

/* ---- man ------------------------------------------------------------------------------------------------------- */

static int write_page(struct cli *cli, const struct command *command, const char *folder, struct err *err)
{
    char *words = arena_printf(cli->arena, "sluice%s%s.1", command == NULL ? "" : "-",
                               command == NULL ? "" : command->name);
    for (char *p = words; *p != '\0'; p++) {
        *p = *p == ' ' ? '-' : *p;
    }
    const char *path = path_join(cli->arena, folder, words);
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return err_errno(err, "writing '%s'", path);
    }
    man_page(command, out);
    bool whole = ferror(out) == 0;
    return fclose(out) == 0 && whole ? 0 : err_errno(err, "writing '%s'", path);
}

static int write_pages(struct cli *cli, const char *folder, struct err *err)
{
    int result = write_page(cli, NULL, folder, err);
    for (int i = 0; result == 0 && i < command_count; i++) {
        result = write_page(cli, commands[i], folder, err);
    }
    return result;
}

static int run_man(struct cli *cli)
{
    struct err err = {0};
    const char *folder = option_value(cli, "into");
    if (folder != NULL) {
        return write_pages(cli, folder, &err) < 0 ? cli_fail(cli, EXIT_HOME, &err) : EXIT_OK;
    }
    if (cli->argument_count == 0) {
        man_page(NULL, stdout);
        return EXIT_OK;
    }
    const char *next = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    const char *name = next == NULL ? cli->arguments[0] : arena_printf(cli->arena, "%s %s", cli->arguments[0], next);
    const struct command *command = command_find(name);
    if (command == NULL) {
        (void)command_unknown(cli, cli->arguments[0], next, &err);
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    man_page(command, stdout);
    return EXIT_OK;
}

static const struct option_row man_options[] = {
    {"into", 0, "FOLDER", false, "write every page into this folder, as 'make install' does"},
    {0},
};

const struct command command_man = {
    .name = "man",
    .group = "Home",
    .summary = "print the man page of sluice, or of a command",
    .arguments = "[COMMAND]",
    .examples = "sluice man | man -l -\nsluice man models show | man -l -\nsluice man --into ~/.local/share/man/man1",
    .options = man_options,
    .max_arguments = 2,
    .run = run_man,
};
