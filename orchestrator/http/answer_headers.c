/* SPDX-License-Identifier: Apache-2.0 */
#include "http/answer_headers.h"

#include "http/library.h"

#include <string.h>

/* An answer may be stricter by itself. */
static bool has(const struct http_answer *answer, const char *name)
{
    for (size_t i = 0; i < HTTP_HEADERS_MAX && answer->headers[i].name != NULL; i++) {
        if (strcmp(answer->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void answer_headers_add(struct MHD_Response *response, const struct http_answer *answer)
{
    static const struct http_header all[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "SAMEORIGIN"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"},
    };
    if (answer->content_type != NULL) {
        (void)http_library.MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    }
    for (size_t i = 0; i < HTTP_HEADERS_MAX && answer->headers[i].name != NULL; i++) {
        (void)http_library.MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!has(answer, all[i].name)) {
            (void)http_library.MHD_add_response_header(response, all[i].name, all[i].value);
        }
    }
}
