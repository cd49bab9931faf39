/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answers.h"

#include "api/api.h"

static const struct {
    enum err_code code;
    int status;
    const char *word;
    int rest_status; /* in sluice's own interface */
} errors[] = {
    {ERR_INPUT, 400, "INVALID_PARAMETER_VALUE", 400},
    {ERR_NOT_FOUND, 404, "RESOURCE_DOES_NOT_EXIST", 404},
    {ERR_EXISTS, 400, "RESOURCE_ALREADY_EXISTS", 409},
    /* MLflow answers it with 500, and its clients ask again for minutes. */
    {ERR_STATE, 400, "INVALID_STATE", 409},
    {ERR_DENIED, 403, "PERMISSION_DENIED", 403},
    {ERR_LIMIT, 503, "TEMPORARILY_UNAVAILABLE", 503},
    {ERR_BUSY, 503, "TEMPORARILY_UNAVAILABLE", 503},
};

/* How the newest MLflow sorts its error codes; others it does not sort. */
static const struct {
    const char *word, *sqlstate, *class;
} classes[] = {
    {"INVALID_PARAMETER_VALUE", "KAM00", "INVALID_PARAMETER_VALUE"},
    {"RESOURCE_DOES_NOT_EXIST", "KAM00", "RESOURCE_NOT_FOUND"},
    {"RESOURCE_ALREADY_EXISTS", "KAM00", "RESOURCE_ALREADY_EXISTS"},
    {"PERMISSION_DENIED", "KAM00", "PERMISSION_DENIED"},
    {"ENDPOINT_NOT_FOUND", "KAM00", "RESOURCE_NOT_FOUND"},
    {"BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE"},
    {"INVALID_STATE", "XXM00", "CLIENT_INTERNAL_ERROR"},
    {"TEMPORARILY_UNAVAILABLE", "XXM00", "CLIENT_INTERNAL_ERROR"},
    {"INTERNAL_ERROR", "XXM00", "CLIENT_INTERNAL_ERROR"},
};

void answer_written(struct http_exchange *exchange, struct strbuf *text)
{
    struct http_answer answer = {.status = 200, .content_type = "application/json", .fd = -1, .body = *text};
    *text = (struct strbuf){0};
    http_answer(exchange, &answer);
}

static const struct {
    int status;
    const char *code;
} codes[] = {
    {400, "invalid"},           {401, "unauthenticated"},        {403, "denied"},
    {404, "not_found"},         {405, "method_not_allowed"},     {409, "conflict"},       {412, "precondition_failed"},
    {413, "too_large"},         {415, "unsupported_media_type"}, {416, "range_not_satisfiable"},
    {422, "unprocessable"},     {429, "too_many_requests"},      {503, "unavailable"},
};

const char *answer_code_of(int status)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return "internal";
}

bool answers_are_rest(const struct http_exchange *exchange)
{
    struct str prefix = STR(REST_PREFIX);
    return str_starts(exchange->path, prefix) && (exchange->path.n == prefix.n || exchange->path.p[prefix.n] == '/');
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

static struct json error_body(struct http_exchange *exchange, int status, const char *word, const char *message)
{
    bool rest = answers_are_rest(exchange);
    struct json body = json_object();
    json_add(exchange->arena, &body, rest ? "code" : "error_code",
             json_cstring(exchange->arena, rest ? answer_code_of(status) : word));
    json_add(exchange->arena, &body, "message", json_cstring(exchange->arena, message));
    for (size_t i = 0; !rest && i < sizeof classes / sizeof classes[0]; i++) {
        if (strcmp(classes[i].word, word) == 0) {
            json_add(exchange->arena, &body, "sqlstate", json_cstring(exchange->arena, classes[i].sqlstate));
            json_add(exchange->arena, &body, "error_class", json_cstring(exchange->arena, classes[i].class));
        }
    }
    return body;
}

/* What is refused for who asks stands in the activity log. */
static void note(struct http_exchange *exchange, int status, const char *message)
{
    if (exchange->found != NULL && !exchange->answered && (status == 401 || status == 403)) {
        api_note_refusal(exchange, status, message);
    }
}

void answer_error_as(struct http_exchange *exchange, const struct err *wrong, int input_status)
{
    int status = 500;
    const char *word = "INTERNAL_ERROR";
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == wrong->code) {
            status = answers_are_rest(exchange) ? errors[i].rest_status : errors[i].status;
            word = errors[i].word;
        }
    }
    status = wrong->code == ERR_INPUT ? input_status : status;
    const char *words = answers_are_rest(exchange) ? wrong->message : err_for_mlflow(wrong);
    note(exchange, status, words);
    struct json body = error_body(exchange, status, word, words);
    answer_json(exchange, status, &body);
}

void answer_error(struct http_exchange *exchange, const struct err *wrong)
{
    answer_error_as(exchange, wrong, 400);
}

void answer_refusal(struct http_exchange *exchange, int status, const char *word, const char *message,
                    const struct http_header *headers)
{
    struct json body = error_body(exchange, status, word, message);
    note(exchange, status, message);
    send_json(exchange, status, &body, headers);
}

void answer_words(struct http_exchange *exchange, int status, const char *text, const struct http_header *headers)
{
    struct http_answer answer = {.status = status, .content_type = "text/plain; charset=utf-8", .fd = -1};
    if (answers_are_rest(exchange)) {
        answer_refusal(exchange, status, "", text, headers);
        return;
    }
    note(exchange, status, text);
    for (size_t i = 0; i < HTTP_HEADERS_MAX && headers != NULL && headers[i].name != NULL; i++) {
        answer.headers[i] = headers[i];
    }
    strbuf_init(&answer.body, 1 << 16);
    strbuf_add_text(&answer.body, text);
    http_answer(exchange, &answer);
}
