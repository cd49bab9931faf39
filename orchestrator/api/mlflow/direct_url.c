/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/direct_url.h"

const char *direct_url(struct api_call *call, const char *path)
{
    struct str host = http_header(call->exchange, "Host");
    bool secured = http_is_secured(call->exchange) ||
                   str_is(http_header(call->exchange, "X-Forwarded-Proto"), "https");
    const char *scheme = secured ? "https" : "http";
    return host.n == 0 ? NULL : arena_printf(call->arena, "%s://%.*s%s", scheme, STR_ARG(host), path);
}

struct json direct_headers(struct api_call *call)
{
    struct json headers = json_object();
    struct str shown = http_header(call->exchange, "Authorization");
    if (shown.n > 0) {
        json_set(call->arena, &headers, "Authorization", json_string(call->arena, shown));
    }
    return headers;
}
