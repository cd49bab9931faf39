/* SPDX-License-Identifier: Apache-2.0
 * Bodies that are made part by part in the thread apart from the loop (api/apart.h), each when the client has taken the
 * one before: so nothing of them is in memory but a part. One that follows something looks again after a pause, without
 * a thread or a transaction of its own in between.
 *
 * A stream may last for days: before each part, whoever takes it is asked again whether he may.
 */
#ifndef SLUICE_API_SLUICE_STREAM_H
#define SLUICE_API_SLUICE_STREAM_H

#include "api/api.h"

enum stream_state {
    STREAM_ENDS,   /* nothing will come behind the part */
    STREAM_GOES_ON,
    STREAM_PAUSES, /* nothing more is there now */
};

struct stream_kind {
    /* In the thread: adds what comes next; -1 cuts the connection. */
    int (*read)(void *state, struct apart *apart, struct strbuf *part, enum stream_state *ret, struct err *err);
    void (*drop)(void *state);
};

/* How long a stream pauses. */
enum { STREAM_PAUSE_MS = 200 };

/* Those of an api that pause. */
struct streams {
    struct stream *first;
    bool ending;
};

/* In any thread. Takes the state over. */
struct http_source *stream_new(struct api *api, const struct stream_kind *kind, void *take_state);
/* On the loop, before it is sent: it is cut as soon as who asks may not ask for it any more, since he is no user, his
 * token or password is no good, or what the route `needs` (of `params`, copied) is not given to him. */
void stream_watch(struct http_source *source, const struct api_call *call, const struct api_need *needs,
                  const struct json *params);
/* On the loop: lets go on what has paused long enough. */
void streams_go_on(struct streams *streams);
/* -1: none pauses. */
int streams_wait_ms(const struct streams *streams);
/* What pauses ends, now and from now on. */
void streams_end(struct streams *streams);

#endif
