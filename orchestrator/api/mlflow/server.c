/* SPDX-License-Identifier: Apache-2.0
 * What clients ask about the server itself.
 */
#include "api/mlflow/routes.h"

/* MLflow's version whose interface this is, as far as it goes. Clients of 3.4 and newer ask for it before they send
 * spans: there are no routes for traces yet, and below 3.4 they keep to routes whose absence they notice. */
static const char interface_version[] = "3.3.2";

static int answer_health(struct api_call *call, struct err *err)
{
    (void)err;
    http_answer_text(call->exchange, 200, "OK");
    return 0;
}

static int answer_version(struct api_call *call, struct err *err)
{
    (void)err;
    http_answer_text(call->exchange, 200, interface_version);
    return 0;
}

/* What is not said to be there is not asked for. Files in parts are taken from clients that were told to send them so;
 * the others are sooner done with them whole. */
static int answer_info(struct api_call *call, struct err *err)
{
    static const char *const not_there[] = {
        "workspaces_enabled",
        "trace_archival_enabled",
        "multipart_uploads_enabled",
        "multipart_downloads_enabled",
        "presigned_upload_run_id_supported",
        "presigned_upload_model_id_supported",
    };
    (void)err;
    json_set(call->arena, &call->answer, "store_type", json_cstring(call->arena, "SqlStore"));
    for (size_t i = 0; i < sizeof not_there / sizeof not_there[0]; i++) {
        json_set(call->arena, &call->answer, not_there[i], json_bool(false));
    }
    return 0;
}

const struct api_route mlflow_server_routes[] = {
    {HTTP_GET, "/mlflow/server-info", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_info,
     API_LOOKS},
    {0},
};

const struct api_plain mlflow_server_plains[] = {
    {.method = HTTP_GET, .path = "/health", .open = true, .answer = answer_health},
    {.method = HTTP_GET, .path = "/version", .open = true, .answer = answer_version},
    {0},
};
