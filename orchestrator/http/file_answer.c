/* SPDX-License-Identifier: Apache-2.0 */
#include "http/file_answer.h"

#include "http/byte_range.h"

#include <unistd.h>

static void add(struct http_answer *answer, const char *name, const char *value)
{
    size_t i = 0;
    while (answer->headers[i].name != NULL) {
        i++;
    }
    answer->headers[i] = (struct http_header){name, value};
}

/* Without the file, and what says how it would be saved. */
static void send_none(struct http_answer *answer, int status)
{
    (void)close(answer->fd);
    *answer = (struct http_answer){.status = status, .fd = -1};
}

/* Kept by a client, it is asked for again each time: else one that has a date only would be thought fresh for long. */
static void add_validators(struct http_answer *answer, const struct http_validators *validators, struct arena *arena)
{
    if (*validators->tag != '\0') {
        add(answer, "ETag", arena_strdup(arena, validators->tag));
    }
    if (*validators->modified != '\0') {
        add(answer, "Last-Modified", arena_strdup(arena, validators->modified));
    }
    add(answer, "Cache-Control", "no-cache");
}

void http_file_answer(int take_fd, const struct stat *state, int64_t now_ms, const struct http_conditions *conditions,
                      struct arena *arena, struct http_answer *answer)
{
    struct http_validators validators;
    int64_t size = (int64_t)state->st_size;
    http_validators_of(state, now_ms, &validators);
    answer->status = 200;
    answer->fd = take_fd;
    answer->size = size;
    int instead = http_conditions_judge(conditions, &validators);
    if (instead != 0) {
        send_none(answer, instead);
        add_validators(answer, &validators, arena);
        return;
    }
    int part = byte_range_read(http_conditions_range(conditions, &validators), size, &answer->offset, &answer->size);
    if (part < 0) {
        send_none(answer, 416);
        add(answer, "Content-Range", arena_printf(arena, "bytes */%lld", (long long)size));
        return;
    }
    add(answer, "Accept-Ranges", "bytes");
    add_validators(answer, &validators, arena);
    if (part > 0) {
        answer->status = 206;
        add(answer, "Content-Range",
            arena_printf(arena, "bytes %lld-%lld/%lld", (long long)answer->offset,
                         (long long)(answer->offset + answer->size - 1), (long long)size));
    }
}
