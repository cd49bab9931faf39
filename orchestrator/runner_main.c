/* SPDX-License-Identifier: Apache-2.0
 * sluice-runner: the second program of sluice. People meet it as `sluice lua`; the engine starts it with `serve`.
 */
#include "base/log.h"
#include "base/parse.h"
#include "runner/keeper.h"
#include "runner/lua_check.h"
#include "runner/lua_cli.h"
#include "runner/runner.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, LINGER_DEFAULT_MS = 600000 };

static const char usage[] =
    "usage: sluice-runner serve --home FOLDER --id ID [--linger SECONDS|none]\n"
    "                           [--listener FD --engine-uid UID]\n"
    "       sluice-runner keep --home FOLDER\n"
    "       sluice-runner lua run|test|check ...\n"
    "\n"
    "serve  starts and watches the steps of a home; the engine starts it and talks to it.\n"
    "       --linger: how long steps are kept running without an engine (600; \"none\": for ever)\n"
    "       --listener: the socket where the engine comes, of that user; a keeper gives it\n"
    "keep   starts runners for a `sluice` of another user, so that its steps are not that user's: a service, which\n"
    "       has its socket from systemd (sluice-runner.socket)\n"
    "lua    runs or tests a Lua step with a fake host: see `sluice lua --help`; `lua check` compiles the scripts that\n"
    "       standard input lists, for `sluice validate`, and runs none\n";

static int parse_linger(const char *text, int64_t *ret_ms, struct err *err)
{
    int64_t seconds;
    if (strcmp(text, "none") == 0 || strcmp(text, "-1") == 0) {
        *ret_ms = RUNNER_LINGER_NONE;
        return 0;
    }
    if (parse_int(str_from(text), 0, 1000000000, &seconds, err) < 0) {
        return err_add(err, "--linger");
    }
    *ret_ms = seconds * 1000;
    return 0;
}

static int option_number(const char *text, const char *option, int64_t max, int64_t *ret, struct err *err)
{
    return parse_int(str_from(text), 0, max, ret, err) < 0 ? err_add(err, "%s", option) : 0;
}

static int parse_options(int argc, char **argv, struct runner_options *options, struct err *err)
{
    static const struct option table[] = {
        {"home", required_argument, NULL, 'h'},
        {"id", required_argument, NULL, 'i'},
        {"linger", required_argument, NULL, 'l'},
        {"listener", required_argument, NULL, 's'},
        {"engine-uid", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    int option;
    int64_t number = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'h':
            options->home = optarg;
            break;
        case 'i':
            options->id = optarg;
            break;
        case 'l':
            if (parse_linger(optarg, &options->linger_ms, err) < 0) {
                return -1;
            }
            break;
        case 's':
            if (option_number(optarg, "--listener", INT32_MAX, &number, err) < 0) {
                return -1;
            }
            options->listener = (int)number;
            break;
        case 'u':
            if (option_number(optarg, "--engine-uid", UINT32_MAX - 1, &number, err) < 0) {
                return -1;
            }
            options->engine_uid = (uid_t)number;
            break;
        default:
            return err_set(err, ERR_INPUT, "unknown option");
        }
    }
    if (optind != argc || options->home == NULL || options->id == NULL) {
        return err_set(err, ERR_INPUT, "expected --home and --id");
    }
    return 0;
}

static int serve(int argc, char **argv)
{
    struct runner_options options = {.linger_ms = LINGER_DEFAULT_MS, .listener = -1, .engine_uid = geteuid()};
    struct err err = {0};
    if (parse_options(argc, argv, &options, &err) < 0) {
        (void)fprintf(stderr, "sluice-runner: %s\n%s", err.message, usage);
        return EXIT_USAGE;
    }
    /* The working directory changes. */
    char *home = realpath(options.home, NULL);
    if (home == NULL) {
        (void)fprintf(stderr, "sluice-runner: the home '%s' cannot be used: %s\n", options.home, strerror(errno));
        return EXIT_FAILED;
    }
    options.home = home;
    int result = runner_serve(&options, &err);
    if (result < 0) {
        (void)fprintf(stderr, "sluice-runner: %s\n", err.message);
    }
    free(home);
    return result < 0 ? EXIT_FAILED : 0;
}

static int keep(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 3 || strcmp(argv[1], "--home") != 0) {
        (void)fprintf(stderr, "sluice-runner: expected --home\n%s", usage);
        return EXIT_USAGE;
    }
    if (keeper_serve(argv[2], &err) < 0) {
        (void)fprintf(stderr, "sluice-runner: %s\n", err.message);
        return EXIT_FAILED;
    }
    return 0;
}

int main(int argc, char **argv)
{
    log_from_environment();
    if (argc >= 2 && strcmp(argv[1], "serve") == 0) {
        return serve(argc - 1, argv + 1);
    }
    if (argc >= 2 && strcmp(argv[1], "keep") == 0) {
        return keep(argc - 1, argv + 1);
    }
    if (argc == 3 && strcmp(argv[1], "lua") == 0 && strcmp(argv[2], "check") == 0) {
        return lua_check_main();
    }
    if (argc >= 2 && strcmp(argv[1], "lua") == 0) {
        return lua_cli_main(argc - 1, argv + 1);
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}
