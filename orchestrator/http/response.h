/* SPDX-License-Identifier: Apache-2.0
 * What the library sends for an answer: a text, a part of a file, or what a source makes while it is sent.
 */
#ifndef SLUICE_HTTP_RESPONSE_H
#define SLUICE_HTTP_RESPONSE_H

#include "http/making.h"

/* Takes over the answer's text, file or source. NULL when there is no memory. */
struct MHD_Response *response_of(struct http_makings *makings, struct MHD_Connection *connection,
                                 struct http_answer *answer);

#endif
