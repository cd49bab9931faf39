/* SPDX-License-Identifier: Apache-2.0
 * A connection from an engine, from accept to the end of its reign.
 */
#ifndef SLUICE_RUNNER_ENGINE_LINK_H
#define SLUICE_RUNNER_ENGINE_LINK_H

#include "runner/supervise.h"
#include "wire/message.h"

struct engine_link {
    struct runner *runner;
    struct message_stream stream; /* data NULL: the place is free */
    struct watch watch;
    bool used;
    bool greeted; /* its hello has come: this is the engine */
};

/* Takes every connection that waits at the listener, greets it, and does what it has said already: an engine that came
 * while we did not run may have cancelled what would otherwise begin by itself. */
void engine_link_accept(struct runner *runner, int64_t now_ms);
/* Reads and obeys. */
void engine_link_ready(struct engine_link *link, int64_t now_ms);
void engine_link_close(struct engine_link *link);
/* The engine, or NULL. */
struct engine_link *engine_link_of(struct runner *runner);
/* Tells the engine of each journal that has grown or become full, then sends all that is queued. */
void engine_link_tell(struct runner *runner, int64_t now_ms);

#endif
