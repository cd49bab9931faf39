/* SPDX-License-Identifier: Apache-2.0
 * The answer with a file: the whole, a part, or that the client has it.
 */
#ifndef SLUICE_HTTP_FILE_ANSWER_H
#define SLUICE_HTTP_FILE_ANSWER_H

#include "http/validators.h"

/* Completes an answer of which the type and headers of its own are set, four at most. `take_fd` is closed where no byte
 * of the file is sent: 304, 412 (it is not as If-Match says) and 416 (no such bytes), which have no body. */
void http_file_answer(int take_fd, const struct stat *state, int64_t now_ms, const struct http_conditions *conditions,
                      struct arena *arena, struct http_answer *answer);

#endif
