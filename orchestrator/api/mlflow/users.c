/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of users, as its AuthServiceClient asks them. Passwords are hashed by a thread.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/permission_json.h"
#include "api/mlflow/role_json.h"
#include "api/mlflow/routes.h"
#include "auth/account.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct account_change change_of(const struct api_call *call)
{
    return (struct account_change){call->store, call->who->name, call->now_ms, call->arena};
}

static int require_users(const struct api_call *call, struct err *err)
{
    return call->who != NULL ? 0
                             : err_set(err, ERR_NOT_FOUND,
                                       "the home has no users: 'sluice users create NAME --admin' makes the first");
}

static int user_json(struct api_call *call, const struct user_row *user, struct json *ret, struct err *err)
{
    struct permission_row *rows = NULL;
    size_t count = 0;
    struct json experiments = json_array();
    struct json models = json_array();
    struct json roles = json_array();
    if (store_permission_list(call->store, user->user_id, call->arena, &rows, &count, err) < 0 ||
        role_json_of_user(call, user->user_id, 0, &roles, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = permission_json(call, user->user_id, &rows[i].object, rows[i].permission);
        json_push(call->arena, rows[i].object.model != NULL ? &models : &experiments, one);
    }
    *ret = json_object();
    put_int(call, ret, "id", user->user_id);
    put_text(call, ret, "username", user->name);
    put(call, ret, "is_admin", json_bool(auth_role_of(call->auth, user) == ROLE_ADMIN));
    put(call, ret, "experiment_permissions", experiments);
    put(call, ret, "registered_model_permissions", models);
    put(call, ret, "roles", roles);
    return 0;
}

static int answer_with(struct api_call *call, const char *name, struct err *err)
{
    struct user_row user;
    struct json object;
    if (store_user_get(call->store, name, call->arena, &user, err) < 0 || user_json(call, &user, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "user", object);
    return 0;
}

static const char *name_of(const struct api_call *call)
{
    return param_text(&call->params, "username");
}

/* ---- passwords -------------------------------------------------------------------------------------------------- */

struct hashing {
    struct api_job job;
    const char *name; /* in the exchange's arena */
    char *password;
    char *current; /* NULL: it is not asked for */
    char stored[PASSWORD_HASH_BYTES], hash[PASSWORD_HASH_BYTES];
};

static void forget(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void drop(struct api_job *job)
{
    struct hashing *hashing = (struct hashing *)job;
    forget(hashing->password);
    forget(hashing->current);
    free(hashing);
}

static int hash(void *ctx, struct err *err)
{
    struct hashing *hashing = ctx;
    return hashing->current != NULL && !password_verify(hashing->stored, str_from(hashing->current))
               ? err_set(err, ERR_INPUT, "Current password does not match.")
               : password_hash(str_from(hashing->password), hashing->hash, err);
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *bytes = mem_alloc(size);
    memcpy(bytes, text, size);
    return bytes;
}

/* `current` "": it is not asked for. */
static int begin(struct api_call *call, const char *current, const char *stored,
                 int (*finish)(struct api_call *call, struct err *err), struct err *err)
{
    const char *password = param_text(&call->params, "password");
    if (password_check(str_from(password), err) < 0) {
        return -1;
    }
    struct hashing *hashing = mem_alloc(sizeof *hashing);
    *hashing = (struct hashing){
        .job = {.file = {.work = hash, .ctx = hashing}, .exchange = call->exchange, .finish = finish, .drop = drop},
        .name = name_of(call),
        .password = copy(password),
        .current = *current == '\0' ? NULL : copy(current),
    };
    (void)snprintf(hashing->stored, sizeof hashing->stored, "%s", stored);
    call->exchange->owner = hashing;
    call->exchange->disown = api_disown_job;
    return api_give_hash_job(call, &hashing->job, err);
}

static int finish_create(struct api_call *call, struct err *err)
{
    const struct hashing *hashing = call->exchange->owner;
    const struct account_change change = change_of(call);
    int64_t id = 0;
    return err->code != ERR_NONE ||
                   account_user_create(&change, hashing->name, hashing->hash, ROLE_BY_DEFAULT, &id, err) < 0
               ? -1
               : answer_with(call, hashing->name, err);
}

static int create(struct api_call *call, struct err *err)
{
    struct user_row there;
    if (require_users(call, err) < 0 || account_check_name(name_of(call), err) < 0) {
        return -1;
    }
    if (store_user_get(call->store, name_of(call), call->arena, &there, NULL) == 0) {
        return err_set(err, ERR_EXISTS, "User (username=%s) already exists.", name_of(call));
    }
    return begin(call, "", "", finish_create, err);
}

static int finish_password(struct api_call *call, struct err *err)
{
    const struct hashing *hashing = call->exchange->owner;
    const struct account_change change = change_of(call);
    if (err->code != ERR_NONE) {
        return -1;
    }
    if (hashing->current != NULL) {
        api_tried_well(call, hashing->name);
    }
    if (call->who->role < ROLE_ADMIN && strcmp(call->who->name, hashing->name) != 0) { /* he was one when it began */
        return err_set(err, ERR_DENIED, "Permission denied: user '%s' is no admin", call->who->name);
    }
    return account_user_password(&change, hashing->name, hashing->hash, err);
}

/* His own password is changed by whoever knows it: who has shown it to come in, as clients before MLflow 3 do, or tells
 * it here. */
static int update_password(struct api_call *call, struct err *err)
{
    struct user_row user;
    const char *current = param_text(&call->params, "current_password");
    if (require_users(call, err) < 0 || store_user_get(call->store, name_of(call), call->arena, &user, err) < 0) {
        return -1;
    }
    bool is_self = user.user_id == call->who->user_id;
    if (is_self && *current == '\0' && call->who->sha256[0] != '\0') {
        return err_set(err, ERR_INPUT, "Current password is required when changing your own password.");
    }
    if (is_self && strcmp(current, param_text(&call->params, "password")) == 0) {
        return err_set(err, ERR_INPUT, "New password must differ from the current password.");
    }
    if (is_self && *current != '\0' && !api_may_try(call, user.name)) {
        return 0;
    }
    return begin(call, is_self ? current : "", user.password_hash, finish_password, err);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static int get(struct api_call *call, struct err *err)
{
    return answer_with(call, name_of(call), err);
}

/* MLflow's page lets whoever came with a password change it, and log out. */
static int current(struct api_call *call, struct err *err)
{
    if (require_users(call, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "is_basic_auth", json_bool(call->who->sha256[0] == '\0'));
    return answer_with(call, call->who->name, err);
}

static int list(struct api_call *call, struct err *err)
{
    struct user_row *users = NULL;
    size_t count = 0;
    struct json items = json_array();
    if (store_user_list(call->store, call->arena, &users, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one;
        if (user_json(call, &users[i], &one, err) < 0) {
            return -1;
        }
        json_push(call->arena, &items, one);
    }
    put(call, &call->answer, "users", items);
    return 0;
}

static int update_admin(struct api_call *call, struct err *err)
{
    if (require_users(call, err) < 0) {
        return -1;
    }
    struct user_row user;
    const struct account_change change = change_of(call);
    bool is_admin = json_get_bool(&call->params, "is_admin", false);
    if (store_user_get(call->store, name_of(call), call->arena, &user, err) < 0) {
        return -1;
    }
    return (user.role == ROLE_ADMIN) == is_admin
               ? 0
               : account_user_role(&change, user.name, is_admin ? ROLE_ADMIN : ROLE_BY_DEFAULT, err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    if (require_users(call, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return account_user_remove(&change, name_of(call), err);
}

#define USERNAME                                                                                                       \
    {                                                                                                                  \
        .name = "username", .type = API_TEXT, .required = true                                                         \
    }

static const struct api_field name_fields[] = {USERNAME, {0}};
static const struct api_field password_fields[] = {USERNAME,
                                                   {.name = "password", .type = API_TEXT, .required = true},
                                                   {.name = "current_password", .type = API_TEXT},
                                                   {0}};
static const struct api_field admin_fields[] = {
    USERNAME, {.name = "is_admin", .type = API_BOOL, .required = true}, {0}};

const struct api_route mlflow_user_routes[] = {
    {HTTP_POST, "/mlflow/users/create", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), password_fields, create,
     API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/users/get", API_V2, API_READS, API_NEEDS(VIEWER, READ, USER), name_fields, get, API_LOOKS},
    {HTTP_GET, "/mlflow/users/current", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, current, API_LOOKS},
    {HTTP_GET, "/mlflow/users/list", API_V2, API_READS, API_NEEDS(ADMIN, READ, ADMIN), NULL, list, API_LOOKS},
    {HTTP_PATCH, "/mlflow/users/update-password", API_V2, API_WRITES, API_NEEDS(VIEWER, MANAGE, USER), password_fields,
     update_password, API_NOTED_INSIDE},
    {HTTP_PATCH, "/mlflow/users/update-admin", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), admin_fields,
     update_admin, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/users/delete", API_V2, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN), name_fields, delete_one,
     API_NOTED_INSIDE},
    {0},
};
