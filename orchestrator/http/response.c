/* SPDX-License-Identifier: Apache-2.0 */
#include "http/response.h"

#include "base/mem.h"
#include "http/library.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 10 };

/* What a source has made, until the library has taken it. */
struct making {
    struct http_source *source;
    struct strbuf part;
    size_t taken;
    bool ended;
};

static ssize_t take_made(void *ctx, uint64_t position, char *room, size_t size)
{
    struct making *making = ctx;
    (void)position;
    while (making->taken == making->part.length && !making->ended) {
        strbuf_reset(&making->part);
        making->taken = 0;
        if (making->source->next(making->source, &making->part) < 0) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        making->ended = making->part.length == 0;
    }
    if (making->ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t left = making->part.length - making->taken;
    size = size < left ? size : left;
    memcpy(room, making->part.data + making->taken, size);
    making->taken += size;
    return (ssize_t)size;
}

static void end_making(void *ctx)
{
    struct making *making = ctx;
    making->source->drop(making->source);
    strbuf_clear(&making->part);
    free(making);
}

static struct MHD_Response *response_of_source(struct http_answer *answer)
{
    struct making *making = mem_alloc(sizeof *making);
    making->source = answer->source;
    strbuf_init(&making->part, SIZE_MAX >> 1);
    answer->source = NULL;
    struct MHD_Response *response = http_library.MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, take_made, making, end_making);
    if (response == NULL) {
        end_making(making);
    }
    return response;
}

struct MHD_Response *response_of(struct http_answer *answer)
{
    struct MHD_Response *response = NULL;
    if (answer->source != NULL) {
        return response_of_source(answer);
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
