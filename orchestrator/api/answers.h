/* SPDX-License-Identifier: Apache-2.0
 * Answers in JSON, of which those that are errors are {"error_code", "message"}, as MLflow's; below REST_PREFIX they
 * are {"code", "message"}.
 */
#ifndef SLUICE_API_ANSWERS_H
#define SLUICE_API_ANSWERS_H

#include "base/err.h"
#include "base/json.h"
#include "http/exchange.h"

/* Of sluice's own interface (api/sluice/rest.h). */
#define REST_PREFIX "/api/sluice/v1"
bool answers_are_rest(const struct http_exchange *exchange);
/* What an error of that status is called there. */
const char *answer_code_of(int status);

/* JSON that was written already; taken over. */
void answer_written(struct http_exchange *exchange, struct strbuf *text);
void answer_json(struct http_exchange *exchange, int status, const struct json *value);
/* With the status that the code stands for. */
void answer_error(struct http_exchange *exchange, const struct err *wrong);
/* The same, with a status of its own for ERR_INPUT. */
void answer_error_as(struct http_exchange *exchange, const struct err *wrong, int input_status);
/* Of a request that is no route's: in plain text, or the shape of sluice's own interface. */
void answer_words(struct http_exchange *exchange, int status, const char *text, const struct http_header *headers);
/* With headers of its own, up to one without a name. */
void answer_refusal(struct http_exchange *exchange, int status, const char *word, const char *message,
                    const struct http_header *headers);

#endif
