/* SPDX-License-Identifier: Apache-2.0
 * The headers of every answer: its own, and for browsers that what is sent is what its type says, and that no page but
 * our own shows it or runs what is in it.
 */
#ifndef SLUICE_HTTP_ANSWER_HEADERS_H
#define SLUICE_HTTP_ANSWER_HEADERS_H

#include "http/exchange.h"

struct MHD_Response;

/* What of this the answer has itself is kept. */
void answer_headers_add(struct MHD_Response *response, const struct http_answer *answer);

#endif
