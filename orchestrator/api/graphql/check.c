/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/check.h"

void graphql_report(struct graphql_check *check, const char *format, ...)
{
    va_list args;
    if (check->errors.u.array.count >= GRAPHQL_ERRORS_MAX) {
        return;
    }
    va_start(args, format);
    const char *text = arena_vprintf(check->arena, format, args);
    va_end(args);
    json_push(check->arena, &check->errors, json_cstring(check->arena, text));
}

const char *graphql_guess(struct graphql_check *check, const struct graphql_field *fields, struct str name)
{
    size_t count = 0;
    while (fields != NULL && fields[count].name != NULL) {
        count++;
    }
    struct str *names = arena_array(check->arena, count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(fields[i].name);
    }
    ptrdiff_t nearest = str_nearest(name, names, count);
    return nearest < 0 ? "" : arena_printf(check->arena, " Did you mean '%s'?", fields[nearest].name);
}

const struct graphql_type *graphql_root_of(const struct graphql_schema *schema,
                                           const struct graphql_definition *definition)
{
    switch (definition->kind) {
    case GRAPHQL_QUERY:
        return schema->query;
    case GRAPHQL_MUTATION:
        return schema->mutation;
    case GRAPHQL_FRAGMENT:
        return graphql_type_of(schema->objects, definition->on);
    case GRAPHQL_SUBSCRIPTION:
        break;
    }
    return NULL;
}

/* ---- names and fragments ---------------------------------------------------------------------------------------- */

static void check_names(struct graphql_check *check)
{
    size_t operations = 0;
    for (size_t i = 0; i < check->document->count; i++) {
        operations += check->document->definitions[i].kind != GRAPHQL_FRAGMENT;
    }
    for (size_t i = 0; i < check->document->count; i++) {
        const struct graphql_definition *one = &check->document->definitions[i];
        bool fragment = one->kind == GRAPHQL_FRAGMENT;
        if (one->name.n == 0 && operations > 1) {
            graphql_report(check, "This anonymous operation must be the only defined operation.");
        }
        for (size_t j = 0; j < i && one->name.n > 0; j++) {
            const struct graphql_definition *before = &check->document->definitions[j];
            if (str_eq(before->name, one->name) && (before->kind == GRAPHQL_FRAGMENT) == fragment) {
                graphql_report(check, "There can be only one %s named '%.*s'.", fragment ? "fragment" : "operation",
                               STR_ARG(one->name));
                break;
            }
        }
    }
}

/* How far each fragment has been followed. */
enum state { NEW, OPEN, DONE };

static void follow(struct graphql_check *check, unsigned char *states, const struct graphql_selections *selections);

static void follow_definition(struct graphql_check *check, unsigned char *states, const struct graphql_definition *one)
{
    size_t index = (size_t)(one - check->document->definitions);
    if (states[index] == OPEN) {
        graphql_report(check, "Cannot spread fragment '%.*s' within itself.", STR_ARG(one->name));
    }
    if (states[index] == NEW) {
        states[index] = OPEN;
        follow(check, states, &one->selections);
        states[index] = DONE;
    }
}

static void follow(struct graphql_check *check, unsigned char *states, const struct graphql_selections *selections)
{
    for (size_t i = 0; i < selections->count; i++) {
        const struct graphql_selection *one = &selections->all[i];
        if (one->kind == GRAPHQL_SPREAD && one->fragment != NULL) {
            follow_definition(check, states, one->fragment);
        }
        follow(check, states, &one->selections);
    }
}

/* Fragments that spread themselves, and those that nothing spreads. True when none spreads itself: the rest of the
 * check and the execution go where spreads lead. */
static bool check_spreads(struct graphql_check *check)
{
    const struct graphql_document *document = check->document;
    unsigned char *states = arena_array(check->arena, document->count, 1);
    size_t before = check->errors.u.array.count;
    for (size_t i = 0; i < document->count; i++) {
        if (document->definitions[i].kind != GRAPHQL_FRAGMENT) {
            follow(check, states, &document->definitions[i].selections);
        }
    }
    for (size_t i = 0; i < document->count; i++) {
        const struct graphql_definition *one = &document->definitions[i];
        if (one->kind == GRAPHQL_FRAGMENT && states[i] == NEW) {
            follow_definition(check, states, one);
            graphql_report(check, "Fragment '%.*s' is never used.", STR_ARG(one->name));
        }
    }
    for (size_t i = before; i < check->errors.u.array.count; i++) {
        if (str_starts(check->errors.u.array.items[i].u.string, STR("Cannot spread"))) {
            return false;
        }
    }
    return true;
}

/* ---- selections ------------------------------------------------------------------------------------------------- */

static void check_selections(struct graphql_check *check, const struct graphql_type *type,
                             const struct graphql_selections *selections);

static void check_field(struct graphql_check *check, const struct graphql_type *type,
                        const struct graphql_selection *one)
{
    static const struct graphql_field typename = {.name = "__typename", .kind = GRAPHQL_TYPE_STRING};
    const struct graphql_field *field = graphql_field_of(type->fields, one->name);
    if (field == NULL && str_is(one->name, typename.name)) {
        field = &typename;
    }
    graphql_check_directives(check, &one->directives, GRAPHQL_ON_FIELD);
    if (field == NULL) {
        graphql_report(check, "Cannot query field '%.*s' on type '%s'.%s", STR_ARG(one->name), type->name,
                       graphql_guess(check, type->fields, one->name));
        return;
    }
    graphql_check_arguments(check, field->arguments, &one->arguments, false,
                            arena_printf(check->arena, "%s.%s", type->name, field->name));
    const char *type_text = graphql_type_text(field, check->arena);
    if (field->kind == GRAPHQL_TYPE_OBJECT && one->selections.count == 0) {
        graphql_report(check, "Field '%s' of type '%s' must have a selection of subfields. Did you mean '%s { ... }'?",
                       field->name, type_text, field->name);
    } else if (field->kind == GRAPHQL_TYPE_OBJECT) {
        check_selections(check, field->type, &one->selections);
    } else if (one->selections.count > 0) {
        graphql_report(check, "Field '%s' must not have a selection since type '%s' has no subfields.", field->name,
                       type_text);
    }
}

/* The type that a fragment is on, which can only be the one that it is spread in; NULL when it is not. */
static const struct graphql_type *check_condition(struct graphql_check *check, const char *which, struct str on,
                                                  const struct graphql_type *type)
{
    const struct graphql_type *found = graphql_type_of(check->schema->objects, on);
    if (found != NULL && found != type) {
        graphql_report(check, "Fragment %scannot be spread here as objects of type '%s' can never be of type '%s'.",
                       which, type->name, found->name);
    }
    return found;
}

static void check_type_named(struct graphql_check *check, const char *which, struct str on)
{
    struct graphql_type_ref ref = {.name = on};
    struct graphql_field input;
    if (graphql_type_of(check->schema->objects, on) != NULL) {
        return;
    }
    if (graphql_input_of(check->schema, &ref, &input)) {
        graphql_report(check, "Fragment %scannot condition on non composite type '%.*s'.", which, STR_ARG(on));
    } else {
        graphql_report(check, "Unknown type '%.*s'.", STR_ARG(on));
    }
}

static void check_selections(struct graphql_check *check, const struct graphql_type *type,
                             const struct graphql_selections *selections)
{
    for (size_t i = 0; i < selections->count; i++) {
        const struct graphql_selection *one = &selections->all[i];
        const struct graphql_type *inner = type;
        if (one->kind == GRAPHQL_FIELD) {
            check_field(check, type, one);
            continue;
        }
        graphql_check_directives(check, &one->directives,
                                 one->kind == GRAPHQL_SPREAD ? GRAPHQL_ON_SPREAD : GRAPHQL_ON_INLINE);
        if (one->kind == GRAPHQL_SPREAD) {
            if (one->fragment == NULL) {
                graphql_report(check, "Unknown fragment '%.*s'.", STR_ARG(one->name));
            } else {
                (void)check_condition(check, arena_printf(check->arena, "'%.*s' ", STR_ARG(one->name)),
                                      one->fragment->on, type);
            }
            continue;
        }
        if (one->name.n > 0) {
            check_type_named(check, "", one->name);
            inner = check_condition(check, "", one->name, type);
        }
        if (inner != NULL) {
            check_selections(check, inner, &one->selections);
        }
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void check_definition(struct graphql_check *check, const struct graphql_definition *one)
{
    static const unsigned places[] = {GRAPHQL_ON_QUERY, GRAPHQL_ON_MUTATION, GRAPHQL_ON_SUBSCRIPTION,
                                      GRAPHQL_ON_FRAGMENT};
    if (one->kind == GRAPHQL_FRAGMENT) {
        check_type_named(check, arena_printf(check->arena, "'%.*s' ", STR_ARG(one->name)), one->on);
    }
    graphql_check_directives(check, &one->directives, places[one->kind]);
    const struct graphql_type *type = graphql_root_of(check->schema, one);
    if (type != NULL) {
        check_selections(check, type, &one->selections);
    }
}

void graphql_check(const struct graphql_document *document, const struct graphql_schema *schema, struct arena *arena,
                   struct json *ret_errors)
{
    struct graphql_check check = {
        .document = document, .schema = schema, .arena = arena, .errors = json_array()};
    check_names(&check);
    bool ends = check_spreads(&check);
    for (size_t i = 0; i < document->count; i++) {
        check_definition(&check, &document->definitions[i]);
    }
    for (size_t i = 0; i < document->count && ends; i++) {
        if (document->definitions[i].kind != GRAPHQL_FRAGMENT) {
            graphql_check_variables(&check, &document->definitions[i]);
            graphql_check_overlap(&check, &document->definitions[i]);
        }
    }
    *ret_errors = check.errors;
}
