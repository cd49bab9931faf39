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

const struct api_route mlflow_absent_routes[] = {
    {HTTP_GET, "/mlflow/assistant/config", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_assistant,
     API_LOOKS},
    {HTTP_GET, "/mlflow/assistant/providers", API_V3, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL,
     answer_providers, API_LOOKS},
    {HTTP_GET, "/mlflow/gateway-proxy", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), NULL, answer_gateway,
     API_LOOKS},
    {0},
};

/* ---- what is left out -------------------------------------------------------------------------------------------- */

#define NO_ROLES                                                                                                       \
    "MLflow's roles, named sets of permissions in workspaces, are not kept here. What a user may do with an "         \
    "experiment or a registered model is said by grant_user_permission; what he may do at most, by "                   \
    "'sluice users role'."

static const struct {
    const char *path; /* and all below it, of version 3 */
    const char *words;
} left_out[] = {{"/mlflow/roles/", NO_ROLES}, {"/mlflow/users/roles/", NO_ROLES}};

const char *mlflow_left_out(struct str path)
{
    static const char *const prefixes[] = {"/api/3.0", "/ajax-api/3.0"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct str prefix = str_from(prefixes[i]);
        struct str rest = str_starts(path, prefix) ? str_slice(path, prefix.n, path.n) : (struct str){0};
        for (size_t k = 0; k < sizeof left_out / sizeof left_out[0]; k++) {
            if (str_starts(rest, str_from(left_out[k].path))) {
                return left_out[k].words;
            }
        }
    }
    return NULL;
}
