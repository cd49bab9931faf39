/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/mlflow_role_changes.h"

#include "base/strbuf.h"
#include "store/activity.h"
#include "store/python_quote.h"

enum { QUOTED_MAX = 2048 };

/* ---- the log ---------------------------------------------------------------------------------------------------- */

static int note(const struct account_change *change, const struct mlflow_role *role, struct activity activity,
                struct err *err)
{
    activity.at_ms = change->now_ms;
    activity.actor = change->actor;
    activity.object = arena_printf(change->arena, "MLflow role %s", role->name);
    if (strcmp(role->workspace, MLFLOW_WORKSPACE) != 0) {
        activity.object = arena_printf(change->arena, "%s in workspace %s", activity.object, role->workspace);
    }
    activity.object_id = arena_printf(change->arena, "%lld", (long long)role->id);
    return store_activity_append(change->store, &activity, err);
}

/* "" of nothing. */
static int note_said(const struct account_change *change, const struct mlflow_role_permission *said, const char *from,
                     const char *to, struct err *err)
{
    struct mlflow_role role;
    return store_mlflow_role_get(change->store, said->role_id, change->arena, &role, err) < 0
               ? -1
               : note(change, &role,
                      (struct activity){.action = "mlflow_role.permission_changed",
                                        .from_state = from,
                                        .to_state = to,
                                        .reason = arena_printf(change->arena, "on %s %s", granted_words[said->type],
                                                               said->pattern)},
                      err);
}

/* ---- roles ------------------------------------------------------------------------------------------------------ */

static int check_name(const char *name, struct err *err)
{
    static const char kept[] = "__user_";
    struct strbuf quoted;
    if (str_trim(str_from(name)).n == 0) {
        return err_set(err, ERR_INPUT, "Role name cannot be empty.");
    }
    if (strncmp(name, kept, sizeof kept - 1) != 0) {
        return 0;
    }
    strbuf_init(&quoted, QUOTED_MAX);
    python_quote(&quoted, str_from(name));
    (void)err_set(err, ERR_INPUT,
                  "Role name %s uses the reserved '__user_' prefix, which is held for the per-user permission "
                  "representation. Choose a different name.",
                  quoted.data);
    strbuf_clear(&quoted);
    return -1;
}

int mlflow_role_create(const struct account_change *change, const struct mlflow_role *role, int64_t *ret_id,
                       struct err *err)
{
    if (check_name(role->name, err) < 0 || store_mlflow_role_add(change->store, role, ret_id, err) < 0) {
        return -1;
    }
    struct mlflow_role made = *role;
    made.id = *ret_id;
    return note(change, &made, (struct activity){.action = "mlflow_role.created", .to_state = "created"}, err);
}

int mlflow_role_update(const struct account_change *change, int64_t role_id, const char *name, const char *description,
                       struct err *err)
{
    struct mlflow_role role;
    if ((name != NULL && check_name(name, err) < 0) ||
        store_mlflow_role_get(change->store, role_id, change->arena, &role, err) < 0) {
        return -1;
    }
    const char *before = role.name;
    role.name = name != NULL ? name : role.name;
    role.description = description != NULL ? description : role.description;
    return store_mlflow_role_change(change->store, &role, err) < 0
               ? -1
               : note(change, &role,
                      (struct activity){.action = "mlflow_role.changed",
                                        .from_state = before,
                                        .to_state = role.name,
                                        .reason = description},
                      err);
}

int mlflow_role_delete(const struct account_change *change, int64_t role_id, struct err *err)
{
    struct mlflow_role role;
    return store_mlflow_role_get(change->store, role_id, change->arena, &role, err) < 0 ||
                   store_mlflow_role_remove(change->store, role_id, err) < 0
               ? -1
               : note(change, &role, (struct activity){.action = "mlflow_role.deleted", .to_state = "deleted"}, err);
}

/* ---- what they say ---------------------------------------------------------------------------------------------- */

int mlflow_role_say(const struct account_change *change, const struct mlflow_role_permission *permission,
                    int64_t *ret_id, struct err *err)
{
    struct mlflow_role role;
    return mlflow_role_check(permission->type, permission->permission, err) < 0 ||
                   mlflow_role_check_pattern(permission->type, permission->pattern, err) < 0 ||
                   store_mlflow_role_get(change->store, permission->role_id, change->arena, &role, err) < 0 ||
                   store_mlflow_role_permission_add(change->store, permission, ret_id, err) < 0
               ? -1
               : note_said(change, permission, "", permission_word(permission->permission), err);
}

int mlflow_role_say_anew(const struct account_change *change, int64_t permission_id, enum permission permission,
                         struct err *err)
{
    struct mlflow_role_permission said;
    return store_mlflow_role_permission_get(change->store, permission_id, change->arena, &said, err) < 0 ||
                   mlflow_role_check(said.type, permission, err) < 0 ||
                   store_mlflow_role_permission_change(change->store, permission_id, permission, err) < 0
               ? -1
               : note_said(change, &said, permission_word(said.permission), permission_word(permission), err);
}

int mlflow_role_unsay(const struct account_change *change, int64_t permission_id, struct err *err)
{
    struct mlflow_role_permission said;
    return store_mlflow_role_permission_get(change->store, permission_id, change->arena, &said, err) < 0 ||
                   store_mlflow_role_permission_remove(change->store, permission_id, err) < 0
               ? -1
               : note_said(change, &said, permission_word(said.permission), "", err);
}

/* ---- who is in them --------------------------------------------------------------------------------------------- */

static int note_user(const struct account_change *change, const struct user_row *user, int64_t role_id,
                     const char *action, const char *to, struct err *err)
{
    struct mlflow_role role;
    return store_mlflow_role_get(change->store, role_id, change->arena, &role, err) < 0
               ? -1
               : note(change, &role,
                      (struct activity){.action = action,
                                        .to_state = to,
                                        .reason = arena_printf(change->arena, "for %s", user->name)},
                      err);
}

int mlflow_role_assign(const struct account_change *change, const struct user_row *user, int64_t role_id,
                       int64_t *ret_id, struct err *err)
{
    struct mlflow_role role;
    return store_mlflow_role_get(change->store, role_id, change->arena, &role, err) < 0 ||
                   store_mlflow_role_assign(change->store, user->user_id, role_id, ret_id, err) < 0
               ? -1
               : note_user(change, user, role_id, "mlflow_role.assigned", "assigned", err);
}

int mlflow_role_unassign(const struct account_change *change, const struct user_row *user, int64_t role_id,
                         struct err *err)
{
    return store_mlflow_role_unassign(change->store, user->user_id, role_id, err) < 0
               ? -1
               : note_user(change, user, role_id, "mlflow_role.unassigned", "unassigned", err);
}

/* ---- of each object --------------------------------------------------------------------------------------------- */

static int note_wildcard(const struct account_change *change, const struct user_row *user, enum granted_type type,
                         const char *from, const char *to, struct err *err)
{
    const struct activity activity = {
        .at_ms = change->now_ms,
        .actor = change->actor,
        .action = "permission.changed",
        .object = arena_printf(change->arena, "each %s", granted_words[type]),
        .object_id = "*",
        .from_state = from,
        .to_state = to,
        .reason = arena_printf(change->arena, "for %s", user->name),
    };
    return store_activity_append(change->store, &activity, err);
}

int mlflow_wildcard_permit(const struct account_change *change, const struct user_row *user, enum granted_type type,
                           enum permission permission, struct err *err)
{
    return mlflow_role_check(type, permission, err) < 0 ||
                   store_wildcard_put(change->store, user->user_id, type, permission, err) < 0
               ? -1
               : note_wildcard(change, user, type, "", permission_word(permission), err);
}

int mlflow_wildcard_forbid(const struct account_change *change, const struct user_row *user, enum granted_type type,
                           struct err *err)
{
    enum permission before = PERMISSION_NONE;
    int found = store_wildcard_find(change->store, user->user_id, type, &before, err);
    if (found != 1) {
        return found;
    }
    return store_wildcard_remove(change->store, user->user_id, type, err) < 0 ||
                   note_wildcard(change, user, type, permission_word(before), "", err) < 0
               ? -1
               : 1;
}
