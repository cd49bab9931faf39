/* SPDX-License-Identifier: Apache-2.0 */
#include "http/response.h"

#include "http/library.h"

#include <stdlib.h>

struct MHD_Response *response_of(struct http_makings *makings, struct MHD_Connection *connection,
                                 struct http_answer *answer)
{
    struct MHD_Response *response = NULL;
    if (answer->source != NULL) {
        return making_response(makings, connection, answer);
    }
    if (answer->fd >= 0) {
        response = http_library.MHD_create_response_from_fd_at_offset64((uint64_t)answer->size, answer->fd,
                                                                        (uint64_t)answer->offset);
        answer->fd = response == NULL ? answer->fd : -1; /* which the response closes */
        return response;
    }
    size_t size = answer->body.length;
    char *bytes = answer->body.room == 0 ? NULL : strbuf_take(&answer->body);
    response = http_library.MHD_create_response_from_buffer(bytes == NULL ? 0 : size, bytes == NULL ? "" : bytes,
                                               bytes == NULL ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(bytes);
    }
    return response;
}
