/* SPDX-License-Identifier: Apache-2.0
 * The rows of the tables as OpenAPI 3.1.
 */
#include "api/sluice/idempotency.h"
#include "api/sluice/routes.h"

#include <stdio.h>

struct writing {
    struct arena *arena;
    struct json components; /* schemas by name */
};

static void put(struct writing *w, struct json *object, const char *key, const char *text)
{
    json_set(w->arena, object, key, json_cstring(w->arena, text));
}

static struct json object_with(struct writing *w, const char *key, struct json value)
{
    struct json object = json_object();
    json_set(w->arena, &object, key, value);
    return object;
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static const struct schema_field error_fields[] = {
    {"code", .type = SCHEMA_TEXT, .doc = "a word that stays: invalid, denied, not_found, conflict ..."},
    {"message", .type = SCHEMA_TEXT, .doc = "one line for people"},
    {0},
};
static const struct schema error_schema = {"Error", error_fields, NULL};

/* Which answers a route may give beside its own, and why. */
static const struct {
    int status;
    const char *when;
    bool posts;     /* only where there is a body */
    unsigned flags; /* only where one of these is set; 0: everywhere */
    bool finds;     /* only where the path has names, or REST_FINDS */
} refusals[] = {
    {400, "The request does not fit what is documented here.", false, 0, false},
    {401, "Nobody who is known asks, and the home has users.", false, 0, false},
    {403, "Who asks may not do this.", false, 0, false},
    {404, "There is no such thing.", false, 0, true},
    {409, "What it is about is in a state that does not allow this, or the Idempotency-Key is being answered.", true, 0,
     false},
    {413, "The body is larger than 32 MiB.", true, 0, false},
    {415, "The body is no JSON.", true, 0, false},
    {412, "The file is not as If-Match or If-Unmodified-Since say.", false, REST_VALIDATES, false},
    {416, "There are no such bytes.", false, REST_RANGES, false},
    {422, "The request fits, and cannot be done; or the Idempotency-Key was another request's.", true, 0, false},
    {422, "What is asked for does not go together.", false, REST_RANGES | REST_RESUMES | REST_JUDGES, false},
    {429, "Too many passwords are being tried: Retry-After says when to come again.", false, 0, false},
    {500, "A defect of sluice's.", false, 0, false},
    {503, "The disk is full, or sluice is being stopped: Retry-After says when to come again.", false, 0, false},
};

/* An error has this schema, with the word of its status. */
static void document_errors(struct writing *w)
{
    schema_document(&error_schema, true, &w->components, w->arena);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const char *name = arena_printf(w->arena, "Error%d", refusals[i].status);
        struct json both = json_array();
        struct json code = object_with(w, "const", json_cstring(w->arena, answer_code_of(refusals[i].status)));
        struct json narrow = object_with(w, "properties", object_with(w, "code", code));
        json_push(w->arena, &both, schema_reference(&error_schema, w->arena));
        json_push(w->arena, &both, narrow);
        json_set(w->arena, &w->components, name, object_with(w, "allOf", both));
    }
}

static struct json content_of(struct writing *w, const char *media, struct json schema)
{
    return object_with(w, media, object_with(w, "schema", schema));
}

static void add_refusals(struct writing *w, const struct api_route *route, struct json *responses)
{
    const struct rest_doc *doc = rest_of(route);
    bool finds = strchr(route->path, '{') != NULL || (doc->flags & REST_FINDS) != 0;
    bool posts = route->method != HTTP_GET;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if ((refusals[i].posts && !posts) || (refusals[i].finds && !finds) ||
            (refusals[i].flags != 0 && (refusals[i].flags & doc->flags) == 0)) {
            continue;
        }
        char status[8];
        (void)snprintf(status, sizeof status, "%d", refusals[i].status);
        struct json response = json_object();
        const char *reference = arena_printf(w->arena, "#/components/schemas/Error%d", refusals[i].status);
        put(w, &response, "description", refusals[i].when);
        json_set(w->arena, &response, "content",
                 content_of(w, "application/json", object_with(w, "$ref", json_cstring(w->arena, reference))));
        json_set(w->arena, responses, status, response);
    }
}

/* ---- a route ---------------------------------------------------------------------------------------------------- */

/* `pattern` NULL: any; what is not understood is passed over. */
static struct json header_parameter(struct writing *w, const char *name, const char *doc, const char *pattern,
                                    int64_t most)
{
    struct json parameter = json_object();
    struct json schema = json_object();
    put(w, &schema, "type", "string");
    if (pattern != NULL) {
        put(w, &schema, "pattern", pattern);
        json_set(w->arena, &schema, "maxLength", json_int(most));
    }
    put(w, &parameter, "name", name);
    put(w, &parameter, "in", "header");
    put(w, &parameter, "description", doc);
    json_set(w->arena, &parameter, "schema", schema);
    return parameter;
}

/* Of RFC 9110, 13.1. */
static const struct {
    const char *name, *words;
} conditions[] = {
    {"If-None-Match", "The ETags of what the client has: 304 when it is one of them"},
    {"If-Modified-Since", "The Last-Modified of what the client has: 304 when it is that still"},
    {"If-Match", "The ETags of what is wanted: 412 when it is another state"},
    {"If-Unmodified-Since", "412 when the file was changed later"},
    {"If-Range", "The ETag or Last-Modified of what the client has a part of: of another state all is sent"},
};

static struct json parameters_of(struct writing *w, const struct rest_doc *doc)
{
    struct json list = json_array();
    for (const struct schema_field *field = doc->takes; field != NULL && field->name != NULL; field++) {
        bool in_path = (field->flags & SCHEMA_IN_PATH) != 0;
        if (!in_path && (field->flags & SCHEMA_IN_QUERY) == 0) {
            continue;
        }
        struct json parameter = json_object();
        put(w, &parameter, "name", field->name);
        put(w, &parameter, "in", in_path ? "path" : "query");
        json_set(w->arena, &parameter, "required", json_bool((field->flags & SCHEMA_REQUIRED) != 0));
        json_set(w->arena, &parameter, "schema", schema_of_field(field, false, w->arena));
        json_push(w->arena, &list, parameter);
    }
    if ((doc->flags & REST_COMMANDS) != 0) {
        json_push(w->arena, &list,
                  header_parameter(w, "Idempotency-Key",
                                   "A key of the client's own: the same request with it is done once, and answered the "
                                   "same for a day (draft-ietf-httpapi-idempotency-key-header)",
                                   IDEMPOTENCY_KEY_PATTERN, IDEMPOTENCY_KEY_MAX));
    }
    if ((doc->flags & REST_RESUMES) != 0) {
        json_push(w->arena, &list,
                  header_parameter(w, "Last-Event-ID", "The id of the last event that the client has got",
                                   "^([0-9]{1,18}\\.[0-9]{1,18}\\.[0-9]{1,18}|end|)$", 57));
    }
    if ((doc->flags & REST_RANGES) != 0) {
        json_push(w->arena, &list,
                  header_parameter(w, "Range", "One range of bytes: bytes=0-99 (RFC 9110)", NULL, 0));
    }
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0] && (doc->flags & REST_VALIDATES) != 0; i++) {
        json_push(w->arena, &list, header_parameter(w, conditions[i].name, conditions[i].words, NULL, 0));
    }
    return list;
}

static struct json body_of(struct writing *w, const struct rest_doc *doc)
{
    struct json body = json_object();
    struct json schema = json_object();
    struct json properties = json_object();
    struct json required = json_array();
    for (const struct schema_field *field = doc->takes; field != NULL && field->name != NULL; field++) {
        if ((field->flags & (SCHEMA_IN_PATH | SCHEMA_IN_QUERY)) != 0) {
            continue;
        }
        json_set(w->arena, &properties, field->name, schema_of_field(field, false, w->arena));
        if ((field->flags & SCHEMA_REQUIRED) != 0) {
            json_push(w->arena, &required, json_cstring(w->arena, field->name));
        }
    }
    put(w, &schema, "type", "object");
    json_set(w->arena, &schema, "additionalProperties", json_bool(false));
    json_set(w->arena, &schema, "properties", properties);
    json_set(w->arena, &schema, "required", required);
    json_set(w->arena, &body, "required", json_bool(true));
    json_set(w->arena, &body, "content", content_of(w, "application/json", schema));
    return body;
}

static struct json any_object(struct writing *w)
{
    return object_with(w, "type", json_cstring(w->arena, "object"));
}

static struct json success_of(struct writing *w, const struct rest_doc *doc, const char *words)
{
    struct json response = json_object();
    put(w, &response, "description", words);
    if (doc->gives != NULL && doc->media != NULL) {
        schema_document(doc->gives, true, &w->components, w->arena);
        json_set(w->arena, &response, "content", content_of(w, doc->media, schema_reference(doc->gives, w->arena)));
    } else if (doc->gives != NULL && doc->gives->fields != NULL) {
        schema_document(doc->gives, true, &w->components, w->arena);
        json_set(w->arena, &response, "content",
                 content_of(w, "application/json", schema_reference(doc->gives, w->arena)));
    } else if (doc->gives != NULL) {
        json_set(w->arena, &response, "content", content_of(w, "application/json", any_object(w)));
    } else {
        struct json content = json_object();
        struct json text = object_with(w, "type", json_cstring(w->arena, "string"));
        json_set(w->arena, &content, doc->media, object_with(w, "schema", text));
        if (doc->also != NULL) {
            json_set(w->arena, &content, doc->also, object_with(w, "schema", text));
        }
        json_set(w->arena, &response, "content", content);
    }
    return response;
}

static struct json responses_of(struct writing *w, const struct api_route *route)
{
    const struct rest_doc *doc = rest_of(route);
    struct json responses = json_object();
    char status[8];
    (void)snprintf(status, sizeof status, "%d", doc->status == 0 ? 200 : doc->status);
    json_set(w->arena, &responses, status, success_of(w, doc, doc->summary));
    if ((doc->flags & REST_RANGES) != 0) {
        json_set(w->arena, &responses, "206", success_of(w, doc, "The bytes that were asked for."));
    }
    if ((doc->flags & REST_VALIDATES) != 0) {
        json_set(w->arena, &responses, "304",
                 object_with(w, "description", json_cstring(w->arena, "The client has the file as it is.")));
    }
    if ((doc->flags & REST_RESUMES) != 0) {
        json_set(w->arena, &responses, "204",
                 object_with(w, "description", json_cstring(w->arena, "The client has got all that there will be.")));
    }
    add_refusals(w, route, &responses);
    return responses;
}

static const char *needs_words(const struct api_need *need, struct arena *arena)
{
    static const struct {
        enum api_object object;
        const char *words;
    } objects[] = {
        {API_OF_ANYBODY, "nothing but to be let in; what may not be read is left out"},
        {API_OF_RUN, "on the run's experiment"},
        {API_OF_GATE, "on the experiment of the gate's run"},
        {API_OF_ITSELF, "on the experiment of its run, or of its pipeline's runs"},
        {API_OF_REGISTERED, "on the registered model"},
        {API_OF_ADMIN, "an admin"},
    };
    const char *role = need->role == ROLE_VIEWER
                           ? ""
                           : arena_printf(arena, ", and the role %s", role_table[need->role].name);
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (objects[i].object == need->object) {
            bool alone = (need->object == API_OF_ANYBODY && need->role == ROLE_VIEWER) || need->object == API_OF_ADMIN;
            if (need->object == API_OF_ANYBODY && !alone) {
                return arena_printf(arena, "the role %s", role_table[need->role].name);
            }
            return alone ? objects[i].words
                         : arena_printf(arena, "%s %s%s", permission_words[need->permission], objects[i].words, role);
        }
    }
    return arena_printf(arena, "%s%s", permission_words[need->permission], role);
}

static struct json operation_of(struct writing *w, const struct api_route *route)
{
    const struct rest_doc *doc = rest_of(route);
    struct json operation = json_object();
    struct json tags = json_array();
    json_push(w->arena, &tags, json_cstring(w->arena, doc->group));
    put(w, &operation, "operationId", doc->name);
    put(w, &operation, "summary", doc->summary);
    const char *needs = arena_printf(w->arena, "%s%sNeeds: %s%s.", doc->details == NULL ? "" : doc->details,
                                     doc->details == NULL ? "" : "\n\n", needs_words(&route->needs, w->arena),
                                     (doc->flags & REST_NAMED) != 0 ? "; never anonymous" : "");
    put(w, &operation, "description", needs);
    json_set(w->arena, &operation, "tags", tags);
    json_set(w->arena, &operation, "parameters", parameters_of(w, doc));
    if (route->method != HTTP_GET) {
        json_set(w->arena, &operation, "requestBody", body_of(w, doc));
    }
    json_set(w->arena, &operation, "responses", responses_of(w, route));
    return operation;
}

static struct json paths_of(struct writing *w)
{
    static const char *const methods[] = {"get", "head", "post", "put", "patch", "delete"};
    struct json paths = json_object();
    for (size_t i = 0; api_routes[i] != NULL; i++) {
        for (const struct api_route *route = api_routes[i]; route->path != NULL; route++) {
            if (route->versions != API_SLUICE) {
                continue;
            }
            const struct json *there = json_get(&paths, route->path);
            struct json path = there == NULL ? json_object() : *there;
            json_set(w->arena, &path, methods[route->method], operation_of(w, route));
            json_set(w->arena, &paths, route->path, path);
        }
    }
    return paths;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static struct json security_schemes(struct writing *w)
{
    static const char *const schemes[] = {"basic", "bearer"};
    struct json all = json_object();
    for (size_t i = 0; i < 2; i++) {
        struct json scheme = json_object();
        put(w, &scheme, "type", "http");
        put(w, &scheme, "scheme", schemes[i]);
        json_set(w->arena, &all, schemes[i], scheme);
    }
    return all;
}

struct json rest_openapi(struct arena *arena)
{
    struct writing w = {.arena = arena, .components = json_object()};
    struct json document = json_object();
    struct json info = json_object();
    struct json servers = json_array();
    struct json security = json_array();
    struct json components = json_object();
    put(&w, &info, "title", "sluice");
    put(&w, &info, "version", SLUICE_VERSION);
    put(&w, &info, "description", "Pipelines, their runs, logs, gates and approvals, and the activity log of a home. "
                                  "Objects are closed; every error is an Error.");
    json_push(arena, &servers, object_with(&w, "url", json_cstring(arena, REST_PREFIX)));
    json_push(arena, &security, object_with(&w, "basic", json_array()));
    json_push(arena, &security, object_with(&w, "bearer", json_array()));
    document_errors(&w);
    schema_document(&rest_log_line, true, &w.components, arena);
    put(&w, &document, "openapi", "3.1.0");
    json_set(arena, &document, "info", info);
    json_set(arena, &document, "servers", servers);
    json_set(arena, &document, "security", security);
    json_set(arena, &document, "paths", paths_of(&w));
    json_set(arena, &components, "schemas", w.components);
    json_set(arena, &components, "securitySchemes", security_schemes(&w));
    json_set(arena, &document, "components", components);
    return document;
}
