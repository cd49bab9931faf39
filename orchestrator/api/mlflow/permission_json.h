/* SPDX-License-Identifier: Apache-2.0
 * A user's permission, in MLflow's words.
 */
#ifndef SLUICE_API_MLFLOW_PERMISSION_JSON_H
#define SLUICE_API_MLFLOW_PERMISSION_JSON_H

#include "api/api.h"

/* {"experiment_id" or "name", "user_id", "permission"} */
struct json permission_json(struct api_call *call, int64_t user_id, const struct permission_object *object,
                            enum permission permission);

#endif
