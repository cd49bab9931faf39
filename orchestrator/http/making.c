/* SPDX-License-Identifier: Apache-2.0 */
#include "http/making.h"

#include "base/mem.h"

#include <stdlib.h>

enum { BLOCK_BYTES = 16 << 10 };

/* What a source has made, until the library has taken it. */
struct http_making {
    struct http_source *source;
    struct http_makings *all;
    struct MHD_Connection *connection;
    struct strbuf part;
    size_t taken;
    bool ended;
    bool waits;
    struct http_making *next; /* that waits */
};

static void stop_waiting(struct http_making *making)
{
    struct http_making **at = &making->all->waiting;
    while (*at != NULL && *at != making) {
        at = &(*at)->next;
    }
    if (*at == making) {
        *at = making->next;
    }
    making->waits = false;
}

static void wake(struct http_making *making)
{
    stop_waiting(making);
    *making->all->ready = true;
    http_library.MHD_resume_connection(making->connection);
}

void http_source_wake(struct http_source *source)
{
    if (source->making != NULL && source->making->waits) {
        wake(source->making);
    }
}

static ssize_t begin_waiting(struct http_making *making)
{
    making->waits = true;
    making->next = making->all->waiting;
    making->all->waiting = making;
    http_library.MHD_suspend_connection(making->connection);
    return 0;
}

static ssize_t take_made(void *ctx, uint64_t position, char *room, size_t size)
{
    struct http_making *making = ctx;
    (void)position;
    while (making->taken == making->part.length && !making->ended) {
        strbuf_reset(&making->part);
        making->taken = 0;
        int result = making->all->ending ? -1 : making->source->next(making->source, &making->part);
        if (result < 0) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (result == 1) {
            return begin_waiting(making);
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
    struct http_making *making = ctx;
    stop_waiting(making);
    making->source->making = NULL;
    making->source->drop(making->source);
    strbuf_clear(&making->part);
    free(making);
}

struct MHD_Response *making_response(struct http_makings *makings, struct MHD_Connection *connection,
                                     struct http_answer *answer)
{
    struct http_making *making = mem_alloc(sizeof *making);
    *making = (struct http_making){.source = answer->source, .all = makings, .connection = connection};
    making->source->making = making;
    strbuf_init(&making->part, SIZE_MAX >> 1);
    answer->source = NULL;
    struct MHD_Response *response = http_library.MHD_create_response_from_callback(
        answer->size > 0 ? (uint64_t)answer->size : MHD_SIZE_UNKNOWN, BLOCK_BYTES, take_made, making, end_making);
    if (response == NULL) {
        end_making(making);
    }
    return response;
}

void makings_end(struct http_makings *makings)
{
    makings->ending = true;
    while (makings->waiting != NULL) {
        wake(makings->waiting);
    }
}
