/* SPDX-License-Identifier: Apache-2.0 */
#include "api/address_page.h"
#include "api/approve_page.h"
#include "api/hooks.h"
#include "api/mlflow/routes.h"
#include "api/sluice/routes.h"

const struct api_route *const api_routes[] = {
    mlflow_server_routes,
    mlflow_experiment_routes,
    mlflow_run_routes,
    mlflow_run_log_routes,
    mlflow_metric_routes,
    mlflow_logged_model_routes,
    mlflow_registered_model_routes,
    mlflow_model_version_routes,
    mlflow_trace_routes,
    mlflow_webhook_routes,
    mlflow_evaluation_routes,
    mlflow_artifact_routes,
    mlflow_user_routes,
    mlflow_permission_routes,
    mlflow_user_grant_routes,
    mlflow_role_routes,
    mlflow_absent_routes,
    rest_home_routes,
    rest_pipeline_routes,
    rest_in_force_routes,
    rest_source_routes,
    rest_run_routes,
    rest_start_routes,
    rest_step_routes,
    rest_log_routes,
    rest_artifact_routes,
    rest_approval_routes,
    rest_delegation_routes,
    rest_gate_routes,
    rest_governance_routes,
    rest_comment_routes,
    rest_evidence_routes,
    rest_channel_routes,
    rest_activity_routes,
    rest_deployment_routes,
    rest_schedule_routes,
    rest_backfill_routes,
    rest_trigger_routes,
    NULL,
};

const struct api_plain *const api_plains[] = {
    watch_plains,
    mlflow_server_plains,
    mlflow_artifact_plains,
    mlflow_upload_plains,
    mlflow_upload_part_plains,
    mlflow_page_plains,
    mlflow_graphql_plains,
    hook_plains,
    approve_page_plains,
    address_page_plains,
    NULL,
};
