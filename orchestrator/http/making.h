/* SPDX-License-Identifier: Apache-2.0
 * Bodies that are made while they are sent (struct http_source), for the server. Inside http/ only.
 */
#ifndef SLUICE_HTTP_MAKING_H
#define SLUICE_HTTP_MAKING_H

#include "http/exchange.h"
#include "http/library.h"

struct http_making;

/* Of one server. */
struct http_makings {
    struct http_making *waiting; /* whose sources have nothing to send yet: their connections stand still */
    bool *ready;                 /* set when one of them goes on */
    bool ending;
};

/* Takes the answer's source over. */
struct MHD_Response *making_response(struct http_makings *makings, struct MHD_Connection *connection,
                                     struct http_answer *answer);
/* From now on they are cut; none stands still any more. */
void makings_end(struct http_makings *makings);

#endif
