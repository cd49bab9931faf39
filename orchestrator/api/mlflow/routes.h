/* SPDX-License-Identifier: Apache-2.0
 * The tables of MLflow's REST interface, one for each of its resources. What each route takes and gives is MLflow's:
 * the names, the defaults, the words of errors.
 */
#ifndef SLUICE_API_MLFLOW_ROUTES_H
#define SLUICE_API_MLFLOW_ROUTES_H

#include "api/router.h"

extern const struct api_route mlflow_user_routes[], mlflow_permission_routes[], mlflow_user_grant_routes[],
    mlflow_role_routes[];
extern const struct api_route mlflow_server_routes[], mlflow_experiment_routes[], mlflow_run_routes[],
    mlflow_run_log_routes[], mlflow_metric_routes[], mlflow_logged_model_routes[], mlflow_registered_model_routes[],
    mlflow_model_version_routes[], mlflow_trace_routes[], mlflow_webhook_routes[], mlflow_evaluation_routes[],
    mlflow_artifact_routes[], mlflow_absent_routes[];
extern const struct api_plain mlflow_server_plains[], mlflow_artifact_plains[], mlflow_upload_plains[],
    mlflow_upload_part_plains[], mlflow_page_plains[], mlflow_graphql_plains[];

#endif
