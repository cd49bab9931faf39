/* SPDX-License-Identifier: Apache-2.0 */
#include "store/users.h"

#include "store/stmt.h"
#include "store/store_internal.h"

uint64_t store_users_version(const struct store *store)
{
    return store->users.version;
}

static int changed(struct store *store, int result)
{
    store_changes_note(&store->users);
    return result;
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

/* What is not known may do nothing. */
static enum role read_role(struct stmt *s, int column, struct arena *arena)
{
    enum role role = ROLE_NOBODY;
    (void)role_parse(stmt_column_text(s, column, arena), &role, NULL);
    return role;
}

#define USER_COLUMNS "user_id, name, password_hash, role, created_ms, password_ms"

static void read_user(struct stmt *s, struct arena *arena, void *item)
{
    *(struct user_row *)item = (struct user_row){
        .user_id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .password_hash = stmt_column_text(s, 2, arena),
        .role = read_role(s, 3, arena),
        .created_ms = stmt_column_int(s, 4),
        .password_ms = stmt_column_int(s, 5),
    };
}

int store_user_add(struct store *store, const struct user_row *user, int64_t *ret_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO users (name, password_hash, role, created_ms, password_ms) "
                                     "VALUES (:name, :hash, :role, :created_ms, :password_ms) "
                                     "ON CONFLICT (name) DO NOTHING");
    stmt_text(s, ":name", user->name);
    stmt_text(s, ":hash", user->password_hash);
    stmt_text(s, ":role", role_table[user->role].name);
    stmt_int(s, ":created_ms", user->created_ms);
    stmt_int(s, ":password_ms", user->password_ms);
    int64_t added = stmt_run(s, err);
    if (added == 0) {
        (void)err_set(err, ERR_EXISTS, "there is a user '%s' already", user->name);
        return err_as_mlflow(err, "User (username=%s) already exists.", user->name);
    }
    *ret_id = added < 0 ? 0 : stmt_last_id(store);
    return changed(store, added < 0 ? -1 : 0);
}

int store_user_get(struct store *store, const char *name, struct arena *arena, struct user_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " USER_COLUMNS " FROM users WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_read_row(s, read_user, arena, ret, err);
    if (row == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no user '%s'", name);
        return err_as_mlflow(err, "User with username=%s not found", name);
    }
    return row == 1 ? 0 : -1;
}

int store_user_list(struct store *store, struct arena *arena, struct user_row **ret, size_t *ret_count,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " USER_COLUMNS " FROM users ORDER BY name");
    return stmt_read_rows(s, read_user, sizeof **ret, arena, ret, ret_count, err);
}

int store_user_set_password(struct store *store, int64_t user_id, const char *password_hash, int64_t now_ms,
                            struct err *err)
{
    struct stmt *s =
        stmt_get(store, "UPDATE users SET password_hash = :hash, password_ms = :now WHERE user_id = :user");
    stmt_text(s, ":hash", password_hash);
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":user", user_id);
    return changed(store, stmt_run_one(s, "setting a password", err));
}

int store_user_set_role(struct store *store, int64_t user_id, enum role role, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE users SET role = :role WHERE user_id = :user");
    stmt_text(s, ":role", role_table[role].name);
    stmt_int(s, ":user", user_id);
    return changed(store, stmt_run_one(s, "changing a user", err));
}

int store_user_remove(struct store *store, int64_t user_id, struct err *err)
{
    static const char *const deletions[] = {
        "DELETE FROM token_experiments WHERE token_id IN (SELECT token_id FROM tokens WHERE user_id = :user)",
        "DELETE FROM tokens WHERE user_id = :user",
        "DELETE FROM experiment_permissions WHERE user_id = :user",
        "DELETE FROM registered_model_permissions WHERE user_id = :user",
        "DELETE FROM wildcard_permissions WHERE user_id = :user",
        "DELETE FROM mlflow_role_users WHERE user_id = :user",
        "DELETE FROM users WHERE user_id = :user",
    };
    store_changes_note(&store->permissions);
    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        struct stmt *s = stmt_get(store, deletions[i]);
        stmt_int(s, ":user", user_id);
        if (stmt_run(s, err) < 0) {
            return changed(store, -1);
        }
    }
    return changed(store, 0);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static void bind_moment(struct stmt *s, const char *name, int64_t at_ms)
{
    if (at_ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, at_ms);
    }
}

int store_token_add(struct store *store, const struct token_row *token, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO tokens (token_id, user_id, name, sha256, role, created_ms, "
                                     "expires_ms) VALUES (:id, :user, :name, :sha256, :role, :created, :expires)");
    stmt_text(s, ":id", token->token_id);
    stmt_int(s, ":user", token->user_id);
    stmt_text(s, ":name", token->name);
    stmt_text(s, ":sha256", token->sha256);
    stmt_text(s, ":role", role_table[token->role].name);
    stmt_int(s, ":created", token->created_ms);
    bind_moment(s, ":expires", token->expires_ms);
    if (stmt_run_one(s, "keeping a token", err) < 0) {
        return changed(store, -1);
    }
    for (size_t i = 0; i < token->experiment_count; i++) {
        s = stmt_get(store, "INSERT OR IGNORE INTO token_experiments (token_id, experiment_id) "
                            "VALUES (:id, :experiment)");
        stmt_text(s, ":id", token->token_id);
        stmt_int(s, ":experiment", token->experiments[i]);
        if (stmt_run(s, err) < 0) {
            return changed(store, -1);
        }
    }
    return changed(store, 0);
}

static int read_experiments(struct store *store, struct arena *arena, struct token_row *token, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT experiment_id FROM token_experiments WHERE token_id = :id");
    int64_t *items = NULL;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":id", token->token_id);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, token->experiment_count, &room, sizeof *items);
        items[token->experiment_count++] = stmt_column_int(s, 0);
    }
    stmt_done(s);
    token->experiments = items;
    return row;
}

int store_token_list(struct store *store, struct arena *arena, struct token_row **ret, size_t *ret_count,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT t.token_id, t.user_id, u.name, t.name, t.sha256, t.role, t.created_ms, "
                                     "COALESCE(t.expires_ms, 0), COALESCE(t.used_ms, 0), COALESCE(t.revoked_ms, 0) "
                                     "FROM tokens AS t JOIN users AS u ON u.user_id = t.user_id "
                                     "ORDER BY u.name, t.created_ms, t.token_id");
    struct token_row *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct token_row){
            .token_id = stmt_column_text(s, 0, arena),
            .user_id = stmt_column_int(s, 1),
            .user = stmt_column_text(s, 2, arena),
            .name = stmt_column_text(s, 3, arena),
            .sha256 = stmt_column_text(s, 4, arena),
            .role = read_role(s, 5, arena),
            .created_ms = stmt_column_int(s, 6),
            .expires_ms = stmt_column_int(s, 7),
            .used_ms = stmt_column_int(s, 8),
            .revoked_ms = stmt_column_int(s, 9),
        };
    }
    stmt_done(s);
    for (size_t i = 0; row == 0 && i < count; i++) {
        row = read_experiments(store, arena, &items[i], err);
    }
    *ret = items;
    *ret_count = count;
    return row;
}

int store_token_revoke(struct store *store, const char *token_id, int64_t now_ms, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "UPDATE tokens SET revoked_ms = COALESCE(revoked_ms, :now) WHERE token_id = :id");
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":id", token_id);
    int64_t revoked = stmt_run(s, err);
    return changed(store, revoked == 1   ? 0
                          : revoked == 0 ? err_set(err, ERR_NOT_FOUND, "there is no token '%s'", token_id)
                                         : -1);
}

int store_token_used(struct store *store, const char *token_id, int64_t used_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE tokens SET used_ms = :used WHERE token_id = :id");
    stmt_int(s, ":used", used_ms);
    stmt_text(s, ":id", token_id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
