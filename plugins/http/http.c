/* SPDX-License-Identifier: Apache-2.0
 * Makes one HTTP request and gives the answer to the steps after it. */
#include "step.h"

#include "file_text.h"
#include "members.h"
#include "value.h"
#include "web.h"

#include <string.h>
#include <sys/stat.h>

#define PARAMS(P)                                                                                                      \
    P(STRING, url, "required; minlen=1", "http:// or https://.")                                                       \
    P(STRING, method, "default=GET; choices=GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS", "The request's method.")          \
    P(ANY, headers, "shape=map", "The request's headers by name.")                                                     \
    P(ANY, body, "", "What is sent: a text as it stands, anything else as JSON.")                                      \
    P(PATH, body_file, "", "A file that is sent.")                                                                     \
    P(ANY, status, "shape=number|list; items=int",                                                                     \
      "The status that counts as good, or a list; any from 200 to 299 by default.")                                    \
    P(DURATION, timeout, "default=30s; min=1", "Of the whole request.")                                                \
    P(SIZE, max_size, "default=1M; min=1", "Of the answer's body.")                                                    \
    P(STRING, save, "", "A file's name below the step's folder that gets the body instead of the outputs.")

#define OUTPUTS(O)                                                                                                     \
    O(INT, status, "The HTTP status.")                                                                                 \
    O(STRING, body, "The answer's body; null with `save`, and when it is no text.")                                    \
    O(ANY, json, "The body as JSON, when it is an object or a list; else null.")                                       \
    O(INT, size, "The body's bytes.")                                                                                  \
    O(STRING, path, "With `save`: the file's path; else null.")

STEP_PARAMS_STRUCT(http_params, PARAMS);

enum { MOST_FILE_BYTES = 256 * 1024 * 1024, SHOWN_BYTES = 200 };

struct exchange {
    const struct step_host *host;
    const struct http_params *params;
    struct scratch scratch;
    struct step_http_request request;
    struct step_http_response response;
    const char *save; /* the path of the file that gets the body, or NULL */
};

/* ---- the request --------------------------------------------------------------------------------- */

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static int read_body_file(struct exchange *exchange, struct fault *fault)
{
    struct fault inner;
    char *bytes = NULL;
    if (file_text_read(&exchange->scratch, exchange->params->body_file, MOST_FILE_BYTES, &bytes,
                       &exchange->request.body_size, &inner) < 0) {
        return fault_set(fault, "body_file: %.450s", inner.text);
    }
    exchange->request.body = bytes;
    return 0;
}

/* What kind of content the body is; NULL for none, or for one that only the user knows. */
static const char *put_body(struct exchange *exchange)
{
    const struct step_value *body = value_given(exchange->params->body);
    struct textbuf json = {0};
    if (body == NULL) {
        return NULL;
    }
    if (body->type == STEP_TYPE_STRING) {
        exchange->request.body = body->string;
        exchange->request.body_size = body->count;
        return "text/plain; charset=utf-8";
    }
    value_put_json(&json, body);
    exchange->request.body = scratch_copy(&exchange->scratch, textbuf_text(&json), json.size);
    exchange->request.body_size = json.size;
    textbuf_free(&json);
    return "application/json";
}

/* A name of its own below the step's folder: nothing else can be replaced. */
static int read_save(struct exchange *exchange, struct fault *fault)
{
    const char *save = exchange->params->save;
    if (!given(save)) {
        return 0;
    }
    if (strchr(save, '/') != NULL || strcmp(save, ".") == 0 || strcmp(save, "..") == 0) {
        return fault_set(fault, "save: '%.100s': expected a file's name without '/'", save);
    }
    exchange->save = scratch_printf(&exchange->scratch, "%s/%s", exchange->host->context->step_dir, save);
    return 0;
}

static int build(struct exchange *exchange, struct fault *fault)
{
    const struct http_params *p = exchange->params;
    if (web_check_url(p->url, "url", fault) < 0 || web_check_statuses(value_given(p->status), "status", fault) < 0 ||
        read_save(exchange, fault) < 0) {
        return -1;
    }
    if (value_given(p->body) != NULL && given(p->body_file)) {
        return fault_set(fault, "body and body_file are both given: expected one of them");
    }
    const char *type = put_body(exchange);
    if (given(p->body_file) && read_body_file(exchange, fault) < 0) {
        return -1;
    }
    const char *const *headers = NULL;
    if (web_headers(&exchange->scratch, value_given(p->headers), type, &headers, fault) < 0) {
        return -1;
    }
    exchange->request.size = sizeof exchange->request;
    exchange->request.method = p->method;
    exchange->request.url = p->url;
    exchange->request.headers = headers;
    exchange->request.timeout_ms = p->timeout;
    exchange->request.max_bytes = p->max_size;
    exchange->request.to_file = exchange->save;
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------------------- */

/* UTF-8 without NUL: what a JSON text can hold (RFC 3629). */
static bool is_text(const char *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < size;) {
        size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xC2 && p[i] < 0xE0 ? 1 : (p[i] & 0xF0) == 0xE0 ? 2 : 3;
        if (p[i] == 0 || (p[i] >= 0x80 && p[i] < 0xC2) || p[i] > 0xF4 || i + more >= size) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            unsigned least = k > 1 ? 0x80 : p[i] == 0xE0 ? 0xA0 : p[i] == 0xF0 ? 0x90 : 0x80;
            unsigned most = k > 1 ? 0xBF : p[i] == 0xED ? 0x9F : p[i] == 0xF4 ? 0x8F : 0xBF;
            if (p[i + k] < least || p[i + k] > most) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

static const struct step_value *body_json(const struct exchange *exchange)
{
    const struct step_value *value = NULL;
    const char *start = exchange->response.body + strspn(exchange->response.body, " \t\r\n");
    if (*start != '{' && *start != '[') {
        return NULL;
    }
    return exchange->host->parse_json(exchange->host, exchange->response.body, exchange->response.body_size, &value) < 0
               ? NULL
               : value;
}

static int put_text(const struct step_host *host, const char *key, const char *text)
{
    struct textbuf json = {0};
    textbuf_json_string_or_null(&json, text);
    int result = host->output(host, key, textbuf_text(&json));
    textbuf_free(&json);
    return result;
}

static int put_outputs(const struct exchange *exchange)
{
    const struct step_host *host = exchange->host;
    const struct step_http_response *response = &exchange->response;
    bool text = exchange->save == NULL && is_text(response->body, response->body_size);
    if (exchange->save == NULL && !text) {
        step_log(host, STEP_LOG_WARN, "the answer is no text: the output 'body' is null, give 'save' to keep it");
    }
    struct stat info;
    bool saved = exchange->save != NULL && stat(exchange->save, &info) == 0;
    int result = step_output_int(host, "status", response->status);
    result |= put_text(host, "body", text ? response->body : NULL);
    result |= members_output(host, "json", text ? body_json(exchange) : NULL);
    result |= step_output_int(host, "size", saved ? (int64_t)info.st_size : (int64_t)response->body_size);
    result |= put_text(host, "path", saved ? exchange->save : NULL);
    return result;
}

static enum step_result conclude(const struct exchange *exchange)
{
    const struct step_host *host = exchange->host;
    const struct step_http_response *response = &exchange->response;
    /* The outputs stand also when the status is wrong: they say what came. */
    if (put_outputs(exchange) != 0) {
        return step_fail(host, "the outputs were not accepted: expected at most what an output may hold, or 'save'");
    }
    if (!web_is_wanted(value_given(exchange->params->status), response->status)) {
        bool text = exchange->save == NULL && is_text(response->body, response->body_size);
        return step_fail(host, "%.300s answered %d%s%.*s", exchange->params->url, response->status,
                         text && response->body_size > 0 ? ": " : "", SHOWN_BYTES, text ? response->body : "");
    }
    step_log(host, STEP_LOG_INFO, "%s %s answered %d", exchange->params->method, exchange->params->url,
             response->status);
    return STEP_OK;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct exchange exchange = {.host = host, .params = params};
    struct fault fault;
    enum step_result result = STEP_FAILED;
    if (build(&exchange, &fault) < 0) {
        result = step_fail(host, "%s", fault.text);
    } else if (host->http(host, &exchange.request, &exchange.response) < 0) {
        result = step_fail(host, "%.300s gave no answer: %.300s", exchange.params->url,
                           exchange.response.error == NULL ? "" : exchange.response.error);
    } else {
        result = conclude(&exchange);
    }
    scratch_free(&exchange.scratch);
    return result;
}

STEP_PLUGIN(http, "1.0", "Makes an HTTP request and gives its answer.", STEP_PLAIN, http_params, PARAMS, OUTPUTS, run)
