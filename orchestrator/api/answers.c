/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answers.h"

static const struct {
    enum err_code code;
    int status;
    const char *word;
} errors[] = {
    {ERR_INPUT, 400, "INVALID_PARAMETER_VALUE"},
    {ERR_NOT_FOUND, 404, "RESOURCE_DOES_NOT_EXIST"},
    {ERR_EXISTS, 400, "RESOURCE_ALREADY_EXISTS"},
    {ERR_STATE, 400, "INVALID_STATE"}, /* which MLflow answers with 500, and its clients ask again for minutes */
    {ERR_DENIED, 403, "PERMISSION_DENIED"},
    {ERR_LIMIT, 503, "TEMPORARILY_UNAVAILABLE"},
    {ERR_BUSY, 503, "TEMPORARILY_UNAVAILABLE"},
};

void answer_written(struct http_exchange *exchange, struct strbuf *text)
{
    struct http_answer answer = {.status = 200, .content_type = "application/json", .fd = -1, .body = *text};
    *text = (struct strbuf){0};
    http_answer(exchange, &answer);
}

static void send_json(struct http_exchange *exchange, int status, const struct json *value,
                      const struct http_header *headers)
{
    struct http_answer answer = {.status = status, .content_type = "application/json", .fd = -1};
    strbuf_init(&answer.body, SIZE_MAX >> 1);
    json_write(&answer.body, value);
    for (size_t i = 0; i < HTTP_HEADERS_MAX && headers != NULL && headers[i].name != NULL; i++) {
        answer.headers[i] = headers[i];
    }
    http_answer(exchange, &answer);
}

void answer_json(struct http_exchange *exchange, int status, const struct json *value)
{
    static const struct http_header soon[] = {{"Retry-After", "1"}, {0}};
    static const struct http_header who[] = {{"WWW-Authenticate", "Bearer"}, {0}};
    send_json(exchange, status, value, status == 503 ? soon : status == 401 ? who : NULL);
}

static struct json error_body(struct http_exchange *exchange, const char *word, const char *message)
{
    struct json body = json_object();
    json_add(exchange->arena, &body, "error_code", json_cstring(exchange->arena, word));
    json_add(exchange->arena, &body, "message", json_cstring(exchange->arena, message));
    return body;
}

void answer_error(struct http_exchange *exchange, const struct err *wrong)
{
    int status = 500;
    const char *word = "INTERNAL_ERROR";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == wrong->code) {
            status = errors[i].status;
            word = errors[i].word;
        }
    }
    struct json body = error_body(exchange, word, wrong->message);
    answer_json(exchange, status, &body);
}

void answer_refusal(struct http_exchange *exchange, int status, const char *word, const char *message,
                    const struct http_header *headers)
{
    struct json body = error_body(exchange, word, message);
    send_json(exchange, status, &body, headers);
}
