/* SPDX-License-Identifier: Apache-2.0
 * approvals link: a link by which somebody may decide once, without a login.
 */
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/govern.h"

#include <stdio.h>

/* What the home's config.yaml says. */
static int external_url(struct cli *cli, const char **ret, struct err *err)
{
    struct diags diags;
    struct config config;
    const char *home = home_find(option_value(cli, "home"), cli->arena);
    if (config_load_home(home, cli->arena, &diags, &config, err) < 0) {
        return -1;
    }
    *ret = config.external_url;
    return config.external_url != NULL
               ? 0
               : err_set(err, ERR_STATE, "config.yaml does not say by which address people reach 'sluice serve': "
                                         "'external_url: https://sluice.example' does");
}

static int read_request(struct cli *cli, struct json *ret, struct err *err)
{
    const char *person = option_value(cli, "for");
    const char *expires = option_value(cli, "expires");
    int64_t for_ms = 0;
    *ret = govern_request(cli->arena, "link");
    if (person == NULL || *person == '\0') {
        return err_set(err, ERR_INPUT, "for whom? --for NAME says it");
    }
    if (parse_duration_ms(str_from(expires == NULL ? "1d" : expires), &for_ms, err) < 0) {
        return err_add(err, "--expires");
    }
    json_set(cli->arena, ret, "run", json_cstring(cli->arena, cli->arguments[0]));
    if (cli->argument_count > 1) {
        json_set(cli->arena, ret, "step", json_cstring(cli->arena, cli->arguments[1]));
    }
    json_set(cli->arena, ret, "for", json_cstring(cli->arena, person));
    json_set(cli->arena, ret, "for_ms", json_int(for_ms));
    return 0;
}

static void print_link(struct cli *cli, const char *url, const struct json *outcome)
{
    const char *link =
        arena_printf(cli->arena, "%s/approve/%s", url, json_get_text(outcome, "token", ""));
    char until[40];
    format_time(until, sizeof until, json_get_int(outcome, "expires_ms", 0));
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "link_id", *json_get(outcome, "id"));
        json_set(cli->arena, &object, "url", json_cstring(cli->arena, link));
        json_set(cli->arena, &object, "for", json_cstring(cli->arena, option_value(cli, "for")));
        json_set(cli->arena, &object, "expires_at", json_cstring(cli->arena, until));
        printf("%s\n", json_text(cli->arena, &object).p);
        return;
    }
    printf("%s\n", link);
    if (!cli->quiet) {
        fprintf(stderr, "for %s alone, once, until %s: whoever has it decides as %s\n", option_value(cli, "for"), until,
                option_value(cli, "for"));
    }
}

static int run_link(struct cli *cli)
{
    struct err err = {0};
    const char *url = NULL;
    struct json request;
    struct json outcome;
    if (read_request(cli, &request, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (external_url(cli, &url, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (govern_ask(cli, "approvals link", &request, &outcome, &err) < 0) {
        return cli_fail(cli, err.code == ERR_DENIED ? EXIT_REFUSED : cli_exit_of(&err), &err);
    }
    print_link(cli, url, &outcome);
    return EXIT_OK;
}

static const struct option_row link_options[] = {
    {"for", 0, "NAME", false, "whose word it is: somebody who may decide this himself"},
    {"expires", 0, "DURATION", false, "how long it is good (default: 1d; at most 30d, and no longer than the request)"},
    {0},
};

const struct command command_approvals_link = {
    .name = "approvals link",
    .group = "Decide",
    .summary = "make a link by which somebody may decide once, without a login",
    .arguments = "RUN [STEP]",
    .details =
        "The link opens a page of 'sluice serve' that shows what is asked and takes the word of the person it was made "
        "for. It is good once, for the\nevidence as it is now; a new one for the same person takes its place. Whoever "
        "has it decides in that name: send it to nobody else. Who is\nexcluded by not_by makes none. It needs "
        "'external_url' in config.yaml.",
    .examples = "sluice approvals link wine/12 --for lena\n"
                "sluice approvals link wine/12 approve --for lena --expires 3d",
    .options = link_options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_link,
};
