/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/webhook_event.h"

#include "base/percent.h"
#include "base/utf8.h"

#include <ctype.h>
#include <strings.h>

/* ---- headers ---------------------------------------------------------------------------------------------------- */

/* A token (RFC 9110, 5.6.2) in lower case; NULL: it is none. */
static const char *lower_name(struct str name, struct arena *arena)
{
    char *lower = arena_dup(arena, name.n == 0 ? "" : name.p, name.n);
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum((unsigned char)name.p[i]) && (name.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name.p[i]) == NULL)) {
            return NULL;
        }
        lower[i] = (char)tolower((unsigned char)name.p[i]);
    }
    return name.n == 0 ? NULL : lower;
}

/* Text: bytes that are none of UTF-8 become '?'. */
static struct str as_text(struct str value, struct arena *arena)
{
    if (utf8_valid(value)) {
        return value;
    }
    char *text = arena_dup(arena, value.p, value.n);
    for (size_t i = 0; i < value.n; i++) {
        text[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    }
    return (struct str){text, value.n};
}

void webhook_header_add(struct json *headers, struct str name, struct str value, struct arena *arena)
{
    const char *lower = lower_name(name, arena);
    const struct json *there = lower == NULL ? NULL : json_get(headers, lower);
    if (lower == NULL || (there == NULL && headers->u.object.count >= WEBHOOK_HEADERS_MAX)) {
        return;
    }
    struct str text = as_text(value, arena);
    if (there != NULL) {
        struct strbuf both;
        strbuf_init(&both, SIZE_MAX >> 1);
        strbuf_add_str(&both, there->u.string);
        strbuf_add_text(&both, ", ");
        strbuf_add_str(&both, text);
        text = arena_str(arena, strbuf_str(&both));
        strbuf_clear(&both);
    }
    json_set(arena, headers, lower, json_string(arena, text));
}

struct json webhook_headers_plain(const struct json *headers, struct arena *arena)
{
    struct json plain = json_object();
    for (size_t i = 0; i < headers->u.object.count; i++) {
        const struct json_member *header = &headers->u.object.members[i];
        if (webhook_header_is_plain(header->key)) {
            json_add_str(arena, &plain, header->key, header->value);
        }
    }
    return plain;
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

/* A text that begins as JSON does is none, whatever is said of it: that is what `curl -d` sends. */
static bool is_form(const struct webhook_request *request, struct str body)
{
    static const char word[] = "application/x-www-form-urlencoded";
    struct str rest = str_from(json_get_text(&request->headers, "content-type", ""));
    struct str type = {0};
    (void)str_cut(&rest, ';', &type);
    type = str_trim(type);
    return type.n == strlen(word) && strncasecmp(type.p, word, type.n) == 0 && body.p[0] != '{' && body.p[0] != '[';
}

static int read_json(struct str text, struct arena *arena, struct json *ret, struct err *err)
{
    static const struct json_limits limits = {.values = WEBHOOK_VALUES_MAX};
    struct err wrong = {0};
    return json_read(text, limits, arena, ret, &wrong) == 0
               ? 0
               : err_set(err, ERR_INPUT, "its body is no JSON: %s", wrong.message);
}

/* The fields as texts; of senders that put their JSON into one, that. */
static int read_form(const struct webhook_provider *provider, struct str text, struct arena *arena, struct json *ret,
                     struct err *err)
{
    struct str name, value;
    bool bad = false;
    struct json fields = json_object();
    while (percent_pair_next(&text, arena, &name, &value, &bad)) {
        if (!utf8_valid(name) || !utf8_valid(value) || fields.u.object.count >= WEBHOOK_HEADERS_MAX) {
            return err_set(err, ERR_INPUT, "its body is a form that is no text in UTF-8, or has more than %d fields",
                           WEBHOOK_HEADERS_MAX);
        }
        json_set(arena, &fields, arena_str(arena, name).p, json_string(arena, value));
    }
    if (bad) {
        return err_set(err, ERR_INPUT, "its body is a form that cannot be decoded");
    }
    const struct json *payload = provider->may_be_form ? json_get(&fields, "payload") : NULL;
    *ret = fields;
    return payload == NULL ? 0 : read_json(payload->u.string, arena, ret, err);
}

static int read_body(const struct webhook_provider *provider, const struct webhook_request *request,
                     struct arena *arena, struct json *ret, struct err *err)
{
    struct str body = str_trim(request->body);
    *ret = json_null();
    return body.n == 0              ? 0
           : is_form(request, body) ? read_form(provider, body, arena, ret, err)
                                    : read_json(body, arena, ret, err);
}

/* ---- the event -------------------------------------------------------------------------------------------------- */

/* In a header, or as MLflow and Standard Webhooks have it in the body. */
static struct json type_of(const struct webhook_provider *provider, const struct webhook_request *request,
                           const struct json *body, struct arena *arena)
{
    const struct json *header = provider->type == NULL ? NULL : json_get(&request->headers, provider->type);
    const char *entity = json_get_text(body, "entity", NULL);
    const char *action = json_get_text(body, "action", NULL);
    const struct json *type = provider->type == NULL ? json_get(body, "type") : header;
    if (provider->type == NULL && entity != NULL && action != NULL) {
        return json_cstring(arena, arena_printf(arena, "%s.%s", entity, action));
    }
    return type != NULL && type->type == JSON_STRING ? *type : json_null();
}

int webhook_event_read(const struct webhook_provider *provider, const struct webhook_request *request, const char *id,
                       struct arena *arena, struct json *ret_event, struct err *err)
{
    struct json body;
    if (read_body(provider, request, arena, &body, err) < 0) {
        return -1;
    }
    *ret_event = json_object();
    json_set(arena, ret_event, "id", json_cstring(arena, id));
    json_set(arena, ret_event, "type", type_of(provider, request, &body, arena));
    json_set(arena, ret_event, "headers", webhook_headers_plain(&request->headers, arena));
    json_set(arena, ret_event, "body", body);
    return 0;
}

bool webhook_event_is_ping(const struct webhook_provider *provider, const struct webhook_request *request)
{
    return provider->ping != NULL && provider->type != NULL &&
           strcmp(json_get_text(&request->headers, provider->type, ""), provider->ping) == 0;
}
