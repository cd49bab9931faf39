/* SPDX-License-Identifier: Apache-2.0
 * The variables of an operation, and where it and the fragments that it spreads use them.
 */
#include "api/graphql/check.h"

struct uses {
    struct graphql_check *check;
    const struct graphql_definition *operation;
    bool *used; /* of each variable */
    bool *seen; /* of each definition of the document */
};

static const char *within(const struct uses *uses, const char *words)
{
    return uses->operation->name.n == 0
               ? ""
               : arena_printf(uses->check->arena, " %s '%.*s'", words, STR_ARG(uses->operation->name));
}

static void report_undefined(const struct uses *uses, struct str name)
{
    graphql_report(uses->check, "Variable '$%.*s' is not defined%s.", STR_ARG(name), within(uses, "by operation"));
}

/* A variable where `type` is expected: of the same type, a list where a list is, never null where that is not taken. */
static void check_position(const struct uses *uses, const struct graphql_variable *variable,
                           const struct graphql_field *type)
{
    struct arena *arena = uses->check->arena;
    struct graphql_field given;
    if (!graphql_input_of(uses->check->schema, &variable->type, &given)) {
        if (variable->type.inner == NULL || variable->type.inner->inner == NULL) {
            return; /* its type is not known, which is told */
        }
        given.kind = GRAPHQL_TYPE_OBJECT;
    }
    bool filled = variable->otherwise != NULL && variable->otherwise->kind != GRAPHQL_VALUE_NULL;
    bool fits = given.kind == type->kind && given.type == type->type && given.list == type->list &&
                (given.required || !type->required || filled);
    if (!fits) {
        graphql_report(uses->check, "Variable '$%.*s' of type '%s' used in position expecting type '%s'.",
                       STR_ARG(variable->name), graphql_ref_text(&variable->type, arena),
                       graphql_type_text(type, arena));
    }
}

static void use_variable(struct uses *uses, struct str name, const struct graphql_field *type)
{
    bool found = false;
    for (size_t i = 0; i < uses->operation->variable_count; i++) {
        if (!str_eq(uses->operation->variables[i].name, name)) {
            continue;
        }
        uses->used[i] = true;
        if (!found && type != NULL) {
            check_position(uses, &uses->operation->variables[i], type);
        }
        found = true;
    }
    if (!found) {
        report_undefined(uses, name);
    }
}

/* `type` is NULL where it is not known. */
static void walk_value(struct uses *uses, const struct graphql_field *type, const struct graphql_value *value)
{
    struct graphql_field item;
    if (value->kind == GRAPHQL_VALUE_VARIABLE) {
        use_variable(uses, value->text, type);
    }
    if (type != NULL) {
        item = *type;
        item.list = item.required = false;
    }
    for (size_t i = 0; i < value->count; i++) {
        if (value->kind == GRAPHQL_VALUE_LIST) {
            walk_value(uses, type == NULL ? NULL : &item, &value->items[i]);
        } else {
            const struct graphql_field *fields =
                type != NULL && type->kind == GRAPHQL_TYPE_INPUT ? type->type->fields : NULL;
            walk_value(uses, graphql_field_of(fields, value->fields[i].name), &value->fields[i].value);
        }
    }
}

static void walk_arguments(struct uses *uses, const struct graphql_field *takes, const struct graphql_arguments *given)
{
    for (size_t i = 0; i < given->count; i++) {
        walk_value(uses, graphql_field_of(takes, given->all[i].name), &given->all[i].value);
    }
}

static void walk_directives(struct uses *uses, const struct graphql_directives *directives)
{
    for (size_t i = 0; i < directives->count; i++) {
        const struct graphql_directive_rule *rule = graphql_directive_rule_of(directives->all[i].name);
        const struct graphql_field takes[] = {rule == NULL ? (struct graphql_field){0} : rule->argument, {0}};
        walk_arguments(uses, takes, &directives->all[i].arguments);
    }
}

static void walk_selections(struct uses *uses, const struct graphql_type *type,
                            const struct graphql_selections *selections)
{
    const struct graphql_schema *schema = uses->check->schema;
    for (size_t i = 0; i < selections->count; i++) {
        const struct graphql_selection *one = &selections->all[i];
        walk_directives(uses, &one->directives);
        if (one->kind == GRAPHQL_FIELD) {
            const struct graphql_field *field = type == NULL ? NULL : graphql_field_of(type->fields, one->name);
            bool below = field != NULL && field->kind == GRAPHQL_TYPE_OBJECT;
            walk_arguments(uses, field == NULL ? NULL : field->arguments, &one->arguments);
            walk_selections(uses, below ? field->type : NULL, &one->selections);
        } else if (one->kind == GRAPHQL_INLINE) {
            walk_selections(uses, one->name.n == 0 ? type : graphql_type_of(schema->objects, one->name),
                            &one->selections);
        } else if (one->fragment != NULL) {
            size_t index = (size_t)(one->fragment - uses->check->document->definitions);
            if (!uses->seen[index]) {
                uses->seen[index] = true;
                walk_directives(uses, &one->fragment->directives);
                walk_selections(uses, graphql_root_of(schema, one->fragment), &one->fragment->selections);
            }
        }
    }
}

static void check_declared(struct graphql_check *check, const struct graphql_definition *operation, size_t index)
{
    const struct graphql_variable *variable = &operation->variables[index];
    struct str type = graphql_ref_name(&variable->type);
    struct graphql_type_ref named = {.name = type};
    struct graphql_field input;
    for (size_t j = 0; j < index; j++) {
        if (str_eq(operation->variables[j].name, variable->name)) {
            graphql_report(check, "There can be only one variable named '$%.*s'.", STR_ARG(variable->name));
            break;
        }
    }
    graphql_check_directives(check, &variable->directives, GRAPHQL_ON_VARIABLE);
    if (graphql_input_of(check->schema, &named, &input)) {
        if (variable->otherwise != NULL && graphql_input_of(check->schema, &variable->type, &input)) {
            graphql_check_value(check, &input, variable->otherwise);
        }
    } else if (graphql_type_of(check->schema->objects, type) != NULL) {
        graphql_report(check, "Variable '$%.*s' cannot be non-input type '%s'.", STR_ARG(variable->name),
                       graphql_ref_text(&variable->type, check->arena));
    } else {
        graphql_report(check, "Unknown type '%.*s'.", STR_ARG(type));
    }
}

void graphql_check_variables(struct graphql_check *check, const struct graphql_definition *operation)
{
    struct uses uses = {
        .check = check,
        .operation = operation,
        .used = arena_array(check->arena, operation->variable_count + 1, 1),
        .seen = arena_array(check->arena, check->document->count, 1),
    };
    for (size_t i = 0; i < operation->variable_count; i++) {
        check_declared(check, operation, i);
    }
    walk_directives(&uses, &operation->directives);
    walk_selections(&uses, graphql_root_of(check->schema, operation), &operation->selections);
    for (size_t i = 0; i < operation->variable_count; i++) {
        if (!uses.used[i]) {
            graphql_report(check, "Variable '$%.*s' is never used%s.", STR_ARG(operation->variables[i].name),
                           within(&uses, "in operation"));
        }
    }
}
