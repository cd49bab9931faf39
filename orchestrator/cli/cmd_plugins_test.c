/* SPDX-License-Identifier: Apache-2.0
 * plugins test: the tests that an author wrote beside a plugin.
 */
#include "base/fs.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/diag_print.h"
#include "cli/plugin_trial.h"

#include <stdio.h>
#include <stdlib.h>

struct tally {
    struct cli *cli;
    int passed;
    int failed;
    struct json tests; /* of --json: [{file, name, passed, complaints}] */
};

static void report(struct tally *tally, const char *file, struct str name, const char *complaints)
{
    bool good = *complaints == '\0';
    tally->passed += good ? 1 : 0;
    tally->failed += good ? 0 : 1;
    if (tally->cli->json) {
        struct json test = json_object();
        json_set(tally->cli->arena, &test, "file", json_cstring(tally->cli->arena, file));
        json_set(tally->cli->arena, &test, "name", json_string(tally->cli->arena, name));
        json_set(tally->cli->arena, &test, "passed", json_bool(good));
        json_set(tally->cli->arena, &test, "complaints", json_cstring(tally->cli->arena, complaints));
        json_push(tally->cli->arena, &tally->tests, test);
        return;
    }
    if (tally->cli->quiet && good) {
        return;
    }
    printf("%s %s: %.*s\n", good ? "ok   " : "FAIL ", file, STR_ARG(name));
    struct str rest = str_from(complaints);
    struct str line = {0};
    while (str_cut(&rest, '\n', &line)) {
        if (line.n > 0) {
            printf("      %.*s\n", STR_ARG(line));
        }
    }
}

/* `uses` as the pipeline will have it: a path is made absolute, since the workspace is another folder. */
static const char *uses_of(struct cli *cli, const char *file, struct str plugin)
{
    const char *name = arena_str(cli->arena, plugin).p;
    if (!str_ends(plugin, STR(".so"))) {
        return name;
    }
    const char *path = path_join(cli->arena, path_dir(cli->arena, file), name);
    char *real = realpath(path, NULL);
    const char *absolute = real == NULL ? path : arena_strdup(cli->arena, real);
    free(real);
    return absolute;
}

static int run_file(struct tally *tally, struct session *session, const char *folder, const char *file, struct err *err)
{
    struct cli *cli = tally->cli;
    struct diags diags;
    struct plugin_cases cases;
    diags_init(&diags, cli->arena, file);
    if (plugin_cases_load(&diags, &cases) < 0) {
        diag_print(DIAG_FORMAT_TEXT, &diags, 1, cli->colour, stderr);
        return err_set(err, ERR_INPUT, "'%s' is no valid test file", file);
    }
    const char *uses = uses_of(cli, file, cases.plugin);
    if (catalogue_find(&session->catalogue, str_from(uses), NULL, cli->arena, err) == NULL) {
        return err_add(err, "%s", file);
    }
    for (size_t i = 0; i < cases.count; i++) {
        const char *complaints = "";
        const char *workspace = arena_printf(cli->arena, "%s/test-%d", folder, tally->passed + tally->failed);
        if (fs_make_folders(workspace, 0755, err) < 0 ||
            plugin_try(session, uses, &cases.items[i], workspace, cli->arena, &complaints, err) < 0) {
            return err_add(err, "%s: %.*s", file, STR_ARG(cases.items[i].name));
        }
        report(tally, file, cases.items[i].name, complaints);
    }
    return 0;
}

static int run_argument(struct tally *tally, struct session *session, const char *folder, const char *path,
                        struct err *err)
{
    struct fs_list list;
    if (!fs_is_folder(path)) {
        return run_file(tally, session, folder, path, err);
    }
    if (fs_glob(path, "**/*_test.yaml", tally->cli->arena, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        const char *file = strcmp(path, ".") == 0 ? list.entries[i].path
                                                  : path_join(tally->cli->arena, path, list.entries[i].path);
        if (run_file(tally, session, folder, file, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int run_all(struct tally *tally, const char *folder, struct err *err)
{
    static const char *const here[] = {"."};
    struct cli *cli = tally->cli;
    struct session session;
    const char *const *paths = cli->argument_count > 0 ? cli->arguments : here;
    int count = cli->argument_count > 0 ? cli->argument_count : 1;
    int result = 0;
    struct session_options options = {.doing = "plugins test", .home = path_join(cli->arena, folder, "home")};
    if (session_open(cli, &options, &session, err) < 0) {
        return -1;
    }
    for (int i = 0; result == 0 && i < count; i++) {
        result = run_argument(tally, &session, folder, paths[i], err);
    }
    session_close(&session);
    return result;
}

static int run_plugins_test(struct cli *cli)
{
    struct err err = {0};
    struct err ignored = {0};
    struct tally tally = {.cli = cli, .tests = json_array()};
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(cli->arena, "%s/sluice-test-XXXXXX", base == NULL || *base == '\0' ? "/tmp" : base);
    if (mkdtemp(folder) == NULL) {
        (void)err_errno(&err, "a folder for the tests, '%s'", folder);
        return cli_fail(cli, EXIT_HOME, &err);
    }
    int result = run_all(&tally, folder, &err);
    (void)fs_remove(folder, &ignored);
    if (result < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (tally.passed + tally.failed == 0) {
        (void)err_set(&err, ERR_NOT_FOUND, "no tests: expected files named *_test.yaml");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "passed", json_int(tally.passed));
        json_set(cli->arena, &object, "failed", json_int(tally.failed));
        json_set(cli->arena, &object, "tests", tally.tests);
        printf("%s\n", json_text(cli->arena, &object).p);
    } else {
        printf("plugins: %d passed, %d failed\n", tally.passed, tally.failed);
    }
    return tally.failed > 0 ? EXIT_RUN_FAILED : EXIT_OK;
}

const struct command command_plugins_test = {
    .name = "plugins test",
    .group = "Write",
    .summary = "run the tests in *_test.yaml files beside plugins",
    .arguments = "[FILE|FOLDER...]",
    .details =
        "Each test runs the plugin as a step, in a home and a workspace that are thrown away, and compares what it\n"
        "left:\n"
        "\n"
        "  plugin: ./greet.so\n"
        "  tests:\n"
        "    greets_as_often_as_asked:\n"
        "      files: {names.txt: \"world\"}         # in the workspace; or {from: FILE}\n"
        "      with: {file: names.txt, times: 2}\n"
        "      expect:\n"
        "        result: ok                        # or failed, refused, waiting, invalid\n"
        "        outputs: {greeted: 2}             # also metrics, params, tags, artifacts: [PATH], reason, log\n"
        "\n"
        "Without arguments: the files *_test.yaml below the current folder. Exit code 1 when a test fails.",
    .examples = "sluice plugins test\nsluice plugins test greet",
    .max_arguments = -1,
    .run = run_plugins_test,
};
