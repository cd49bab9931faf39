/* SPDX-License-Identifier: Apache-2.0
 * MLflow's roles, as they are kept: named sets of permissions, and who is in them. They say what somebody may do with
 * objects, and nothing else: what he may do at most is his role of store/roles.h, which no role of MLflow's raises.
 *
 * MLflow has roles in workspaces. All objects are in MLFLOW_WORKSPACE, as they are in MLflow without workspaces; roles
 * of others are kept, and say nothing of any object. Errors are in MLflow's words.
 *
 * What changes a role counts as a change of permissions (store_permissions_version).
 */
#ifndef SLUICE_STORE_MLFLOW_ROLES_H
#define SLUICE_STORE_MLFLOW_ROLES_H

#include "store/permissions.h"

#define MLFLOW_WORKSPACE "default"
enum { MLFLOW_ROLE_NAME_MAX = 255, MLFLOW_ROLE_WORKSPACE_MAX = 63, MLFLOW_ROLE_DESCRIPTION_MAX = 1024 };

struct mlflow_role {
    int64_t id;
    const char *workspace;
    const char *name;
    const char *description; /* NULL: none */
};

/* One thing that a role says. */
struct mlflow_role_permission {
    int64_t id;
    int64_t role_id;
    enum granted_type type;
    const char *pattern; /* "*": each of the type */
    enum permission permission;
};

struct mlflow_role_user {
    int64_t id;
    int64_t user_id;
    int64_t role_id;
};

/* ---- roles ---- */
/* Their id is not read. ERR_EXISTS when the workspace has one of that name. */
int store_mlflow_role_add(struct store *store, const struct mlflow_role *role, int64_t *ret_id, struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_mlflow_role_get(struct store *store, int64_t role_id, struct arena *arena, struct mlflow_role *ret,
                          struct err *err);
/* Of one workspace, or of all (NULL), by id. */
int store_mlflow_role_list(struct store *store, const char *workspace, struct arena *arena, struct mlflow_role **ret,
                           size_t *ret_count, struct err *err);
/* Those that a user is in, by id. */
int store_mlflow_role_list_of(struct store *store, int64_t user_id, struct arena *arena, struct mlflow_role **ret,
                              size_t *ret_count, struct err *err);
/* Its name and description become these. */
int store_mlflow_role_change(struct store *store, const struct mlflow_role *role, struct err *err);
/* With what it says and who is in it. */
int store_mlflow_role_remove(struct store *store, int64_t role_id, struct err *err);

/* ---- what they say ---- */
/* Whether that may be said: of all workspaces only USE and MANAGE, of other types all but NO_PERMISSIONS. */
int mlflow_role_check(enum granted_type type, enum permission permission, struct err *err);
/* "*", or of what is not a workspace what one object is called. */
int mlflow_role_check_pattern(enum granted_type type, const char *pattern, struct err *err);
/* Of what has been checked; its id is not read. ERR_EXISTS when the role says something of that already. */
int store_mlflow_role_permission_add(struct store *store, const struct mlflow_role_permission *permission,
                                     int64_t *ret_id, struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_mlflow_role_permission_get(struct store *store, int64_t id, struct arena *arena,
                                     struct mlflow_role_permission *ret, struct err *err);
int store_mlflow_role_permission_list(struct store *store, int64_t role_id, struct arena *arena,
                                      struct mlflow_role_permission **ret, size_t *ret_count, struct err *err);
int store_mlflow_role_permission_change(struct store *store, int64_t id, enum permission permission, struct err *err);
int store_mlflow_role_permission_remove(struct store *store, int64_t id, struct err *err);

/* ---- who is in them ---- */
/* ERR_EXISTS when he is in it already. */
int store_mlflow_role_assign(struct store *store, int64_t user_id, int64_t role_id, int64_t *ret_id, struct err *err);
/* ERR_NOT_FOUND when he is not. */
int store_mlflow_role_unassign(struct store *store, int64_t user_id, int64_t role_id, struct err *err);
int store_mlflow_role_users(struct store *store, int64_t role_id, struct arena *arena, struct mlflow_role_user **ret,
                            size_t *ret_count, struct err *err);
/* He is in a role there; in MLFLOW_WORKSPACE also whom a permission was given himself. 1, 0, -1. */
int store_mlflow_role_is_there(struct store *store, int64_t user_id, const char *workspace, struct err *err);
/* Such a role lets him MANAGE the workspace. 1, 0, -1. */
int store_mlflow_role_manages(struct store *store, int64_t user_id, const char *workspace, struct err *err);

/* ---- what is said to one user of all objects of a type ---- */
/* 1 with `*ret`, 0, -1. */
int store_wildcard_find(struct store *store, int64_t user_id, enum granted_type type, enum permission *ret,
                        struct err *err);
int store_wildcard_put(struct store *store, int64_t user_id, enum granted_type type, enum permission permission,
                       struct err *err);
/* 1 when there was one, 0, -1. */
int store_wildcard_remove(struct store *store, int64_t user_id, enum granted_type type, struct err *err);

/* ---- what it comes to ---- */
/* Adds what his roles say of an object, and what is said to him of all of its type. A registered model with the tag of
 * prompts is one, and what is said of registered models is not said of it. */
int store_mlflow_roles_say(struct store *store, int64_t user_id, const struct permission_object *object,
                           struct permission_said *said, struct err *err);
/* Adds what is said of each object of a type. */
int store_mlflow_roles_say_of_all(struct store *store, int64_t user_id, enum granted_type type,
                                  struct permission_said *said, struct err *err);
/* All that is said of experiments at once. */
struct mlflow_said {
    struct permission_said of_each;
    struct permission_row *rows; /* what is said of single ones besides, by their ids, each as often as it is said */
    size_t count;
};
int store_mlflow_roles_said(struct store *store, int64_t user_id, struct arena *arena, struct mlflow_said *ret,
                            struct err *err);
/* Whether anything of the kind is said to him at all, and whether he manages all. */
int store_mlflow_roles_count(struct store *store, int64_t user_id, bool *ret_any, bool *ret_manages_all,
                             struct err *err);

#endif
