/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include "auth/directory.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "digest/digest.h"
#include "store/mlflow_roles.h"

#include <stdio.h>
#include <stdlib.h>

enum { MARKS = 1024, MARKS_A_PLACE = 4, GRANTS = 4096, MODEL_GRANTS = 1024, RUNS = 4096 };
enum { ID_MAX = 40, NAME_MAX_BYTES = 80 };

/* A password that was right. */
struct known {
    struct password_mark mark;
    int64_t user_id; /* 0: the place is empty */
    int64_t password_ms;
    int64_t until_ms;
};

struct grant {
    int64_t user_id; /* 0: the place is empty */
    int64_t experiment_id;
    enum permission permission;
};

struct model_grant {
    int64_t user_id;           /* 0: the place is empty */
    char name[NAME_MAX_BYTES]; /* longer ones are not remembered */
    enum permission permission;
};

struct owned_run {
    char run_id[ID_MAX];
    int64_t experiment_id;
};

/* All that is said of experiments to one user, by their ids: for who asks for a great many at once. */
struct all_grants {
    int64_t user_id; /* 0: nobody's */
    uint64_t version;
    struct arena *arena;
    struct permission_row *rows;
    size_t count;
    struct mlflow_said by_roles;
};

struct auth {
    struct store *store;
    struct directory *directory;
    enum permission by_default;
    struct group_roles *groups;
    struct siphash_key key;
    struct known known[MARKS];
    uint64_t grants_version;
    struct grant grants[GRANTS];
    struct model_grant model_grants[MODEL_GRANTS];
    struct all_grants all;
    struct owned_run runs[RUNS];
};

/* It is part of what is remembered. */
void auth_set_default(struct auth *auth, enum permission by_default)
{
    auth->by_default = by_default;
    memset(auth->grants, 0, sizeof auth->grants);
    memset(auth->model_grants, 0, sizeof auth->model_grants);
}

struct auth *auth_new(struct store *store, enum permission by_default)
{
    struct auth *auth = mem_alloc(sizeof *auth);
    auth->store = store; /* the tables are zero, and cost no memory until they are used */
    auth->directory = directory_new(store);
    auth->groups = group_roles_new(NULL, NULL);
    auth->by_default = by_default;
    auth->all.arena = arena_new();
    auth->key = siphash_key_new();
    return auth;
}

void auth_free(struct auth *auth)
{
    if (auth != NULL) {
        directory_free(auth->directory);
        group_roles_free(auth->groups);
        explicit_bzero(auth->known, sizeof auth->known);
        arena_free(auth->all.arena);
        free(auth);
    }
}

void auth_set_groups(struct auth *auth, const struct json *groups, const struct json *roles)
{
    group_roles_free(auth->groups);
    auth->groups = group_roles_new(groups, roles);
}

static enum role higher(enum role a, enum role b)
{
    return a > b ? a : b;
}

static enum role lower(enum role a, enum role b)
{
    return a < b ? a : b;
}

enum role auth_role_of(const struct auth *auth, const struct user_row *user)
{
    return higher(user->role, group_roles_find(auth->groups, user->name));
}

bool auth_is_on(struct auth *auth)
{
    struct err err = {0};
    return directory_refresh(auth->directory, &err) < 0 || directory_user_count(auth->directory) > 0;
}

/* ---- passwords -------------------------------------------------------------------------------------------------- */

/* The first of the places that a mark may have. */
static struct known *places_of(struct auth *auth, const struct password_mark *mark)
{
    uint32_t number = 0;
    memcpy(&number, mark->bytes, sizeof number);
    return &auth->known[number % (MARKS / MARKS_A_PLACE) * MARKS_A_PLACE];
}

static const struct known *find_known(struct auth *auth, const struct password_mark *mark, int64_t now_ms)
{
    struct known *places = places_of(auth, mark);
    for (int i = 0; i < MARKS_A_PLACE; i++) {
        if (places[i].user_id != 0 && places[i].until_ms > now_ms && password_mark_equal(&places[i].mark, mark)) {
            return &places[i];
        }
    }
    return NULL;
}

void auth_learn(struct auth *auth, const struct password_mark *mark, struct str user, const char *hash, int64_t now_ms)
{
    struct known *places = places_of(auth, mark);
    struct known *oldest = places;
    const struct user_row *row =
        directory_refresh(auth->directory, NULL) < 0 ? NULL : directory_user(auth->directory, user);
    if (row == NULL || strcmp(row->password_hash, hash) != 0) {
        return;
    }
    for (int i = 1; i < MARKS_A_PLACE; i++) {
        oldest = places[i].until_ms < oldest->until_ms ? &places[i] : oldest;
    }
    *oldest = (struct known){*mark, row->user_id, row->password_ms, now_ms + AUTH_KNOWN_MS};
}

static struct auth_who who_of(const struct auth *auth, const struct user_row *user, struct arena *arena)
{
    enum role role = auth_role_of(auth, user);
    return (struct auth_who){
        .user_id = user->user_id,
        .name = arena_strdup(arena, user->name),
        .is_admin = role == ROLE_ADMIN,
        .role = role,
        .most = ROLE_ADMIN,
        .password_ms = user->password_ms,
        .version = directory_version(auth->directory),
    };
}

bool auth_find(struct auth *auth, struct str name, struct arena *arena, struct auth_who *ret_who)
{
    const struct user_row *row =
        directory_refresh(auth->directory, NULL) < 0 ? NULL : directory_user(auth->directory, name);
    if (row != NULL) {
        *ret_who = who_of(auth, row, arena);
    }
    return row != NULL;
}

static enum auth_answer ask_password(struct auth *auth, struct str header, int64_t now_ms, struct arena *arena,
                                     struct auth_who *ret_who, struct auth_claim *ret_claim)
{
    struct password_mark mark = password_mark_of(header);
    const struct known *known = find_known(auth, &mark, now_ms);
    const struct user_row *user =
        known == NULL ? NULL : directory_user_by_id(auth->directory, known->user_id);
    if (user != NULL && user->password_ms == known->password_ms) {
        *ret_who = who_of(auth, user, arena);
        return AUTH_GOOD;
    }
    struct credential credential = credential_read(header, arena);
    if (credential.kind != CREDENTIAL_PASSWORD) {
        return AUTH_REFUSED;
    }
    user = directory_user(auth->directory, credential.user);
    *ret_claim = (struct auth_claim){
        .mark = mark,
        .user = credential.user,
        .password = credential.secret,
        .hash = user == NULL ? password_of_nobody : arena_strdup(arena, user->password_hash),
    };
    return AUTH_UNKNOWN;
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static bool is_good(const struct token_row *token, int64_t now_ms)
{
    return token != NULL && token->revoked_ms == 0 && (token->expires_ms == 0 || token->expires_ms > now_ms);
}

/* False when it is none that is good. */
static bool find_token(struct auth *auth, const char *sha256, int64_t now_ms, struct arena *arena,
                       struct auth_who *ret)
{
    struct token_row *token = directory_token(auth->directory, sha256);
    const struct user_row *user = is_good(token, now_ms) ? directory_user_by_id(auth->directory, token->user_id) : NULL;
    if (user == NULL) {
        return false;
    }
    token->used_ms = now_ms;
    *ret = who_of(auth, user, arena);
    ret->most = token->role;
    ret->role = lower(ret->role, token->role);
    (void)snprintf(ret->token_id, sizeof ret->token_id, "%s", token->token_id);
    ret->experiment_count = token->experiment_count;
    if (token->experiment_count > 0) {
        int64_t *copy = arena_array(arena, token->experiment_count, sizeof *copy);
        memcpy(copy, token->experiments, token->experiment_count * sizeof *copy);
        ret->experiments = copy;
    }
    memcpy(ret->sha256, sha256, sizeof ret->sha256);
    return true;
}

/* ---- who -------------------------------------------------------------------------------------------------------- */

enum auth_answer auth_ask(struct auth *auth, struct str header, int64_t now_ms, struct arena *arena,
                          struct auth_who *ret_who, struct auth_claim *ret_claim, struct err *err)
{
    static const char basic[] = "Basic ";
    if (directory_refresh(auth->directory, err) < 0) {
        return AUTH_FAILED;
    }
    if (directory_user_count(auth->directory) == 0) {
        return AUTH_OFF;
    }
    if (header.n > CREDENTIAL_MAX_BYTES) {
        return AUTH_REFUSED;
    }
    if (str_starts(header, str_from(basic))) { /* what is known needs not be read */
        return ask_password(auth, header, now_ms, arena, ret_who, ret_claim);
    }
    struct credential credential = credential_read(header, arena);
    if (credential.kind == CREDENTIAL_PASSWORD) {
        return ask_password(auth, header, now_ms, arena, ret_who, ret_claim);
    }
    if (credential.kind != CREDENTIAL_TOKEN) {
        return AUTH_REFUSED;
    }
    struct digest digest = digest_bytes(credential.secret);
    return find_token(auth, digest.hex, now_ms, arena, ret_who) ? AUTH_GOOD : AUTH_REFUSED;
}

bool auth_is_still_good(struct auth *auth, struct auth_who *who, int64_t now_ms)
{
    if (directory_refresh(auth->directory, NULL) < 0) {
        return false;
    }
    const struct user_row *user = directory_user_by_id(auth->directory, who->user_id);
    if (user == NULL) {
        return false;
    }
    enum role role = auth_role_of(auth, user);
    who->is_admin = role == ROLE_ADMIN;
    who->role = lower(role, who->most);
    who->version = directory_version(auth->directory);
    return who->sha256[0] == '\0' ? user->password_ms == who->password_ms
                                  : is_good(directory_token(auth->directory, who->sha256), now_ms);
}

bool auth_has_uses(const struct auth *auth)
{
    return directory_has_uses(auth->directory);
}

int auth_keep_uses(struct auth *auth, struct err *err)
{
    return directory_keep_uses(auth->directory, err);
}

/* ---- what he may do --------------------------------------------------------------------------------------------- */

static bool is_for(const struct auth_who *who, const struct permission_object *object)
{
    if (who->experiments == NULL) {
        return true;
    }
    for (size_t i = 0; object->model == NULL && i < who->experiment_count; i++) {
        if (who->experiments[i] == object->experiment_id) {
            return true;
        }
    }
    return false;
}

/* A viewer never writes, whatever was said of the object. */
static enum permission within_role(const struct auth_who *who, enum permission permission)
{
    return who->role <= ROLE_VIEWER && permission > PERMISSION_READ ? PERMISSION_READ : permission;
}

static int find_granted(struct auth *auth, int64_t user_id, const struct permission_object *object,
                        enum permission *ret, struct err *err)
{
    struct permission_said said;
    if (store_permission_said(auth->store, user_id, object, &said, err) < 0) {
        return -1;
    }
    *ret = permission_resolve(&said, auth->by_default);
    return 0;
}

/* What is remembered is forgotten whole when a permission has changed. */
static void forget_old_grants(struct auth *auth)
{
    uint64_t version = store_permissions_version(auth->store);
    if (auth->grants_version != version) {
        memset(auth->grants, 0, sizeof auth->grants);
        memset(auth->model_grants, 0, sizeof auth->model_grants);
        auth->grants_version = version;
    }
}

static int find_model_permission(struct auth *auth, int64_t user_id, const struct permission_object *object,
                                 enum permission *ret, struct err *err)
{
    size_t size = strlen(object->model) + 1;
    uint64_t place = siphash(auth->key, (struct str){object->model, size}) + (uint64_t)user_id;
    struct model_grant *grant = &auth->model_grants[place % MODEL_GRANTS];
    if (grant->user_id == user_id && strcmp(grant->name, object->model) == 0) {
        *ret = grant->permission;
        return 0;
    }
    if (find_granted(auth, user_id, object, ret, err) < 0) {
        return -1;
    }
    if (size <= sizeof grant->name) {
        *grant = (struct model_grant){.user_id = user_id, .permission = *ret};
        memcpy(grant->name, object->model, size);
    }
    return 0;
}

static struct grant *place_of_grant(struct auth *auth, int64_t user_id, int64_t experiment_id)
{
    int64_t both[2] = {user_id, experiment_id};
    return &auth->grants[siphash(auth->key, (struct str){(const char *)both, sizeof both}) % GRANTS];
}

int auth_know_all(struct auth *auth, const struct auth_who *who, struct err *err)
{
    struct all_grants *all = &auth->all;
    uint64_t version = store_permissions_version(auth->store);
    if (who->is_admin || (all->user_id == who->user_id && all->version == version)) {
        return 0;
    }
    all->user_id = 0;
    arena_reset(all->arena);
    if (store_permission_list(auth->store, who->user_id, all->arena, &all->rows, &all->count, err) < 0 ||
        store_mlflow_roles_said(auth->store, who->user_id, all->arena, &all->by_roles, err) < 0) {
        return -1;
    }
    while (all->count > 0 && all->rows[all->count - 1].object.model != NULL) {
        all->count--; /* models stand behind experiments */
    }
    all->user_id = who->user_id;
    all->version = version;
    return 0;
}

static int compare_experiment(const void *id, const void *row)
{
    int64_t a = *(const int64_t *)id;
    int64_t b = ((const struct permission_row *)row)->object.experiment_id;
    return (a > b) - (a < b);
}

static enum permission among_all(const struct auth *auth, int64_t experiment_id)
{
    const struct all_grants *all = &auth->all;
    const struct mlflow_said *by_roles = &all->by_roles;
    struct permission_said said = by_roles->of_each;
    const struct permission_row *row =
        all->count == 0 ? NULL : bsearch(&experiment_id, all->rows, all->count, sizeof *row, compare_experiment);
    if (row != NULL) {
        said.is_direct = true;
        said.direct = row->permission;
    }
    const struct permission_row *one =
        by_roles->count == 0
            ? NULL
            : bsearch(&experiment_id, by_roles->rows, by_roles->count, sizeof *one, compare_experiment);
    while (one != NULL && one > by_roles->rows && one[-1].object.experiment_id == experiment_id) {
        one--; /* several roles may name it */
    }
    while (one != NULL && one < by_roles->rows + by_roles->count && one->object.experiment_id == experiment_id) {
        permission_say(&said, GRANTED_EXPERIMENT, one->permission);
        one++;
    }
    return permission_resolve(&said, auth->by_default);
}

static int find_permission(struct auth *auth, int64_t user_id, const struct permission_object *object,
                           enum permission *ret, struct err *err)
{
    forget_old_grants(auth);
    if (object->model != NULL) {
        return find_model_permission(auth, user_id, object, ret, err);
    }
    if (auth->all.user_id == user_id && auth->all.version == auth->grants_version) {
        *ret = among_all(auth, object->experiment_id);
        return 0;
    }
    struct grant *grant = place_of_grant(auth, user_id, object->experiment_id);
    if (grant->user_id != user_id || grant->experiment_id != object->experiment_id) {
        struct grant found = {.user_id = user_id, .experiment_id = object->experiment_id};
        if (find_granted(auth, user_id, object, &found.permission, err) < 0) {
            return -1;
        }
        *grant = found;
    }
    *ret = grant->permission;
    return 0;
}

int auth_permission(struct auth *auth, const struct auth_who *who, const struct permission_object *object,
                    enum permission *ret, struct err *err)
{
    enum permission permission = PERMISSION_MANAGE;
    if (!is_for(who, object)) {
        *ret = PERMISSION_NONE;
        return 0;
    }
    if (!who->is_admin && find_permission(auth, who->user_id, object, &permission, err) < 0) {
        return -1;
    }
    *ret = within_role(who, permission);
    return 0;
}

int auth_permission_of_all(struct auth *auth, const struct auth_who *who, enum granted_type type, enum permission *ret,
                           struct err *err)
{
    struct permission_said said = {.manages_all = who->is_admin};
    if (!who->is_admin && store_mlflow_roles_say_of_all(auth->store, who->user_id, type, &said, err) < 0) {
        return -1;
    }
    *ret = who->experiments != NULL ? PERMISSION_NONE
                                    : within_role(who, permission_resolve(&said, auth->by_default));
    return 0;
}

enum permission auth_default(const struct auth *auth, const struct auth_who *who)
{
    return who->experiments != NULL ? PERMISSION_NONE
                                    : within_role(who, who->is_admin ? PERMISSION_MANAGE : auth->by_default);
}

const struct reader *auth_reader(const struct auth *auth, const struct auth_who *who, struct arena *arena)
{
    if (who->is_admin && who->experiments == NULL) {
        return NULL;
    }
    struct reader *reader = arena_one(arena, struct reader);
    bool has_roles = true;
    bool manages_all = false;
    if (!who->is_admin && store_mlflow_roles_count(auth->store, who->user_id, &has_roles, &manages_all, NULL) < 0) {
        has_roles = true; /* what cannot be asked now is asked by the search, which fails as this did */
        manages_all = false;
    }
    *reader = (struct reader){
        .user_id = who->user_id,
        .by_default = who->is_admin || auth->by_default >= PERMISSION_READ,
        .sees_all = who->is_admin,
        .manages_all = manages_all,
        .has_roles = has_roles,
        .experiments = who->experiments,
        .experiment_count = who->experiment_count,
    };
    return reader;
}

int auth_experiment_of_run(struct auth *auth, const char *run_id, int64_t *ret, struct err *err)
{
    size_t size = strlen(run_id) + 1;
    struct owned_run *place = &auth->runs[siphash(auth->key, (struct str){run_id, size}) % RUNS];
    if (strcmp(place->run_id, run_id) == 0 && size > 1) {
        *ret = place->experiment_id;
        return 1;
    }
    int found = store_experiment_of(auth->store, OWNED_RUN, run_id, ret, err);
    if (found == 1 && size <= sizeof place->run_id) {
        memcpy(place->run_id, run_id, size);
        place->experiment_id = *ret;
    }
    return found;
}
