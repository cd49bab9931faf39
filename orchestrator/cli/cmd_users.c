/* SPDX-License-Identifier: Apache-2.0
 * users list, create, passwd, role, rm: who may use `sluice serve`.
 */
#include "auth/account.h"
#include "auth/group_roles.h"
#include "cli/account_ask.h"
#include "cli/commands.h"
#include "cli/home.h"
#include "cli/names.h"
#include "cli/secret_input.h"
#include "cli/table.h"
#include "config/config.h"
#include "crypto/password.h"

static int fail(const struct cli *cli, const struct err *err)
{
    return cli_fail(cli, cli_exit_of(err), err);
}

/* ---- list -------------------------------------------------------------------------------------------------------- */

static int list(struct cli *cli, struct table *table, const struct home *home, struct err *err)
{
    struct user_row *users = NULL;
    size_t count = 0;
    struct diags diags;
    struct config config;
    if (store_user_list(home->store, cli->arena, &users, &count, err) < 0 ||
        config_load_home(home->path, cli->arena, &diags, &config, err) < 0) {
        return -1;
    }
    struct group_roles *groups = group_roles_new(&config.groups, &config.group_roles);
    for (size_t i = 0; i < count; i++) {
        enum role by_groups = group_roles_find(groups, users[i].name);
        const struct json cells[] = {
            table_text(cli, users[i].name),
            table_text(cli, role_table[users[i].role].name),
            table_text(cli, role_table[by_groups > users[i].role ? by_groups : users[i].role].name),
            table_moment(cli, users[i].created_ms),
            table_moment(cli, users[i].password_ms),
        };
        table_row(table, cells);
    }
    group_roles_free(groups);
    return 0;
}

static int run_list(struct cli *cli)
{
    static const char *const headings[] = {"name", "role", "with_groups", "created_at", "password_at", NULL};
    struct err err = {0};
    struct home home = {.lock_fd = -1};
    struct table table;
    table_init(&table, cli, headings);
    const char *given = option_value(cli, "home");
    bool is_new = home_is_new(given, cli->arena);
    int result = is_new ? 0 : home_open(given, HOME_READ, "users list", cli->arena, &home, &err);
    if (result == 0 && !is_new) {
        result = list(cli, &table, &home, &err);
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
    .details = "A home without users asks nobody who he is.\n"
               "\n"
               "'role' is the user's own, 'with groups' the highest of it and those that config.yaml gives his groups "
               "(auth.group_roles): what holds.",
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

/* Of --role, or of --admin, which says the same of one of them. */
static int read_role(const struct cli *cli, enum role *ret, struct err *err)
{
    const char *word = option_value(cli, "role");
    *ret = option_given(cli, "admin") ? ROLE_ADMIN : ROLE_BY_DEFAULT;
    if (word == NULL) {
        return 0;
    }
    int at = names_choice("--role", word, role_words, cli->arena, err);
    if (at >= 0 && option_given(cli, "admin") && at + 1 != ROLE_ADMIN) {
        return err_set(err, ERR_INPUT, "--admin and --role %s: which of them?", word);
    }
    *ret = (enum role)(at + 1);
    return at < 0 ? -1 : 0;
}

static int run_create(struct cli *cli)
{
    const char *name = cli->arguments[0];
    char hash[PASSWORD_HASH_BYTES];
    struct err err = {0};
    enum role role = ROLE_BY_DEFAULT;
    if (read_role(cli, &role, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (read_hash(cli, name, hash, &err) < 0) {
        return fail(cli, &err);
    }
    struct json request = account_request(cli->arena, "user.create", name);
    json_set(cli->arena, &request, "hash", json_cstring(cli->arena, hash));
    json_set(cli->arena, &request, "role", json_cstring(cli->arena, role_table[role].name));
    if (change(cli, "users create", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "created", name, arena_printf(cli->arena, "created, %s", role_table[role].article));
    return EXIT_OK;
}

static const struct option_row create_options[] = {
    {"role", 0, "ROLE", false,
     "viewer, runner, approver, editor (the default) or admin; the first user must be an admin"},
    {"admin", 0, NULL, false, "the same as --role admin"},
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
        "A role says what a user may do at most; on which experiments and models: docs/security.md.",
    .examples = "sluice users create alice --admin\nsluice users create bob --role runner < password.txt",
    .options = create_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_create,
    .makes_home = true,
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

/* ---- roles, and removing ---------------------------------------------------------------------------------------- */

static int run_role(struct cli *cli)
{
    const char *name = cli->arguments[0];
    struct err err = {0};
    int role = names_choice("role", cli->arguments[1], role_words, cli->arena, &err);
    if (role < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    struct json request = account_request(cli->arena, "user.role", name);
    json_set(cli->arena, &request, "role", json_cstring(cli->arena, cli->arguments[1]));
    if (change(cli, "users role", &request, &err) < 0) {
        return fail(cli, &err);
    }
    account_say(cli, "changed", name, arena_printf(cli->arena, "is %s", role_table[role + 1].article));
    return EXIT_OK;
}

const struct command command_users_role = {
    .name = "users role",
    .group = "Home",
    .summary = "give a user another role",
    .arguments = "NAME viewer|runner|approver|editor|admin",
    .details = "Good from his next request on, also on connections that are open, and for his tokens. Admins may do "
               "everything, whatever is said of experiments and models; the last one stays one.",
    .examples = "sluice users role bob approver\nsluice users role bob admin",
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
