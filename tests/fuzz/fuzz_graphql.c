/* SPDX-License-Identifier: Apache-2.0
 * GraphQL documents by any text: what is no document is told so; what is one ends in an answer or in errors, and its
 * answer is JSON. The variables stand behind the first NUL.
 */
#include "api/graphql/graphql.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

/* A small world: a tree of itself, and a field that fails. */
static int deeper(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                  struct err *err)
{
    struct arena *arena = ctx;
    check(parent->type == JSON_OBJECT && arguments->type == JSON_OBJECT);
    const struct json *input = json_get(arguments, "input");
    *ret = json_object();
    json_set(arena, ret, "some_text", json_cstring(arena, "text"));
    json_set(arena, ret, "given", input == NULL ? json_array() : json_copy(arena, arguments));
    return input != NULL && json_get(input, "fails") != NULL ? err_set(err, ERR_NOT_FOUND, "there is none") : 0;
}

static const char *const words[] = {"ONE", "TWO", NULL};
static const struct graphql_type word = {.name = "Word", .words = words};
static const struct graphql_field input_fields[] = {
    {.name = "text", .kind = GRAPHQL_TYPE_STRING},
    {.name = "texts", .kind = GRAPHQL_TYPE_STRING, .list = true},
    {.name = "int", .kind = GRAPHQL_TYPE_INT},
    {.name = "long", .kind = GRAPHQL_TYPE_LONG},
    {.name = "word", .kind = GRAPHQL_TYPE_ENUM, .type = &word},
    {.name = "fails", .kind = GRAPHQL_TYPE_BOOL},
    {0}};
static const struct graphql_type input = {.name = "In", .fields = input_fields};
static const struct graphql_field takes[] = {{.name = "input", .kind = GRAPHQL_TYPE_INPUT, .type = &input}, {0}};
static const struct graphql_type object;
static const struct graphql_field object_fields[] = {
    {.name = "someText", .kind = GRAPHQL_TYPE_STRING},
    {.name = "given", .kind = GRAPHQL_TYPE_OBJECT, .list = true, .type = &object},
    {.name = "number", .kind = GRAPHQL_TYPE_FLOAT},
    {.name = "long", .kind = GRAPHQL_TYPE_LONG},
    {.name = "word", .kind = GRAPHQL_TYPE_ENUM, .type = &word},
    {.name = "deeper", .kind = GRAPHQL_TYPE_OBJECT, .type = &object, .arguments = takes, .resolve = deeper},
    {0}};
static const struct graphql_type object = {.name = "Thing", .fields = object_fields};
static const struct graphql_type *const objects[] = {&object, NULL};
static const struct graphql_type *const inputs[] = {&input, NULL};
static const struct graphql_type *const enums[] = {&word, NULL};
static const struct graphql_schema schema = {
    .query = &object, .mutation = &object, .objects = objects, .inputs = inputs, .enums = enums};

static void answer(struct str query, const struct json *variables, struct arena *arena)
{
    struct graphql_request request = {.query = query, .variables = variables};
    struct json data, errors;
    struct err err = {0};
    if (graphql_answer(&schema, &request, arena, arena, &data, &errors, &err) < 0) {
        check(err.code == ERR_INPUT && str_starts(str_from(err.message), STR("Syntax Error: ")));
        return;
    }
    check(data.type == JSON_OBJECT || (data.type == JSON_NULL && errors.u.array.count > 0));
    struct json again;
    check(json_read(json_text(arena, &data), (struct json_limits){0}, arena, &again, NULL) == 0);
    for (size_t i = 0; i < errors.u.array.count; i++) {
        check(errors.u.array.items[i].type == JSON_STRING && errors.u.array.items[i].u.string.n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    struct str rest = {arena_dup(arena, size == 0 ? (const void *)"" : bytes, size), size};
    struct str query = {0};
    struct json variables;
    (void)str_cut(&rest, '\0', &query);
    bool given = rest.n > 0 && json_read(rest, (struct json_limits){0}, arena, &variables, NULL) == 0 &&
                 variables.type == JSON_OBJECT;
    if (utf8_valid(query)) {
        answer(query, given ? &variables : NULL, arena);
    }
    arena_free(arena);
    return 0;
}
