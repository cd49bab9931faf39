/* SPDX-License-Identifier: Apache-2.0
 * The runner's end of the socket to a step's process (runner/step_process.h): frames of u32 size of the payload,
 * u16 type, payload come in; answers of u32 size, JSON go out. Little-endian. The step is not trusted.
 */
#ifndef SLUICE_RUNNER_CHANNEL_H
#define SLUICE_RUNNER_CHANNEL_H

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

#include <stdbool.h>

enum {
    CHANNEL_HEAD_BYTES = 6,
    CHANNEL_NOT_STARTED = 0xffff, /* never in a journal: JSON {"code", "reason"} of a child that could not begin */
};

struct channel {
    int fd; /* -1 when closed */
    struct strbuf in;
    size_t in_used;
    struct strbuf out;
    size_t out_used;
};

/* Takes `take_fd` over and makes it non-blocking. */
void channel_init(struct channel *channel, int take_fd);
/* Overwrites and frees the buffers, closes. A zeroed channel must have fd -1. */
void channel_clear(struct channel *channel);
/* Reads what has come: 0, or -1 when the step has closed its end. */
int channel_fill(struct channel *channel);
/* 1 with the next frame (borrowed until the next channel_fill), 0 when none is whole, -1 when one is too large. */
int channel_next(struct channel *channel, int *ret_type, struct str *ret_payload);
/* Queues an answer: 0, -1 when too many wait to be read. */
int channel_answer(struct channel *channel, const struct json *answer);
/* Writes what the socket takes: 1 all, 0 some remains, -1 the step has closed its end. */
int channel_flush(struct channel *channel);

/* In a child: tells the runner why it could not begin. */
void channel_tell_not_started(int fd, int code, const char *reason);

#endif
