/* SPDX-License-Identifier: Apache-2.0
 * Answers in JSON, of which those that are errors are {"error_code", "message"}, as MLflow's.
 */
#ifndef SLUICE_API_ANSWERS_H
#define SLUICE_API_ANSWERS_H

#include "base/err.h"
#include "base/json.h"
#include "http/exchange.h"

/* JSON that was written already; taken over. */
void answer_written(struct http_exchange *exchange, struct strbuf *text);
void answer_json(struct http_exchange *exchange, int status, const struct json *value);
/* With the status that the code stands for. */
void answer_error(struct http_exchange *exchange, const struct err *wrong);
/* With headers of its own, up to one without a name. */
void answer_refusal(struct http_exchange *exchange, int status, const char *word, const char *message,
                    const struct http_header *headers);

#endif
