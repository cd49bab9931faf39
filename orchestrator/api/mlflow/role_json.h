/* SPDX-License-Identifier: Apache-2.0
 * MLflow's roles, in MLflow's words.
 */
#ifndef SLUICE_API_MLFLOW_ROLE_JSON_H
#define SLUICE_API_MLFLOW_ROLE_JSON_H

#include "api/api.h"
#include "store/mlflow_roles.h"

/* {"id", "name", "workspace", "description", "permissions": [...]} */
int role_json(struct api_call *call, const struct mlflow_role *role, struct json *ret, struct err *err);
/* Those that a user is in, of the workspaces that `only_of` manages; 0: of all. */
int role_json_of_user(struct api_call *call, int64_t user_id, int64_t only_of, struct json *ret, struct err *err);

#endif
