/* SPDX-License-Identifier: Apache-2.0
 * What MLflow's page asks for beside each of its views, and is not here. It is told that there is none, as MLflow's
 * server tells it when none is set up: an error would be shown over what the page is about.
 */
#include "api/mlflow/routes.h"

/* An assistant talks through programs and keys of the machine that the server runs on. */
static int answer_assistant(struct api_call *call, struct err *err)
{
    (void)err;
    json_set(call->arena, &call->answer, "providers", json_object());
    json_set(call->arena, &call->answer, "projects", json_object());
    json_set(call->arena, &call->answer, "remote_access_allowed", json_bool(false));
    return 0;
}

static int answer_providers(struct api_call *call, struct err *err)
{
    (void)err;
    json_set(call->arena, &call->answer, "providers", json_array());
    json_set(call->arena, &call->answer, "resolved", json_null());
    json_set(call->arena, &call->answer, "gateway_vendor_options", json_object());
    return 0;
}

/* A gateway asks models elsewhere; this server asks nothing of others. */
static int answer_gateway(struct api_call *call, struct err *err)
{
    (void)err;
    json_set(call->arena, &call->answer, "endpoints", json_array());
    return 0;
}

/* Nobody is told what users of the page do: what MLflow's server says where telemetry is switched off. */
static int answer_telemetry(struct api_call *call, struct err *err)
{
    (void)err;
    json_set(call->arena, &call->answer, "disable_ui_telemetry", json_bool(true));
    json_set(call->arena, &call->answer, "disable_ui_events", json_array());
    json_set(call->arena, &call->answer, "ui_rollout_percentage", json_int(0));
    return 0;
}

const struct api_route mlflow_absent_routes[] = {
    {HTTP_GET, "/mlflow/assistant/config", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_assistant,
     API_LOOKS},
    {HTTP_GET, "/mlflow/assistant/providers", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL,
     answer_providers, API_LOOKS},
    {HTTP_GET, "/mlflow/gateway-proxy", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_gateway,
     API_LOOKS},
    {HTTP_GET, "/mlflow/ui-telemetry", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_telemetry,
     API_LOOKS},
    {0},
};
