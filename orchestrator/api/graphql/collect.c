/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/collect.h"

#include "api/graphql/input.h"

struct collecting {
    const struct graphql_document *document;
    const struct json *variables;
    struct arena *arena;
    bool *spread; /* of each definition, whether it has been */
    struct graphql_groups groups;
};

static bool says(const struct collecting *c, const struct graphql_directives *directives, const char *name,
                 bool otherwise)
{
    for (size_t i = 0; i < directives->count; i++) {
        struct json value;
        if (str_is(directives->all[i].name, name) && directives->all[i].arguments.count > 0 &&
            graphql_value_json(&graphql_directive_rule_of(directives->all[i].name)->argument,
                               &directives->all[i].arguments.all[0].value, c->variables, c->arena, &value)) {
            return value.type == JSON_BOOL && value.u.boolean;
        }
    }
    return otherwise;
}

static bool is_left_out(const struct collecting *c, const struct graphql_directives *directives)
{
    return c->variables != NULL && (says(c, directives, "skip", false) || !says(c, directives, "include", true));
}

static void add_field(struct collecting *c, const struct graphql_selection *field)
{
    struct str name = graphql_response_name(field);
    struct graphql_groups *groups = &c->groups;
    size_t i = 0;
    while (i < groups->count && !str_eq(groups->all[i].name, name)) {
        i++;
    }
    if (i == groups->count) {
        groups->all = arena_grow(c->arena, groups->all, groups->count, &groups->room, sizeof *groups->all);
        groups->all[groups->count++] = (struct graphql_group){.name = name};
    }
    struct graphql_group *group = &groups->all[i];
    group->fields = arena_grow(c->arena, group->fields, group->count, &group->room, sizeof(void *));
    group->fields[group->count++] = field;
}

static void add_set(struct collecting *c, const struct graphql_selections *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct graphql_selection *one = &set->all[i];
        if (is_left_out(c, &one->directives)) {
            continue;
        }
        if (one->kind == GRAPHQL_FIELD) {
            add_field(c, one);
        } else if (one->kind == GRAPHQL_INLINE) {
            add_set(c, &one->selections);
        } else if (one->fragment != NULL) {
            size_t index = (size_t)(one->fragment - c->document->definitions);
            if (!c->spread[index]) {
                c->spread[index] = true;
                add_set(c, &one->fragment->selections);
            }
        }
    }
}

static struct collecting begin(const struct graphql_document *document, const struct json *variables,
                               struct arena *arena)
{
    return (struct collecting){.document = document,
                               .variables = variables,
                               .arena = arena,
                               .spread = arena_array(arena, document->count, 1)};
}

struct graphql_groups graphql_collect_root(const struct graphql_document *document,
                                           const struct graphql_definition *operation, const struct json *variables,
                                           struct arena *arena)
{
    struct collecting c = begin(document, variables, arena);
    add_set(&c, &operation->selections);
    return c.groups;
}

struct graphql_groups graphql_collect(const struct graphql_document *document, const struct graphql_group *group,
                                      const struct json *variables, struct arena *arena)
{
    struct collecting c = begin(document, variables, arena);
    for (size_t i = 0; i < group->count; i++) {
        add_set(&c, &group->fields[i]->selections);
    }
    return c.groups;
}
