/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "crypto/seal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cli_exit_of(const struct err *err)
{
    switch (err->code) {
    case ERR_BUSY:
    case ERR_NEWER:
    case ERR_IO:
    case ERR_LIMIT: /* a full disk */
    case ERR_CORRUPT:
        return EXIT_HOME;
    case ERR_INPUT:
    case ERR_NOT_FOUND:
        return EXIT_USAGE;
    default:
        return EXIT_RUN_FAILED;
    }
}

int cli_fail(const struct cli *cli, int code, const struct err *err)
{
    fprintf(stderr, "sluice: %s\n", err->message);
    if (cli->json) {
        struct json error = json_object();
        struct json object = json_object();
        json_set(cli->arena, &error, "code", json_cstring(cli->arena, err_code_name(err->code)));
        json_set(cli->arena, &error, "message", json_cstring(cli->arena, err->message));
        json_set(cli->arena, &object, "error", error);
        struct str text = json_text(cli->arena, &object);
        printf("%.*s\n", (int)text.n, text.p);
    }
    return code;
}

static const char *own_path(struct arena *arena, const char *name)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0) {
        return name;
    }
    path[size] = '\0';
    return arena_strdup(arena, path);
}

static int check_arguments(const struct cli *cli, struct err *err)
{
    const struct command *command = cli->command;
    const char *arguments = command->arguments == NULL ? "" : command->arguments;
    if (cli->argument_count < command->min_arguments) {
        return err_set(err, ERR_INPUT, "'sluice %s' needs %s: see 'sluice %s --help'", command->name, arguments,
                       command->name);
    }
    if (command->max_arguments >= 0 && cli->argument_count > command->max_arguments) {
        for (int i = 0; command->max_arguments == 0 && i < command_count; i++) {
            if (command_is_below(commands[i], command->name)) {
                return command_unknown(cli, command->name, cli->arguments[0], err);
            }
        }
        return err_set(err, ERR_INPUT, "unexpected argument '%s': usage is 'sluice %s%s%s'",
                       cli->arguments[command->max_arguments], command->name, *arguments == '\0' ? "" : " ", arguments);
    }
    return 0;
}

/* "sluice help models show" and "sluice --version" are what people try first. True for the former. */
static bool rewrite(int argc, char **argv)
{
    static char help[] = "--help";
    static char version[] = "version";
    if (argc >= 2 && strcmp(argv[1], "help") == 0) {
        for (int i = 1; i + 1 < argc; i++) {
            argv[i] = argv[i + 1];
        }
        argv[argc - 1] = help;
        return true;
    }
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        argv[1] = version;
    }
    return false;
}

/* `by_word`: "sluice help COMMAND", where whatever stands behind it is of the command's name. */
static int dispatch(struct cli *cli, int argc, char **argv, bool by_word)
{
    struct err err = {0};
    bool asks = argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    if (asks && command_find(argv[1]) == NULL && help_group(argv[1])) {
        return EXIT_OK;
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        /* What is wrong with the words is told as asked, too. */
        cli->json = cli->json || strcmp(argv[i], "--json") == 0;
    }
    if (options_parse(cli, argc, argv, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    cli->json = option_given(cli, "json");
    cli->quiet = option_given(cli, "quiet");
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    bool plain = dumb || (no_colour != NULL && *no_colour != '\0') || option_given(cli, "no-color");
    cli->terminal = isatty(STDOUT_FILENO) == 1 && !dumb;
    cli->colour = cli->terminal && !plain;
    cli->colour_messages = isatty(STDERR_FILENO) == 1 && !plain;
    if (option_given(cli, "help")) {
        if (cli->command == NULL) {
            help_list(cli, false);
        } else if (by_word && cli->argument_count > 0) {
            (void)command_unknown(cli, cli->command->name, cli->arguments[0], &err);
            return cli_fail(cli, EXIT_USAGE, &err);
        } else {
            help_command(cli, cli->command);
        }
        return EXIT_OK;
    }
    if (cli->command == NULL) {
        help_list(cli, true);
        return EXIT_USAGE;
    }
    if (check_arguments(cli, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    return cli->command->run(cli);
}

/* A reader that has gone ("sluice runs | head -1") has seen enough; anything else that is not written is a failure. */
static int check_output(int code)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    bool gone = failed && poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
    if (failed && !gone && code == EXIT_OK) {
        fprintf(stderr, "sluice: standard output cannot be written\n");
        return EXIT_HOME;
    }
    return code;
}

int cli_main(int argc, char **argv)
{
    bool by_word = rewrite(argc, argv);
    log_from_environment();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write beyond `ulimit -f` is an error like others, not our end */
    struct cli cli = {.arena = arena_new()};
    cli.program = own_path(cli.arena, argv[0]);
    int code = dispatch(&cli, argc, argv, by_word);
    code = check_output(code);
    if (cli.given_key != NULL) {
        seal_key_wipe(cli.given_key);
    }
    arena_free(cli.arena);
    return code;
}
