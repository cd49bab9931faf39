/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/request.h"

#include "base/mail_address.h"

#include <strings.h>

enum { HEADERS_MAX = 100, HEADER_MAX_BYTES = 64 << 10, METHOD_MAX_BYTES = 20, FOLLOW_MAX = 20, FOLLOW_DEFAULT = 5 };
enum { RECIPIENTS_MAX = 100 };

static const int64_t timeout_default_ms = 30000;
static const int64_t timeout_max_ms = (int64_t)24 * 3600 * 1000;
static const int64_t body_default_bytes = 16 << 20;

/* ---- base64 --------------------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

int fetch_base64_decode(struct str text, struct arena *arena, struct str *ret_bytes)
{
    size_t pad = str_ends(text, STR("==")) ? 2 : str_ends(text, STR("=")) ? 1 : 0;
    unsigned group = 0;
    if (text.n % 4 != 0) {
        return -1;
    }
    char *bytes = arena_alloc(arena, text.n / 4 * 3 + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = i >= text.n - pad ? 0 : digit_of(text.p[i]);
        if (digit < 0) {
            return -1;
        }
        group = group << 6 | (unsigned)digit;
        if (i % 4 == 3) {
            bytes[size++] = (char)(group >> 16 & 0xff);
            bytes[size++] = (char)(group >> 8 & 0xff);
            bytes[size++] = (char)(group & 0xff);
        }
    }
    *ret_bytes = (struct str){bytes, size - pad};
    bytes[size - pad] = '\0';
    return 0;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

/* RFC 9110, 5.6.2. */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.n > 0;
}

static bool is_header_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static int check_header(struct str name, struct str value, struct fetch_header *ret, struct err *err)
{
    static const char *const own[] = {"content-length", "transfer-encoding", "expect"};
    value = str_trim(value);
    if (!is_token(name)) {
        return err_set(err, ERR_INPUT, "'%.*s' is no name of a header", STR_ARG(str_slice(name, 0, 100)));
    }
    if (!is_header_value(value)) {
        return err_set(err, ERR_INPUT, "header '%.*s': its value holds a line feed or another control character",
                       STR_ARG(str_slice(name, 0, 100)));
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (name.n == strlen(own[i]) && strncasecmp(name.p, own[i], name.n) == 0) {
            return err_set(err, ERR_INPUT, "header '%.*s' cannot be given: sluice-fetch sets it itself", STR_ARG(name));
        }
    }
    *ret = (struct fetch_header){name, value};
    return 0;
}

static int read_line(const struct json *line, struct fetch_header *ret, struct err *err)
{
    ptrdiff_t colon = line->type == JSON_STRING ? str_find_byte(line->u.string, ':', 0) : -1;
    if (colon < 0) {
        return err_set(err, ERR_INPUT, "headers: expected lines \"Name: value\"");
    }
    return check_header(str_slice(line->u.string, 0, (size_t)colon),
                        str_slice(line->u.string, (size_t)colon + 1, line->u.string.n), ret, err);
}

static int read_headers(const struct json *json, struct arena *arena, struct fetch_request *request, struct err *err)
{
    bool is_map = json->type == JSON_OBJECT;
    if (!is_map && json->type != JSON_ARRAY) {
        return err_set(err, ERR_INPUT, "headers: expected a list or a map, found %s", json_type_name(json->type));
    }
    size_t count = is_map ? json->u.object.count : json->u.array.count;
    if (count > HEADERS_MAX) {
        return err_set(err, ERR_LIMIT, "headers: expected at most %d, found %zu", HEADERS_MAX, count);
    }
    struct fetch_header *headers = arena_array(arena, count, sizeof *headers);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const struct json *value = is_map ? &json->u.object.members[i].value : &json->u.array.items[i];
        if (is_map && value->type != JSON_STRING) {
            return err_set(err, ERR_INPUT, "headers: expected text as the value of '%.*s', found %s",
                           STR_ARG(str_slice(json->u.object.members[i].key, 0, 100)), json_type_name(value->type));
        }
        if ((is_map ? check_header(json->u.object.members[i].key, value->u.string, &headers[i], err)
                    : read_line(value, &headers[i], err)) < 0) {
            return -1;
        }
        bytes += headers[i].name.n + headers[i].value.n;
    }
    if (bytes > HEADER_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "headers: expected at most %d KiB, found %zu bytes", HEADER_MAX_BYTES >> 10,
                       bytes);
    }
    request->headers = headers;
    request->header_count = count;
    return 0;
}

/* ---- members ------------------------------------------------------------------------------------------------------
 */

static int read_int(const struct json *json, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
    if (json->type != JSON_INT || json->u.integer < min || json->u.integer > max) {
        return err_set(err, ERR_INPUT, "%s: expected an integer from %lld to %lld", key, (long long)min,
                       (long long)max);
    }
    *ret = json->u.integer;
    return 0;
}

static int read_text(const struct json *json, const char *key, struct str *ret, struct err *err)
{
    if (json->type != JSON_STRING) {
        return err_set(err, ERR_INPUT, "%s: expected text, found %s", key, json_type_name(json->type));
    }
    *ret = json->u.string;
    return 0;
}

static int read_url(const struct json *json, struct fetch_request *request, struct err *err)
{
    if (read_text(json, "url", &request->url, err) < 0) {
        return -1;
    }
    if (request->url.n == 0 || request->url.n > FETCH_URL_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "url: expected 1 to %d bytes, found %zu", FETCH_URL_MAX_BYTES, request->url.n);
    }
    for (size_t i = 0; i < request->url.n; i++) {
        unsigned char c = (unsigned char)request->url.p[i];
        if (c <= ' ' || c == 0x7f) {
            return err_set(err, ERR_INPUT, "url: it holds a blank or a control character: expected %%20 and the like");
        }
    }
    return 0;
}

static int read_method(const struct json *json, struct fetch_request *request, struct err *err)
{
    if (read_text(json, "method", &request->method, err) < 0) {
        return -1;
    }
    bool upper = is_token(request->method) && request->method.n <= METHOD_MAX_BYTES;
    for (size_t i = 0; upper && i < request->method.n; i++) {
        upper = request->method.p[i] < 'a' || request->method.p[i] > 'z';
    }
    if (!upper || str_is(request->method, "CONNECT")) {
        return err_set(err, ERR_INPUT, "method: expected GET, POST or another in upper case, found '%.*s'",
                       STR_ARG(str_slice(request->method, 0, 100)));
    }
    return 0;
}

static int read_body(const struct json *json, bool base64, struct arena *arena, struct fetch_request *request,
                     struct err *err)
{
    const char *key = base64 ? "body_base64" : "body";
    if (request->has_body) {
        return err_set(err, ERR_INPUT, "body and body_base64 are both given: expected one of them");
    }
    if (read_text(json, key, &request->body, err) < 0) {
        return -1;
    }
    if (base64 && fetch_base64_decode(request->body, arena, &request->body) < 0) {
        return err_set(err, ERR_INPUT, "body_base64: it is no base64");
    }
    request->has_body = true;
    return 0;
}

/* ---- mail ------------------------------------------------------------------------------------------------------- */

static int read_recipients(const struct json *list, struct arena *arena, struct fetch_mail *mail, struct err *err)
{
    size_t count = list == NULL || list->type != JSON_ARRAY ? 0 : list->u.array.count;
    struct str *to = arena_array(arena, count + 1, sizeof *to);
    for (size_t i = 0; i < count; i++) {
        const struct json *one = &list->u.array.items[i];
        to[i] = one->type == JSON_STRING ? one->u.string : (struct str){0};
        if (!mail_address_is_plain(to[i])) {
            return err_set(err, ERR_INPUT, "mail: 'to' holds what is no address");
        }
    }
    mail->to = to;
    mail->to_count = count;
    return count > 0 && count <= RECIPIENTS_MAX
               ? 0
               : err_set(err, ERR_INPUT, "mail: 'to': expected 1 to %d addresses, found %zu", RECIPIENTS_MAX, count);
}

static int read_mail(const struct json *json, struct arena *arena, struct fetch_request *request, struct err *err)
{
    struct fetch_mail *mail = arena_one(arena, struct fetch_mail);
    if (json->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "mail: expected a map, found %s", json_type_name(json->type));
    }
    mail->from = str_from(json_get_text(json, "from", ""));
    mail->user = str_from(json_get_text(json, "user", ""));
    mail->password = str_from(json_get_text(json, "password", ""));
    mail->plain = !json_get_bool(json, "tls", true);
    const struct json *text = json_get(json, "text");
    mail->text = text != NULL && text->type == JSON_STRING ? text->u.string : (struct str){0};
    if (!mail_address_is_plain(mail->from) || mail->text.n == 0) {
        return err_set(err, ERR_INPUT, "mail: expected 'from', an address, and 'text'");
    }
    request->mail = mail;
    return read_recipients(json_get(json, "to"), arena, mail, err);
}

static int read_member(struct str key, const struct json *value, struct arena *arena, struct fetch_request *request,
                       struct err *err)
{
    static const struct str known[] = {{"url", 3},       {"method", 6},       {"headers", 7},
                                       {"body", 4},      {"body_base64", 11}, {"timeout_ms", 10},
                                       {"max_bytes", 9}, {"follow", 6},       {"policy", 6},       {"mail", 4},
                                       {"only_status", 11}};
    int64_t follow = 0;
    if (str_is(key, "url")) {
        return read_url(value, request, err);
    }
    if (str_is(key, "method")) {
        return read_method(value, request, err);
    }
    if (str_is(key, "headers")) {
        return read_headers(value, arena, request, err);
    }
    if (str_is(key, "body") || str_is(key, "body_base64")) {
        return read_body(value, str_is(key, "body_base64"), arena, request, err);
    }
    if (str_is(key, "timeout_ms")) {
        return read_int(value, "timeout_ms", 1, timeout_max_ms, &request->timeout_ms, err);
    }
    if (str_is(key, "max_bytes")) {
        return read_int(value, "max_bytes", 0, FETCH_BODY_MAX_BYTES, &request->max_bytes, err);
    }
    if (str_is(key, "follow")) {
        int result = read_int(value, "follow", 0, FOLLOW_MAX, &follow, err);
        request->follow = (int)follow;
        return result;
    }
    if (str_is(key, "only_status") && value->type == JSON_BOOL) {
        request->only_status = value->u.boolean;
        return 0;
    }
    if (str_is(key, "mail")) {
        return read_mail(value, arena, request, err);
    }
    if (str_is(key, "policy")) {
        return address_policy_read(value, arena, &request->policy, err);
    }
    ptrdiff_t near = str_nearest(key, known, sizeof known / sizeof known[0]);
    return err_set(err, ERR_INPUT, "the request has no member '%.*s'%s%s", STR_ARG(str_slice(key, 0, 100)),
                   near < 0 ? "" : ": did you mean ", near < 0 ? "" : known[near].p);
}

int fetch_request_read(struct str text, struct arena *arena, struct fetch_request *ret_request, struct err *err)
{
    struct fetch_request request = {.timeout_ms = timeout_default_ms, .max_bytes = body_default_bytes, .follow = -1};
    struct json json;
    if (str_trim(text).n == 0) {
        return err_set(err, ERR_INPUT, "no request: expected one JSON map on standard input");
    }
    if (json_read(text, (struct json_limits){.depth = 16, .values = 10000}, arena, &json, err) < 0) {
        return err_add(err, "the request is not readable");
    }
    if (json.type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "the request: expected a map, found %s", json_type_name(json.type));
    }
    if (address_policy_read(NULL, arena, &request.policy, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json.u.object.count; i++) {
        const struct json_member *member = &json.u.object.members[i];
        if (member->value.type != JSON_NULL && read_member(member->key, &member->value, arena, &request, err) < 0) {
            return -1;
        }
    }
    if (request.url.p == NULL) {
        return err_set(err, ERR_INPUT, "the request has no 'url'");
    }
    if (request.method.p == NULL) {
        request.method = request.has_body ? STR("POST") : STR("GET");
    }
    if (request.follow < 0) {
        request.follow = str_is(request.method, "GET") || str_is(request.method, "HEAD") ? FOLLOW_DEFAULT : 0;
    }
    *ret_request = request;
    return 0;
}
