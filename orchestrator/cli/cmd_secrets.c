/* SPDX-License-Identifier: Apache-2.0
 * secrets list, set, rm: values for ${{ secrets.NAME }}, sealed in the home.
 */
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/secret_change.h"
#include "cli/secret_input.h"
#include "cli/session.h"
#include "cli/table.h"

#include <stdio.h>

/* "env HOOK", "file /run/hook", "exec vault": where config.yaml says it comes from; never a value. */
static const char *source_words(struct arena *arena, const struct config_secret *secret)
{
    return secret->exec != NULL ? arena_printf(arena, "exec %.*s", STR_ARG(secret->exec[0]))
           : secret->file.n > 0 ? arena_printf(arena, "file %.*s", STR_ARG(secret->file))
                                : arena_printf(arena, "env %.*s", STR_ARG(secret->env));
}

static int refuse_configured(const struct session *session, const char *name, struct err *err)
{
    const struct config_secret *secret = config_secret_find(&session->config, str_from(name));
    if (secret == NULL) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "secret '%s' comes from config.yaml (%s), which wins: take it out there first", name,
                   source_words(session->cli->arena, secret));
}

/* ---- set --------------------------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct err *err)
{
    const char *equals = strchr(name, '=');
    if (equals != NULL) { /* what follows is a value, which no message shows */
        return err_set(err, ERR_INPUT,
                       "'%.*s=...': expected the name alone; '-' behind it reads the value from standard input",
                       (int)(equals - name > SECRET_NAME_MAX_BYTES ? SECRET_NAME_MAX_BYTES : equals - name), name);
    }
    return config_secret_check_name(str_from(name), err);
}

static int read_value(struct cli *cli, const char *name, struct str *ret_value, struct err *err)
{
    /* The words of the command line are ours to overwrite. */
    char *given = cli->argument_count > 1 ? (char *)(uintptr_t)cli->arguments[1] : NULL;
    if (check_name(name, err) < 0) {
        return -1;
    }
    for (int i = 0; option_nth(cli, "for", i) != NULL; i++) {
        if (*option_nth(cli, "for", i) == '\0') {
            return err_set(err, ERR_INPUT, "--for: expected the name of a pipeline, found empty text");
        }
    }
    if (secret_input_read(cli, name, given, cli->arena, ret_value, err) < 0) {
        return -1;
    }
    return config_secret_check(*ret_value, err) < 0 ? err_add(err, "secret '%s'", name) : 0;
}

/* Those of --for, or those that it was set for before. */
static int read_pipelines(const struct session *session, const char *name, struct json *ret_list, struct err *err)
{
    const struct cli *cli = session->cli;
    struct secret_row before;
    struct err none = {0};
    *ret_list = option_given(cli, "for") ? json_array() : json_null();
    for (int i = 0; option_nth(cli, "for", i) != NULL; i++) {
        json_push(cli->arena, ret_list, json_cstring(cli->arena, option_nth(cli, "for", i)));
    }
    if (option_given(cli, "for")) {
        return 0;
    }
    if (store_secret_get(session->home.store, name, cli->arena, &before, &none) < 0) {
        if (none.code != ERR_NOT_FOUND) {
            *err = none;
        }
        return none.code == ERR_NOT_FOUND ? 0 : -1;
    }
    return json_read(str_from(before.pipelines), (struct json_limits){0}, cli->arena, ret_list, err);
}

static int put(struct session *session, struct secret_row *row, bool *ret_replaced, struct err *err)
{
    struct json outcome;
    struct json document = secret_change_ask_set(session->cli->arena, row);
    int ours = session_ask_holder(session, "secret", &document, &outcome, err);
    if (ours == 0) {
        *ret_replaced = json_get_bool(&outcome, "replaced", false);
    }
    return ours <= 0 ? ours : secret_change_set(session->home.store, row, session->actor, ret_replaced, err);
}

static void print_set(const struct session *session, const struct secret_row *row, const struct json *pipelines,
                      bool replaced)
{
    const struct cli *cli = session->cli;
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "name", json_cstring(cli->arena, row->name));
        json_set(cli->arena, &object, "replaced", json_bool(replaced));
        json_set(cli->arena, &object, "for", *pipelines);
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        const char *words = secret_pipelines_words(cli->arena, row->pipelines);
        printf("%s %s in %s%s%s\n", row->name, replaced ? "replaced" : "set", session->home.path,
               words == NULL ? "" : ", for ", words == NULL ? "" : words);
    }
}

static int set(struct session *session, const char *name, struct str value, struct err *err)
{
    struct arena *arena = session->cli->arena;
    struct json pipelines;
    struct secret_row row;
    bool replaced = false;
    if (refuse_configured(session, name, err) < 0 || read_pipelines(session, name, &pipelines, err) < 0 ||
        secret_source_seal(&session->secrets, name, &pipelines, value, arena, &row, err) < 0 ||
        put(session, &row, &replaced, err) < 0) {
        return -1;
    }
    print_set(session, &row, &pipelines, replaced);
    return 0;
}

static int run_set(struct cli *cli)
{
    struct err err = {0};
    struct session_options options = {.doing = "secrets set", .starts_nothing = true};
    struct session session;
    struct str value = {0};
    const char *name = cli->arguments[0];
    int result = read_value(cli, name, &value, &err);
    if (result < 0) {
        secret_input_forget(&value);
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    result = session_join(cli, &options, &session, &err);
    if (result == 0) {
        result = set(&session, name, value, &err);
        session_close(&session);
    }
    secret_input_forget(&value);
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : EXIT_OK;
}

static const struct option_row set_options[] = {
    {"for", 0, "PIPELINE", true, "only this pipeline may read it (default: as before, of a new one all)"},
    {0},
};

const struct command command_secrets_set = {
    .name = "secrets set",
    .group = "Home",
    .summary = "seal a value for ${{ secrets.NAME }} in the home, or replace it",
    .arguments = "SECRET [VALUE|-]",
    .details =
        "'-' reads the value from standard input to its end, without one line feed there; so does no VALUE at all, but "
        "at a terminal it asks for one line, which is not shown. A VALUE on the command line is taken as it is, with a "
        "warning: 'ps' and the history of the shell show it.\n"
        "\n"
        "A value is text of 8 bytes to 64 KiB. It is sealed under the home's key, or under SLUICE_KEY when that is set "
        "(32 bytes, as 64 hex digits or in base64), and no command prints it again. While another sluice holds the "
        "home, that one keeps it. docs/security.md says what sealing is good for.",
    .examples = "sluice secrets set SLACK_HOOK\nsluice secrets set DB_PASSWORD - --for ingest < password.txt",
    .options = set_options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_set,
    .makes_home = true,
};

/* ---- rm ---------------------------------------------------------------------------------------------------------- */

static int drop(struct session *session, struct err *err)
{
    const struct cli *cli = session->cli;
    size_t count = (size_t)cli->argument_count;
    struct secret_row row;
    struct err ignored = {0};
    struct json outcome;
    for (size_t i = 0; i < count; i++) {
        /* One that config.yaml hides may go. */
        if (store_secret_get(session->home.store, cli->arguments[i], cli->arena, &row, &ignored) < 0 &&
            refuse_configured(session, cli->arguments[i], err) < 0) {
            return -1;
        }
    }
    struct json document = secret_change_ask_remove(cli->arena, cli->arguments, count);
    int ours = session_ask_holder(session, "secret", &document, &outcome, err);
    return ours <= 0 ? ours : secret_change_remove(session->home.store, cli->arguments, count, session->actor, err);
}

static int run_rm(struct cli *cli)
{
    struct err err = {0};
    struct session_options options = {.doing = "secrets rm", .starts_nothing = true};
    struct session session;
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int result = drop(&session, &err);
    session_close(&session);
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        struct json list = json_array();
        for (int i = 0; i < cli->argument_count; i++) {
            json_push(cli->arena, &list, json_cstring(cli->arena, cli->arguments[i]));
        }
        struct json object = json_object();
        json_set(cli->arena, &object, "removed", list);
        printf("%s\n", json_text(cli->arena, &object).p);
    }
    for (int i = 0; !cli->json && !cli->quiet && i < cli->argument_count; i++) {
        printf("%s removed\n", cli->arguments[i]);
    }
    return EXIT_OK;
}

const struct command command_secrets_rm = {
    .name = "secrets rm",
    .group = "Home",
    .summary = "remove sealed secrets",
    .arguments = "SECRET...",
    .details = "All of them, or none when one is not there. What config.yaml names is taken out there.",
    .examples = "sluice secrets rm SLACK_HOOK",
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run_rm,
};

/* ---- list -------------------------------------------------------------------------------------------------------- */

static struct json pipelines_cell(const struct cli *cli, const struct json *list, const char *words)
{
    return cli->json ? *list : table_text(cli, list->type == JSON_ARRAY ? words : "all");
}

static void list_configured(struct session *session, struct table *table)
{
    const struct cli *cli = session->cli;
    for (size_t i = 0; i < session->config.secret_count; i++) {
        const struct config_secret *secret = &session->config.secrets[i];
        struct json list = secret->pipelines == NULL ? json_null() : json_array();
        for (size_t k = 0; k < secret->pipeline_count; k++) {
            json_push(cli->arena, &list, json_string(cli->arena, secret->pipelines[k]));
        }
        const char *words = secret_pipelines_words(cli->arena, json_text(cli->arena, &list).p);
        struct json cells[] = {
            json_string(cli->arena, secret->name),
            table_text(cli, source_words(cli->arena, secret)),
            pipelines_cell(cli, &list, words),
            json_null(),
            json_null(),
            table_text(cli, "good"),
        };
        struct err wrong = {0};
        if (config_secret_look(secret, &wrong) < 0) {
            cells[5] = table_text(cli, arena_strdup(cli->arena, wrong.message));
        }
        table_row(table, cells);
    }
}

static int list_sealed(struct session *session, struct table *table, struct err *err)
{
    const struct cli *cli = session->cli;
    struct secret_row *rows = NULL;
    size_t count = 0;
    if (session->home.store == NULL) {
        return 0;
    }
    if (store_secret_list(session->home.store, cli->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json list = json_null();
        struct err wrong = {0};
        const char *words = secret_pipelines_words(cli->arena, rows[i].pipelines);
        (void)json_read(str_from(rows[i].pipelines), (struct json_limits){0}, cli->arena, &list, NULL);
        const char *state = config_secret_find(&session->config, str_from(rows[i].name)) != NULL
                                ? "not used: config.yaml names it, too"
                            : secret_source_check(&session->secrets, &rows[i], &wrong) == 0
                                ? "good"
                                : arena_strdup(cli->arena, wrong.message);
        struct json cells[] = {
            table_text(cli, rows[i].name),          table_text(cli, "sealed"),      pipelines_cell(cli, &list, words),
            table_moment(cli, rows[i].set_ms),      table_text(cli, rows[i].set_by), table_text(cli, state),
        };
        table_row(table, cells);
    }
    return 0;
}

/* A home that has a config.yaml and no store yet has secrets, too. */
static int open_to_look(struct cli *cli, struct session *session, struct err *err)
{
    const char *given = option_value(cli, "home");
    *session = (struct session){.cli = cli, .home.lock_fd = -1, .home.path = home_find(given, cli->arena)};
    if (!home_is_new(given, cli->arena) &&
        home_open(given, HOME_READ, "", cli->arena, &session->home, err) < 0) {
        return -1;
    }
    return config_load_home(session->home.path, cli->arena, &session->config_diags, &session->config, err) < 0
               ? -1
               : secret_source_open(&session->secrets, cli, session->home.path, session->home.store, &session->config,
                                    err);
}

static int run_list(struct cli *cli)
{
    static const char *const headings[] = {"name", "source", "for", "set_at", "set_by", "state", NULL};
    struct err err = {0};
    struct session session;
    struct table table;
    table_init(&table, cli, headings);
    int result = open_to_look(cli, &session, &err);
    if (result == 0) {
        list_configured(&session, &table);
        result = list_sealed(&session, &table, &err);
    }
    session_close(&session);
    if (result < 0) {
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    table_print(&table, "no secrets: 'sluice secrets set NAME -' sets one");
    return EXIT_OK;
}

const struct command command_secrets_list = {
    .name = "secrets list",
    .group = "Home",
    .summary = "the secrets of the home: whence, for whom, set when and by whom; never a value",
    .details =
        "Those of config.yaml first, then those that are sealed. The state says what keeps a step from getting the "
        "value, as far as that can be told without asking a command.",
    .examples = "sluice secrets list\nsluice secrets list --json",
    .run = run_list,
};
