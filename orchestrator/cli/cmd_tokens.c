/* SPDX-License-Identifier: Apache-2.0
 * tokens list, create, revoke: what programs show to `sluice serve` in place of a password.
 */
#include "auth/account.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/rng.h"
#include "cli/account_ask.h"
#include "cli/commands.h"
#include "cli/names.h"
#include "cli/table.h"
#include "digest/digest.h"
#include "crypto/password.h"
#include "store/experiments.h"

#include <stdio.h>

static const int64_t lifetime_max_ms = (int64_t)100 * 365 * 24 * 3600 * 1000;

/* ---- list -------------------------------------------------------------------------------------------------------- */

static const char *state_of(const struct token_row *token, int64_t now_ms)
{
    return token->revoked_ms != 0                                      ? "revoked"
           : token->expires_ms != 0 && token->expires_ms <= now_ms ? "expired"
                                                                       : "good";
}

/* Those that it is for, by id. */
static struct json experiments_cell(const struct cli *cli, const struct token_row *token)
{
    struct json items = json_array();
    const char *words = "";
    for (size_t i = 0; i < token->experiment_count; i++) {
        const char *id = arena_printf(cli->arena, "%lld", (long long)token->experiments[i]);
        json_push(cli->arena, &items, json_cstring(cli->arena, id));
        words = arena_printf(cli->arena, "%s%s%s", words, i == 0 ? "" : ", ", id);
    }
    return cli->json ? items : table_text(cli, token->experiment_count == 0 ? "all" : words);
}

static int list(struct cli *cli, struct table *table, struct store *store, struct err *err)
{
    struct token_row *tokens = NULL;
    size_t count = 0;
    int64_t now_ms = clock_wall_ms(&clock_system);
    if (store_token_list(store, cli->arena, &tokens, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct json cells[] = {
            table_text(cli, tokens[i].token_id),
            table_text(cli, tokens[i].user),
            table_text(cli, tokens[i].name),
            table_text(cli, role_table[tokens[i].role].name),
            experiments_cell(cli, &tokens[i]),
            table_text(cli, state_of(&tokens[i], now_ms)),
            table_moment(cli, tokens[i].created_ms),
            table_moment(cli, tokens[i].expires_ms),
            table_moment(cli, tokens[i].used_ms),
        };
        table_row(table, cells);
    }
    return 0;
}

static int run_list(struct cli *cli)
{
    static const char *const headings[] = {"id",         "user",       "name",    "role", "experiments", "state",
                                           "created_at", "expires_at", "used_at", NULL};
    struct err err = {0};
    struct home home = {.lock_fd = -1};
    struct table table;
    table_init(&table, cli, headings);
    const char *given = option_value(cli, "home");
    bool is_new = home_is_new(given, cli->arena);
    int result = is_new ? 0 : home_open(given, HOME_READ, "tokens list", cli->arena, &home, &err);
    if (result == 0 && !is_new) {
        result = list(cli, &table, home.store, &err);
        home_close(&home);
    }
    if (result < 0) {
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    table_print(&table, "no tokens: 'sluice tokens create --user NAME' makes one");
    return EXIT_OK;
}

const struct command command_tokens_list = {
    .name = "tokens list",
    .group = "Home",
    .summary = "the tokens of users: what for, until when, last used; never a token",
    .details = "When one was last used is told to the minute. Revoked and expired ones are listed, too.",
    .examples = "sluice tokens list\nsluice tokens list --json",
    .run = run_list,
};

/* ---- create ------------------------------------------------------------------------------------------------------ */

/* By name, or by id. */
static int find_experiment(struct store *store, const char *word, struct arena *arena, int64_t *ret, struct err *err)
{
    struct experiment found;
    struct err none = {0};
    if (store_experiment_find(store, word, arena, &found, &none) < 0) {
        int64_t id = 0;
        if (none.code != ERR_NOT_FOUND || parse_int(str_from(word), 0, INT64_MAX, &id, NULL) < 0 ||
            store_experiment_get(store, id, arena, &found, NULL) < 0) {
            return err_set(err, none.code, "--experiment '%s': there is no such experiment: 'sluice experiments' "
                                           "shows them",
                           word);
        }
    }
    *ret = found.id;
    return 0;
}

static int read_experiments(struct session *session, struct json *request, struct err *err)
{
    struct cli *cli = session->cli;
    struct json list = json_array();
    const char *word = NULL;
    for (int i = 0; (word = option_nth(cli, "experiment", i)) != NULL; i++) {
        int64_t id = 0;
        if (find_experiment(session->home.store, word, cli->arena, &id, err) < 0) {
            return -1;
        }
        json_push(cli->arena, &list, json_int(id));
    }
    json_set(cli->arena, request, "experiments", list);
    return 0;
}

static int read_expiry(const struct cli *cli, struct json *request, int64_t *ret_ms, struct err *err)
{
    const char *text = option_value(cli, "expires");
    int64_t lifetime_ms = 0;
    *ret_ms = 0;
    if (text != NULL && strcmp(text, "never") != 0) {
        if (parse_duration_ms(str_from(text), &lifetime_ms, err) < 0) {
            return err_add(err, "--expires");
        }
        if (lifetime_ms <= 0 || lifetime_ms > lifetime_max_ms) {
            return err_set(err, ERR_INPUT, "--expires '%s': expected a time such as 90d, or never", text);
        }
        *ret_ms = clock_wall_ms(&clock_system) + lifetime_ms;
    }
    json_set(cli->arena, request, "expires_ms", json_int(*ret_ms));
    return 0;
}

static void print_created(const struct cli *cli, const char *id, const char *token, int64_t expires_ms)
{
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "id", json_cstring(cli->arena, id));
        json_set(cli->arena, &object, "token", json_cstring(cli->arena, token));
        json_set(cli->arena, &object, "expires_at", table_moment(cli, expires_ms));
        printf("%s\n", json_text(cli->arena, &object).p);
        return;
    }
    if (!cli->quiet) {
        fprintf(stderr, "token %s: it is shown this once; clients take it from MLFLOW_TRACKING_TOKEN\n", id);
    }
    printf("%s\n", token);
}

/* Of --role, or of --scope, which has other words for three of them. */
static int read_role(const struct cli *cli, enum role *ret, struct err *err)
{
    static const char *const scopes[] = {"read", "write", "admin", NULL};
    static const enum role roles_of_scopes[] = {ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN};
    const char *role = option_value(cli, "role");
    const char *scope = option_value(cli, "scope");
    if (role != NULL && scope != NULL) {
        return err_set(err, ERR_INPUT, "--scope says the same as --role: expected one of them");
    }
    int at = scope != NULL  ? names_choice("--scope", scope, scopes, cli->arena, err)
             : role != NULL ? names_choice("--role", role, role_words, cli->arena, err)
                            : 0;
    if (at < 0) {
        return -1;
    }
    *ret = scope != NULL ? roles_of_scopes[at] : role != NULL ? (enum role)(at + 1) : ROLE_BY_DEFAULT;
    return 0;
}

static int create(struct session *session, struct err *err)
{
    struct cli *cli = session->cli;
    char token[PASSWORD_TOKEN_BYTES];
    int64_t expires_ms = 0;
    struct rng rng;
    const char *name = option_value(cli, "name");
    const char *user = option_value(cli, "user");
    enum role role = ROLE_BY_DEFAULT;
    if (read_role(cli, &role, err) < 0) {
        return -1;
    }
    rng_seed_from_system(&rng);
    password_token_new(token);
    struct digest digest = digest_bytes(str_from(token));
    const char *id = arena_printf(cli->arena, "%08x", (unsigned)(rng_next(&rng) & 0xffffffff));
    struct json request = account_request(cli->arena, "token.create", name == NULL ? "" : name);
    json_set(cli->arena, &request, "user", json_cstring(cli->arena, user));
    json_set(cli->arena, &request, "id", json_cstring(cli->arena, id));
    json_set(cli->arena, &request, "sha256", json_cstring(cli->arena, digest.hex));
    json_set(cli->arena, &request, "role", json_cstring(cli->arena, role_table[role].name));
    if (read_expiry(cli, &request, &expires_ms, err) < 0 || read_experiments(session, &request, err) < 0 ||
        account_ask(session, &request, err) < 0) {
        return -1;
    }
    print_created(cli, id, token, expires_ms);
    return 0;
}

static int run_create(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    enum role role = ROLE_BY_DEFAULT;
    if (option_value(cli, "user") == NULL) {
        (void)err_set(&err, ERR_INPUT, "whose token is it? --user NAME says so");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (read_role(cli, &role, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    int result = account_open(cli, "tokens create", &session, &err);
    if (result == 0) {
        result = create(&session, &err);
        session_close(&session);
    }
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : EXIT_OK;
}

static const struct option_row create_options[] = {
    {"user", 0, "NAME", false, "whose it is: it may never do more than he"},
    {"role", 0, "ROLE", false,
     "at most this role, if its user has a higher one: viewer, runner, approver, editor (the default), admin"},
    {"scope", 0, "SCOPE", false, "the same: read is viewer, write is editor, admin is admin"},
    {"experiment", 0, "NAME", true, "only for this experiment, by name or id, and for no registered model"},
    {"expires", 0, "DURATION", false, "how long it is good, such as 90d (default: never expires)"},
    {"name", 0, "TEXT", false, "what it is for, for the list"},
    {0},
};

const struct command command_tokens_create = {
    .name = "tokens create",
    .group = "Home",
    .summary = "make a token for programs, and show it this once",
    .details =
        "A token is 256 random bits; the home keeps its digest alone. MLflow's clients take it from "
        "MLFLOW_TRACKING_TOKEN, others send 'Authorization: Bearer TOKEN'. It is good at once, also when another "
        "sluice serves the home.",
    .examples = "sluice tokens create --user alice --role viewer --expires 90d --name dashboard\n"
                "sluice tokens create --user alice --experiment nightly",
    .options = create_options,
    .run = run_create,
};

/* ---- revoke ------------------------------------------------------------------------------------------------------ */

static int run_revoke(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    const char *id = cli->arguments[0];
    int result = account_open(cli, "tokens revoke", &session, &err);
    if (result == 0) {
        struct json request = account_request(cli->arena, "token.revoke", "");
        json_set(cli->arena, &request, "id", json_cstring(cli->arena, id));
        result = account_ask(&session, &request, &err);
        session_close(&session);
    }
    if (result < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    account_say(cli, "revoked", id, "revoked");
    return EXIT_OK;
}

const struct command command_tokens_revoke = {
    .name = "tokens revoke",
    .group = "Home",
    .summary = "take a token back, by its id",
    .arguments = "ID",
    .details = "It is good no more, at once, also on connections that are open. The list shows it as revoked.",
    .examples = "sluice tokens revoke 3f9a01c2",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_revoke,
};
