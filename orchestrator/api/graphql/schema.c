/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/schema.h"

static const char *const scalars[] = {[GRAPHQL_TYPE_STRING] = "String", [GRAPHQL_TYPE_INT] = "Int",
                                      [GRAPHQL_TYPE_FLOAT] = "Float",   [GRAPHQL_TYPE_BOOL] = "Boolean",
                                      [GRAPHQL_TYPE_LONG] = "LongString"};

#define WHEREVER (GRAPHQL_ON_FIELD | GRAPHQL_ON_SPREAD | GRAPHQL_ON_INLINE)

const struct graphql_directive_rule graphql_directive_rules[] = {
    {"skip", WHEREVER, {.name = "if", .kind = GRAPHQL_TYPE_BOOL, .required = true}},
    {"include", WHEREVER, {.name = "if", .kind = GRAPHQL_TYPE_BOOL, .required = true}},
    {"component",
     GRAPHQL_ON_QUERY | GRAPHQL_ON_MUTATION,
     {.name = "name", .kind = GRAPHQL_TYPE_STRING, .required = true}},
    {0},
};

const struct graphql_field *graphql_field_of(const struct graphql_field *fields, struct str name)
{
    for (const struct graphql_field *field = fields; field != NULL && field->name != NULL; field++) {
        if (str_is(name, field->name)) {
            return field;
        }
    }
    return NULL;
}

const struct graphql_type *graphql_type_of(const struct graphql_type *const *types, struct str name)
{
    for (; *types != NULL; types++) {
        if (str_is(name, (*types)->name)) {
            return *types;
        }
    }
    return NULL;
}

const struct graphql_directive_rule *graphql_directive_rule_of(struct str name)
{
    for (const struct graphql_directive_rule *rule = graphql_directive_rules; rule->name != NULL; rule++) {
        if (str_is(name, rule->name)) {
            return rule;
        }
    }
    return NULL;
}

const char *graphql_type_text(const struct graphql_field *field, struct arena *arena)
{
    const char *name = field->type != NULL ? field->type->name : scalars[field->kind];
    return arena_printf(arena, "%s%s%s%s", field->list ? "[" : "", name, field->list ? "]" : "",
                        field->required ? "!" : "");
}

const char *graphql_ref_text(const struct graphql_type_ref *ref, struct arena *arena)
{
    const char *inner = ref->inner == NULL ? arena_str(arena, ref->name).p
                                           : arena_printf(arena, "[%s]", graphql_ref_text(ref->inner, arena));
    return ref->required ? arena_printf(arena, "%s!", inner) : inner;
}

struct str graphql_ref_name(const struct graphql_type_ref *ref)
{
    while (ref->inner != NULL) {
        ref = ref->inner;
    }
    return ref->name;
}

bool graphql_input_of(const struct graphql_schema *schema, const struct graphql_type_ref *ref,
                      struct graphql_field *ret)
{
    const struct graphql_type_ref *named = ref->inner == NULL ? ref : ref->inner;
    *ret = (struct graphql_field){.list = ref->inner != NULL, .required = ref->required};
    if (named->inner != NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        if (str_is(named->name, scalars[i])) {
            ret->kind = (enum graphql_type_kind)i;
            return true;
        }
    }
    const struct graphql_type *input = graphql_type_of(schema->inputs, named->name);
    const struct graphql_type *words = graphql_type_of(schema->enums, named->name);
    ret->kind = input != NULL ? GRAPHQL_TYPE_INPUT : GRAPHQL_TYPE_ENUM;
    ret->type = input != NULL ? input : words;
    return ret->type != NULL;
}
