/* SPDX-License-Identifier: Apache-2.0
 * Changing MLflow's roles (store/mlflow_roles.h), with a row in the activity log for each change. Who may is for the
 * caller to say; functions run in the transaction that it has begun. Errors are in MLflow's words.
 */
#ifndef SLUICE_AUTH_MLFLOW_ROLE_CHANGES_H
#define SLUICE_AUTH_MLFLOW_ROLE_CHANGES_H

#include "auth/account.h"
#include "store/mlflow_roles.h"

/* A name is not blank, and does not begin with "__user_", which MLflow keeps for itself. */
int mlflow_role_create(const struct account_change *change, const struct mlflow_role *role, int64_t *ret_id,
                       struct err *err);
/* NULL: it stays as it is. */
int mlflow_role_update(const struct account_change *change, int64_t role_id, const char *name, const char *description,
                       struct err *err);
int mlflow_role_delete(const struct account_change *change, int64_t role_id, struct err *err);

int mlflow_role_say(const struct account_change *change, const struct mlflow_role_permission *permission,
                    int64_t *ret_id, struct err *err);
int mlflow_role_say_anew(const struct account_change *change, int64_t permission_id, enum permission permission,
                         struct err *err);
int mlflow_role_unsay(const struct account_change *change, int64_t permission_id, struct err *err);

int mlflow_role_assign(const struct account_change *change, const struct user_row *user, int64_t role_id,
                       int64_t *ret_id, struct err *err);
int mlflow_role_unassign(const struct account_change *change, const struct user_row *user, int64_t role_id,
                         struct err *err);

/* What one user may do with each object of a type: one that is not said yet, PERMISSION_NONE not among them. */
int mlflow_wildcard_permit(const struct account_change *change, const struct user_row *user, enum granted_type type,
                           enum permission permission, struct err *err);
/* 1 when there was one, 0, -1. */
int mlflow_wildcard_forbid(const struct account_change *change, const struct user_row *user, enum granted_type type,
                           struct err *err);

#endif
