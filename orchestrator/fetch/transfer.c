/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/transfer.h"

#include "base/clock.h"
#include "base/parse.h"
#include "fetch/door.h"
#include "fetch/target.h"

#include <curl/curl.h>
#include <strings.h>

enum { HEADERS_MAX = 256, HEADERS_MAX_BYTES = 64 << 10 };

/* One exchange, all its redirects. */
struct exchange {
    const struct fetch_request *request;
    struct arena *arena;
    CURL *curl;
    int64_t end_ms;
    struct fetch_target target;
    bool foreign; /* a redirect has left the first origin: what was meant for it stays behind */
    bool as_get;  /* a redirect has turned the request into a GET */
    struct fetch_answer *answer;
    size_t header_count;
    size_t header_bytes;
    bool headers_ended;
    bool too_many_headers;
    bool only_long;    /* the last answer is whole but for the end of its body */
    struct fetch_door door;
    char error[CURL_ERROR_SIZE];
};

/* ---- what libcurl calls ---------------------------------------------------------------------------------------- */

static size_t take_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct exchange *x = ctx;
    strbuf_add(&x->answer->body, bytes, size * count);
    return x->answer->body.overflow ? 0 : size * count;
}

static void add_header(struct exchange *x, struct str name, struct str value)
{
    char *key = arena_dup(x->arena, name.p, name.n);
    for (size_t i = 0; i < name.n; i++) {
        key[i] = (char)(key[i] >= 'A' && key[i] <= 'Z' ? key[i] - 'A' + 'a' : key[i]);
    }
    const char *before = json_get_text(&x->answer->headers, key, NULL);
    if (before != NULL) {
        value = str_from(arena_printf(x->arena, "%s, %s", before, arena_dup(x->arena, value.p, value.n)));
    }
    json_set(x->arena, &x->answer->headers, key, json_string(x->arena, value));
}

/* A status line begins again: behind 100 Continue or a redirect. What comes behind the body (trailers) is not kept. */
static size_t take_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct exchange *x = ctx;
    struct str line = str_trim((struct str){bytes, size * count});
    if (str_starts(line, STR("HTTP/"))) {
        x->answer->headers = json_object();
        x->header_count = x->header_bytes = 0;
        x->headers_ended = false;
        return size * count;
    }
    ptrdiff_t colon = str_find_byte(line, ':', 0);
    x->headers_ended = x->headers_ended || line.n == 0;
    if (x->headers_ended || colon <= 0) {
        return size * count;
    }
    x->header_bytes += line.n;
    if (++x->header_count > HEADERS_MAX || x->header_bytes > HEADERS_MAX_BYTES) {
        x->too_many_headers = true;
        return 0;
    }
    add_header(x, str_slice(line, 0, (size_t)colon), str_trim(str_slice(line, (size_t)colon + 1, line.n)));
    return size * count;
}

/* ---- options ------------------------------------------------------------------------------------------------------
 */

static bool name_is(struct str name, const char *text)
{
    return name.n == strlen(text) && strncasecmp(name.p, text, name.n) == 0;
}

static bool goes_along(const struct exchange *x, struct str name)
{
    static const char *const harmless[] = {"accept", "accept-language", "content-type", "user-agent"};
    if (x->as_get && name_is(name, "content-type")) {
        return false;
    }
    for (size_t i = 0; x->foreign && i < sizeof harmless / sizeof harmless[0]; i++) {
        if (name_is(name, harmless[i])) {
            return true;
        }
    }
    return !x->foreign;
}

/* curl's own additions are taken back: what is sent is what was asked for. */
static struct curl_slist *header_list(const struct exchange *x)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    bool typed = false;
    for (size_t i = 0; i < x->request->header_count; i++) {
        const struct fetch_header *header = &x->request->headers[i];
        const char *name = arena_dup(x->arena, header->name.p, header->name.n);
        const char *value = arena_dup(x->arena, header->value.p, header->value.n);
        if (goes_along(x, header->name)) {
            typed = typed || name_is(header->name, "content-type");
            const char *line =
                *value == '\0' ? arena_printf(x->arena, "%s;", name) : arena_printf(x->arena, "%s: %s", name, value);
            list = curl_slist_append(list, line);
        }
    }
    return typed ? list : curl_slist_append(list, "Content-Type:");
}

static void set_method(const struct exchange *x)
{
    const struct fetch_request *request = x->request;
    struct str method = x->as_get ? STR("GET") : request->method;
    bool body = request->has_body && !x->as_get;
    if (str_is(method, "HEAD")) {
        curl_easy_setopt(x->curl, CURLOPT_NOBODY, 1L);
        return;
    }
    /* An empty body for the methods that expect one: servers want a Content-Length. */
    if (body || str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH")) {
        curl_easy_setopt(x->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(body ? request->body.n : 0));
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, body && request->body.n > 0 ? request->body.p : "");
    }
    curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, arena_dup(x->arena, method.p, method.n));
}

static void set_options(struct exchange *x, int64_t left_ms)
{
    CURL *curl = x->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, x->target.url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (!x->request->policy.use_proxy) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
    if (x->target.user != NULL && !x->foreign) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, x->target.user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, x->target.password == NULL ? "" : x->target.password);
    }
    fetch_door_set(curl, &x->door);
    set_method(x);
}

/* ---- what went wrong, in words --------------------------------------------------------------------------------- */

static int explain_connect(const struct exchange *x, struct err *err)
{
    long code = 0;
    if (x->door.refused[0] != '\0') {
        return err_set(err, ERR_DENIED, "%s is refused: %s", x->target.place, x->door.refused);
    }
    (void)curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &code);
    const char *why = code != 0 ? strerror((int)code) : x->error;
    return err_set(err, ERR_IO, "could not connect to %s%s%s", x->target.place, *why == '\0' ? "" : ": ",
                   fetch_words(x->arena, why));
}

static int explain(const struct exchange *x, CURLcode code, struct err *err)
{
    char limit[32];
    const char *text = fetch_words(x->arena, x->error[0] != '\0' ? x->error : curl_easy_strerror(code));
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return explain_connect(x, err);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(err, ERR_IO, "could not find the address of '%.255s'", x->target.host);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return err_set(err, ERR_IO, "could not find the address of the proxy for %s", x->target.place);
    case CURLE_OPERATION_TIMEDOUT:
        format_duration(limit, sizeof limit, x->request->timeout_ms);
        return err_set(err, ERR_LIMIT, "%s did not answer within %s", x->target.place, limit);
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(err, ERR_DENIED, "the certificate of %s is not accepted: %.200s", x->target.place, text);
    case CURLE_GOT_NOTHING:
        return err_set(err, ERR_IO, "%s closed the connection without an answer", x->target.place);
    case CURLE_PARTIAL_FILE:
        return err_set(err, ERR_IO, "%s closed the connection in the middle of its answer", x->target.place);
    default:
        return err_set(err, ERR_IO, "%s: %.300s", x->target.place, text);
    }
}

/* ---- one request, then the next ---------------------------------------------------------------------------------- */

static void forget_answer(struct exchange *x)
{
    strbuf_reset(&x->answer->body);
    x->answer->body.overflow = false;
    x->answer->headers = json_object();
    x->answer->status = 0;
    x->headers_ended = false;
    x->door.refused[0] = '\0';
    x->error[0] = '\0';
}

/* Has the status come, with all headers, and is that enough? What comes before it (1xx) is none. */
static bool has_enough(const struct exchange *x, long status)
{
    return x->request->only_status && x->headers_ended && status >= 200;
}

/* 0 when an answer came, its body perhaps cut. */
static int ask(struct exchange *x, struct err *err)
{
    int64_t left_ms = x->end_ms - clock_monotonic_ms(&clock_system);
    long status = 0;
    forget_answer(x);
    if (left_ms <= 0) {
        return explain(x, CURLE_OPERATION_TIMEDOUT, err);
    }
    set_options(x, left_ms);
    struct curl_slist *headers = header_list(x);
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(x->curl);
    curl_slist_free_all(headers);
    if (x->too_many_headers) {
        return err_set(err, ERR_LIMIT, "%s sent more than %d headers or %d KiB of them", x->target.place, HEADERS_MAX,
                       HEADERS_MAX_BYTES >> 10);
    }
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK && !x->answer->body.overflow && !has_enough(x, status)) {
        return explain(x, code, err);
    }
    x->answer->status = (int)status;
    x->answer->url = str_from(x->target.url);
    return status == 0 ? err_set(err, ERR_IO, "%s gave no status", x->target.place) : 0;
}

/* Where the answer sends us, or NULL. */
static const char *redirect_of(const struct exchange *x)
{
    int status = x->answer->status;
    bool is_redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    const char *location = json_get_text(&x->answer->headers, "location", "");
    return is_redirect && x->request->follow > 0 && *location != '\0' ? location : NULL;
}

static int go_on(struct exchange *x, const char *location, struct err *err)
{
    struct fetch_target next;
    if (strlen(location) > FETCH_URL_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "%s redirects to a url of more than %d bytes", x->target.place,
                       FETCH_URL_MAX_BYTES);
    }
    if (fetch_target_parse(location, &x->target, &x->request->policy, x->arena, &next, err) < 0) {
        return err_add(err, "redirected by %s", x->target.place);
    }
    x->foreign = x->foreign || !fetch_target_same_origin(&x->target, &next);
    x->as_get = x->as_get || (x->answer->status <= 303 && !str_is(x->request->method, "HEAD"));
    next.user = x->target.user;
    next.password = x->target.password;
    x->target = next;
    return 0;
}

static int run(struct exchange *x, struct err *err)
{
    for (int hop = 0;; hop++) {
        const char *location = NULL;
        if (ask(x, err) < 0) {
            return hop == 0 ? -1 : err_add(err, "after %d redirect%s", hop, hop == 1 ? "" : "s");
        }
        location = redirect_of(x);
        if (location == NULL) {
            break;
        }
        if (hop == x->request->follow) {
            return err_set(err, ERR_LIMIT, "%s redirects again after %d redirect%s: expected an answer",
                           x->target.place, hop, hop == 1 ? "" : "s");
        }
        if (go_on(x, location, err) < 0) {
            return -1;
        }
    }
    if (x->answer->body.overflow) {
        x->only_long = true;
        return err_set(err, ERR_LIMIT, "the answer of %s is longer than %lld bytes", x->target.place,
                       (long long)x->request->max_bytes);
    }
    return 0;
}

int fetch_transfer(const struct fetch_request *request, struct arena *arena, struct fetch_answer *ret_answer,
                   struct err *err)
{
    struct exchange x = {.request = request, .arena = arena, .answer = ret_answer, .door.policy = &request->policy};
    *ret_answer = (struct fetch_answer){.headers = json_object()};
    strbuf_init(&ret_answer->body, (size_t)request->max_bytes);
    x.end_ms = clock_monotonic_ms(&clock_system) + request->timeout_ms;
    if (fetch_target_parse(request->url.p, NULL, &request->policy, arena, &x.target, err) < 0) {
        return -1;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(err, ERR_INTERNAL, "libcurl cannot be set up");
    }
    x.curl = curl_easy_init();
    int result = x.curl == NULL ? err_set(err, ERR_INTERNAL, "libcurl cannot be set up") : run(&x, err);
    curl_easy_cleanup(x.curl);
    curl_global_cleanup();
    if (result < 0 && !x.only_long) {
        ret_answer->status = 0;
        strbuf_reset(&ret_answer->body);
    }
    return result;
}
