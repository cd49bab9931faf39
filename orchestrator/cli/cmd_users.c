/* SPDX-License-Identifier: Apache-2.0
 * users list, create, passwd, role, rm: who may use `sluice serve`.
 */
#include "auth/account.h"
#include "cli/account_ask.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/names.h"
#include "cli/secret_input.h"
#include "cli/table.h"
#include "crypto/password.h"

static int fail(const struct cli *cli, const struct err *err)
{
    return cli_fail(cli, cli_exit_of(err), err);
}

/* ---- list -------------------------------------------------------------------------------------------------------- */

static int list(struct cli *cli, struct table *table, struct store *store, struct err *err)
{
    struct user_row *users = NULL;
    size_t count = 0;
    if (store_user_list(store, cli->arena, &users, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct json cells[] = {
            table_text(cli, users[i].name),
            cli->json ? json_bool(users[i].is_admin) : table_text(cli, users[i].is_admin ? "yes" : ""),
            table_moment(cli, users[i].created_ms),
            table_moment(cli, users[i].password_ms),
        };
        table_row(table, cells);
    }
    return 0;
}

static int run_list(struct cli *cli)
{
    static const char *const headings[] = {"name", "admin", "created_at", "password_at", NULL};
    struct err err = {0};
    struct home home = {.lock_fd = -1};
    struct table table;
    table_init(&table, cli, headings);
    const char *given = option_value(cli, "home");
    bool is_new = home_is_new(given, cli->arena);
    int result = is_new ? 0 : home_open(given, HOME_READ, "users list", cli->arena, &home, &err);
    if (result == 0 && !is_new) {
        result = list(cli, &table, home.store, &err);
        home_close(&home);
    }
    if (result < 0) {
        return cli_fail(cli, err.code == ERR_NOT_FOUND ? EXIT_HOME : cli_exit_of(&err), &err);
    }
    table_print(&table, "no users: 'sluice serve' asks nobody who he is");
    return EXIT_OK;
}

const struct command command_users_list = {
    .name = "users list",
    .group = "Home",
    .summary = "who may use 'sluice serve'",
    .details = "A home without users asks nobody who he is.",
    .examples = "sluice users list\nsluice users list --json",
    .run = run_list,
};

/* ---- passwords --------------------------------------------------------------------------------------------------- */

/* Hashed here: the holder of the home has better to do, and never sees it. */
static int read_hash(struct cli *cli, const char *user, char ret_hash[PASSWORD_HASH_BYTES], struct err *err)
{
    struct str password = {0};
    int result = account_check_name(user, err) < 0 || secret_input_password(user, cli->arena, &password, err) < 0 ||
                         password_check(password, err) < 0 || password_hash(password, ret_hash, err) < 0
                     ? -1
                     : 0;
    secret_input_forget(&password);
    return result;
}

static int change(struct cli *cli, const char *doing, const struct json *request, struct err *err)
{
    struct session session;
    if (account_open(cli, doing, &session, err) < 0) {
        return -1;
    }
    int result = account_ask(&session, request, err);
    session_close(&session);
    return result;
}

static int run_create(struct cli *cli)
{
    const char *name = cli->arguments[0];
    char hash[PASSWORD_HASH_BYTES];
    struct err err = {0};
    if (read_hash(cli, name, hash, &err) < 0) {
        return fail(cli, &err);
    }
    struct json request = account_request(cli->arena, "user.create", name);
    json_set(cli->arena, &request, "hash", json_cstring(cli->arena, hash));
    json_set(cli->arena, &request, "admin", json_bool(option_given(cli, "admin")));
    if (change(cli, "users create", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "created", name, option_given(cli, "admin") ? "created, an admin" : "created");
    return EXIT_OK;
}

static const struct option_row create_options[] = {
    {"admin", 0, NULL, false, "who may do everything, and manage users; the first user must be one"},
    {0},
};

const struct command command_users_create = {
    .name = "users create",
    .group = "Home",
    .summary = "let somebody use 'sluice serve', with a password",
    .arguments = "NAME",
    .details =
        "The password is asked for twice at a terminal and not shown; else it is read from standard input. It has 12 "
        "characters or more, and is kept as an argon2id hash.\n"
        "\n"
        "With the first user the server begins to ask everybody who he is, at once; the first user must be an admin. "
        "What users may do with experiments and models: docs/security.md.",
    .examples = "sluice users create alice --admin\nsluice users create bob < password.txt",
    .options = create_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_create,
};

static int run_passwd(struct cli *cli)
{
    const char *name = cli->arguments[0];
    char hash[PASSWORD_HASH_BYTES];
    struct err err = {0};
    if (read_hash(cli, name, hash, &err) < 0) {
        return fail(cli, &err);
    }
    struct json request = account_request(cli->arena, "user.password", name);
    json_set(cli->arena, &request, "hash", json_cstring(cli->arena, hash));
    if (change(cli, "users passwd", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "changed", name, "has a new password");
    return EXIT_OK;
}

const struct command command_users_passwd = {
    .name = "users passwd",
    .group = "Home",
    .summary = "give a user another password",
    .arguments = "NAME",
    .details = "Read as by 'users create'. The old one is good no more, at once; tokens of the user stay good.",
    .examples = "sluice users passwd alice",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_passwd,
};

/* ---- admins, and removing --------------------------------------------------------------------------------------- */

static int run_role(struct cli *cli)
{
    static const char *const roles[] = {"user", "admin", NULL};
    const char *name = cli->arguments[0];
    struct err err = {0};
    int role = names_choice("role", cli->arguments[1], roles, cli->arena, &err);
    if (role < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    struct json request = account_request(cli->arena, "user.admin", name);
    json_set(cli->arena, &request, "admin", json_bool(role == 1));
    if (change(cli, "users role", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "changed", name, role == 1 ? "is an admin" : "is no admin");
    return EXIT_OK;
}

const struct command command_users_role = {
    .name = "users role",
    .group = "Home",
    .summary = "make a user an admin, or an admin a user",
    .arguments = "NAME admin|user",
    .details = "Admins may do everything, whatever is said of experiments and models. The last one stays one.",
    .examples = "sluice users role bob admin\nsluice users role bob user",
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run_role,
};

static int run_rm(struct cli *cli)
{
    const char *name = cli->arguments[0];
    struct err err = {0};
    struct json request = account_request(cli->arena, "user.remove", name);
    if (change(cli, "users rm", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "removed", name, "removed");
    return EXIT_OK;
}

const struct command command_users_rm = {
    .name = "users rm",
    .group = "Home",
    .summary = "remove a user, with his tokens and permissions",
    .arguments = "NAME",
    .details = "What he has made stays. The last admin cannot be removed.",
    .examples = "sluice users rm bob",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_rm,
};
