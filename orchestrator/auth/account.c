/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/account.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "store/activity.h"
#include "store/delegations.h"
#include "store/experiments.h"

static int note(const struct account_change *change, struct activity activity, struct err *err)
{
    activity.at_ms = change->now_ms;
    activity.actor = change->actor;
    return store_activity_append(change->store, &activity, err);
}

static const char *user_words(const struct account_change *change, const char *name)
{
    return arena_printf(change->arena, "user %s", name);
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

static bool is_blank_at_ends(struct str name)
{
    return str_trim(name).n != name.n;
}

/* Control characters, and what is not seen or turns what is seen around: names that look alike are not to be two. */
static bool is_hidden(uint32_t code)
{
    static const struct {
        uint32_t from, to;
    } hidden[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x200b, 0x200f},
                  {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (code >= hidden[i].from && code <= hidden[i].to) {
            return true;
        }
    }
    return false;
}

#define NAME_RULES                                                                                                     \
    "up to %d bytes of UTF-8 without ':', control characters, characters that are not seen, or blanks at its ends"

int account_check_name(const char *text, struct err *err)
{
    struct str name = str_from(text);
    bool good = name.n > 0 && name.n <= ACCOUNT_NAME_MAX_BYTES && utf8_valid(name) && !is_blank_at_ends(name);
    if (name.n == 0) {
        (void)err_set(err, ERR_INPUT, "the name of a user is empty");
        return err_as_mlflow(err, "Username cannot be empty.");
    }
    for (size_t i = 0; good && i < name.n;) {
        uint32_t code = 0;
        i += utf8_decode(name.p + i, name.n - i, &code);
        good = !is_hidden(code) && code != ':';
    }
    if (good) {
        return 0;
    }
    (void)err_set(err, ERR_INPUT, "'%.140s' is no name of a user: expected " NAME_RULES, text, ACCOUNT_NAME_MAX_BYTES);
    return err_as_mlflow(err, "Invalid username: expected " NAME_RULES, ACCOUNT_NAME_MAX_BYTES);
}

/* How many admins there are but this user. */
static int count_admins(const struct account_change *change, int64_t but_user_id, size_t *ret_admins,
                        size_t *ret_users, struct err *err)
{
    struct user_row *users = NULL;
    *ret_admins = 0;
    if (store_user_list(change->store, change->arena, &users, ret_users, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < *ret_users; i++) {
        *ret_admins += users[i].role == ROLE_ADMIN && users[i].user_id != but_user_id;
    }
    return 0;
}

int account_user_create(const struct account_change *change, const char *name, const char *password_hash,
                        enum role role, int64_t *ret_id, struct err *err)
{
    size_t admins = 0;
    size_t users = 0;
    struct user_row user = {.name = name,
                            .password_hash = password_hash,
                            .role = role,
                            .created_ms = change->now_ms,
                            .password_ms = change->now_ms};
    if (account_check_name(name, err) < 0 || count_admins(change, 0, &admins, &users, err) < 0) {
        return -1;
    }
    if (users == 0 && role != ROLE_ADMIN) {
        return err_set(err, ERR_STATE, "the first user must be an admin, who can let the others in: --role admin");
    }
    return store_user_add(change->store, &user, ret_id, err) < 0
               ? -1
               : note(change,
                      (struct activity){.action = "user.created",
                                        .object = user_words(change, name),
                                        .object_id = name,
                                        .to_state = role_table[role].name},
                      err);
}

int account_user_password(const struct account_change *change, const char *name, const char *password_hash,
                          struct err *err)
{
    struct user_row user;
    return store_user_get(change->store, name, change->arena, &user, err) < 0 ||
                   store_user_set_password(change->store, user.user_id, password_hash, change->now_ms, err) < 0
               ? -1
               : note(change,
                      (struct activity){
                          .action = "user.password", .object = user_words(change, name), .object_id = name},
                      err);
}

static int keep_an_admin(const struct account_change *change, const struct user_row *user, const char *what,
                         struct err *err)
{
    size_t admins = 0;
    size_t users = 0;
    if (count_admins(change, user->user_id, &admins, &users, err) < 0) {
        return -1;
    }
    return admins > 0 || user->role != ROLE_ADMIN
               ? 0
               : err_set(err, ERR_STATE, "'%s' is the last admin, and cannot be %s: make another one first", user->name,
                         what);
}

int account_user_role(const struct account_change *change, const char *name, enum role role, struct err *err)
{
    struct user_row user;
    const char *what = arena_printf(change->arena, "made %s", role_table[role].article);
    if (store_user_get(change->store, name, change->arena, &user, err) < 0 ||
        (role != ROLE_ADMIN && keep_an_admin(change, &user, what, err) < 0)) {
        return -1;
    }
    if (user.role == role) {
        return 0;
    }
    return store_user_set_role(change->store, user.user_id, role, err) < 0
               ? -1
               : note(change,
                      (struct activity){.action = "user.role",
                                        .object = user_words(change, name),
                                        .object_id = name,
                                        .from_state = role_table[user.role].name,
                                        .to_state = role_table[role].name},
                      err);
}

int account_user_remove(const struct account_change *change, const char *name, struct err *err)
{
    struct user_row user;
    return store_user_get(change->store, name, change->arena, &user, err) < 0 ||
                   keep_an_admin(change, &user, "removed", err) < 0 ||
                   store_user_remove(change->store, user.user_id, err) < 0 ||
                   store_delegations_end_of(change->store, name, change->now_ms, err) < 0
               ? -1
               : note(change,
                      (struct activity){.action = "user.removed",
                                        .object = user_words(change, name),
                                        .object_id = name,
                                        .from_state = role_table[user.role].name,
                                        .to_state = "removed"},
                      err);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static int check_token(const struct account_change *change, const struct token_row *token, struct err *err)
{
    struct str name = str_from(token->name);
    if (strlen(token->sha256) != 64 || strlen(token->token_id) != 8) {
        return err_set(err, ERR_INPUT, "expected a token's id and digest");
    }
    if (name.n > ACCOUNT_TOKEN_NAME_MAX_BYTES || !utf8_valid(name) || str_find_byte(name, '\n', 0) >= 0) {
        return err_set(err, ERR_INPUT, "the name of a token is one line of at most %d bytes",
                       ACCOUNT_TOKEN_NAME_MAX_BYTES);
    }
    for (size_t i = 0; i < token->experiment_count; i++) {
        struct experiment experiment;
        if (store_experiment_get(change->store, token->experiments[i], change->arena, &experiment, err) < 0) {
            return -1;
        }
    }
    return token->role != ROLE_NOBODY ? 0 : err_set(err, ERR_INPUT, "expected the role of a token");
}

int account_token_create(const struct account_change *change, const char *user_name, struct token_row *token,
                         struct err *err)
{
    struct user_row user;
    if (store_user_get(change->store, user_name, change->arena, &user, err) < 0 ||
        check_token(change, token, err) < 0) {
        return -1;
    }
    token->user_id = user.user_id;
    token->created_ms = change->now_ms;
    return store_token_add(change->store, token, err) < 0
               ? -1
               : note(change,
                      (struct activity){.action = "token.created",
                                        .object = arena_printf(change->arena, "token %s", token->token_id),
                                        .object_id = token->token_id,
                                        .to_state = role_table[token->role].name,
                                        .reason = arena_printf(change->arena, "for %s%s%s", user_name,
                                                               *token->name == '\0' ? "" : ": ", token->name)},
                      err);
}

int account_token_revoke(const struct account_change *change, const char *token_id, struct err *err)
{
    return store_token_revoke(change->store, token_id, change->now_ms, err) < 0
               ? -1
               : note(change,
                      (struct activity){.action = "token.revoked",
                                        .object = arena_printf(change->arena, "token %s", token_id),
                                        .object_id = token_id,
                                        .to_state = "revoked"},
                      err);
}

/* ---- permissions ------------------------------------------------------------------------------------------------ */

static int note_permission(const struct account_change *change, const struct user_row *user,
                           const struct permission_object *object, const char *from, const char *to, struct err *err)
{
    const char *id = object->model != NULL ? object->model
                                           : arena_printf(change->arena, "%lld", (long long)object->experiment_id);
    return note(change,
                (struct activity){.action = "permission.changed",
                                  .object = arena_printf(change->arena, "%s %s",
                                                         object->model != NULL ? "model" : "experiment", id),
                                  .object_id = id,
                                  .from_state = from,
                                  .to_state = to,
                                  .reason = arena_printf(change->arena, "for %s", user->name)},
                err);
}

/* "" when nothing is said of it. */
static int words_before(const struct account_change *change, const struct user_row *user,
                        const struct permission_object *object, const char **ret, struct err *err)
{
    enum permission before = PERMISSION_NONE;
    int found = store_permission_find(change->store, user->user_id, object, &before, err);
    *ret = found == 1 ? permission_word(before) : "";
    return found;
}

int account_permit(const struct account_change *change, const struct user_row *user,
                   const struct permission_object *object, enum permission permission, struct err *err)
{
    const char *before = "";
    return words_before(change, user, object, &before, err) < 0 ||
                   store_permission_put(change->store, user->user_id, object, permission, err) < 0
               ? -1
               : note_permission(change, user, object, before, permission_word(permission), err);
}

int account_forbid(const struct account_change *change, const struct user_row *user,
                   const struct permission_object *object, struct err *err)
{
    const char *before = "";
    int found = words_before(change, user, object, &before, err);
    if (found != 1) {
        return found;
    }
    return store_permission_remove(change->store, user->user_id, object, err) < 0 ||
                   note_permission(change, user, object, before, "", err) < 0
               ? -1
               : 1;
}

/* ---- what the command line asks --------------------------------------------------------------------------------- */

static int obey_user_create(const struct account_change *change, const struct json *request, struct err *err)
{
    int64_t id = 0;
    enum role role = ROLE_NOBODY;
    return role_parse(json_get_text(request, "role", ""), &role, err) < 0
               ? -1
               : account_user_create(change, json_get_text(request, "name", ""), json_get_text(request, "hash", ""),
                                     role, &id, err);
}

static int obey_user_password(const struct account_change *change, const struct json *request, struct err *err)
{
    return account_user_password(change, json_get_text(request, "name", ""), json_get_text(request, "hash", ""), err);
}

static int obey_user_role(const struct account_change *change, const struct json *request, struct err *err)
{
    enum role role = ROLE_NOBODY;
    return role_parse(json_get_text(request, "role", ""), &role, err) < 0
               ? -1
               : account_user_role(change, json_get_text(request, "name", ""), role, err);
}

static int obey_user_remove(const struct account_change *change, const struct json *request, struct err *err)
{
    return account_user_remove(change, json_get_text(request, "name", ""), err);
}

static int obey_token_create(const struct account_change *change, const struct json *request, struct err *err)
{
    const struct json *list = json_get(request, "experiments");
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->u.array.count : 0;
    int64_t *experiments = arena_array(change->arena, count + 1, sizeof *experiments);
    if (count > ACCOUNT_TOKEN_EXPERIMENTS_MAX) {
        return err_set(err, ERR_LIMIT, "a token is for at most %d experiments", ACCOUNT_TOKEN_EXPERIMENTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        experiments[i] = list->u.array.items[i].type == JSON_INT ? list->u.array.items[i].u.integer : -1;
    }
    struct token_row token = {
        .token_id = json_get_text(request, "id", ""),
        .name = json_get_text(request, "name", ""),
        .sha256 = json_get_text(request, "sha256", ""),
        .expires_ms = json_get_int(request, "expires_ms", 0),
        .experiments = experiments,
        .experiment_count = count,
    };
    return role_parse(json_get_text(request, "role", ""), &token.role, err) < 0
               ? -1
               : account_token_create(change, json_get_text(request, "user", ""), &token, err);
}

static int obey_token_revoke(const struct account_change *change, const struct json *request, struct err *err)
{
    return account_token_revoke(change, json_get_text(request, "id", ""), err);
}

static const struct {
    const char *name;
    int (*obey)(const struct account_change *change, const struct json *request, struct err *err);
} wishes[] = {
    {"user.create", obey_user_create}, {"user.password", obey_user_password},  {"user.role", obey_user_role},
    {"user.remove", obey_user_remove}, {"token.create", obey_token_create}, {"token.revoke", obey_token_revoke},
};

static int obey(const struct account_change *change, const struct json *request, struct err *err)
{
    const char *what = json_get_text(request, "do", "");
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        if (strcmp(wishes[i].name, what) == 0) {
            return wishes[i].obey(change, request, err);
        }
    }
    return err_set(err, ERR_INPUT, "this sluice does not know how to '%s'", what);
}

int account_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                 struct err *err)
{
    const struct account_change change = {store, actor, clock_wall_ms(&clock_system), arena};
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if (obey(&change, request, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}
