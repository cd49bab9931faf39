/* SPDX-License-Identifier: Apache-2.0 */
#include "http/answer_headers.h"

#include "http/library.h"

#include <string.h>

void answer_headers_add(struct MHD_Response *response, const struct http_answer *answer)
{
    static const struct http_header all[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "SAMEORIGIN"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    static const char policy[] = "Content-Security-Policy";
    bool has_policy = false;
    if (answer->content_type != NULL) {
        (void)http_library.MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    }
    for (size_t i = 0; i < HTTP_HEADERS_MAX && answer->headers[i].name != NULL; i++) {
        (void)http_library.MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
        has_policy = has_policy || strcmp(answer->headers[i].name, policy) == 0;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        (void)http_library.MHD_add_response_header(response, all[i].name, all[i].value);
    }
    if (!has_policy) {
        (void)http_library.MHD_add_response_header(response, policy, "default-src 'none'; frame-ancestors 'self'");
    }
}
