/* SPDX-License-Identifier: Apache-2.0
 * Fields that would have one name in the answer (GraphQL, October 2021, 5.3.2). All types are objects, so two fields
 * of one name are of one type, and are the same when their names and arguments are.
 */
#include "api/graphql/check.h"
#include "api/graphql/collect.h"
#include "api/graphql/input.h"

static bool same_arguments(struct graphql_check *check, const struct graphql_arguments *a,
                           const struct graphql_arguments *b)
{
    for (size_t i = 0; i < a->count; i++) {
        size_t j = 0;
        while (j < b->count && !str_eq(a->all[i].name, b->all[j].name)) {
            j++;
        }
        if (j == b->count || !str_eq(graphql_value_text(&a->all[i].value, check->arena),
                                     graphql_value_text(&b->all[j].value, check->arena))) {
            return false;
        }
    }
    return a->count == b->count;
}

/* False when they differ. */
static bool check_pair(struct graphql_check *check, struct str name, const struct graphql_selection *first,
                       const struct graphql_selection *other)
{
    static const char advice[] =
        "Use different aliases on the fields to fetch both if this was intentional.";
    if (!str_eq(first->name, other->name)) {
        graphql_report(check, "Fields '%.*s' conflict because '%.*s' and '%.*s' are different fields. %s",
                       STR_ARG(name), STR_ARG(first->name), STR_ARG(other->name), advice);
        return false;
    }
    if (first != other && !same_arguments(check, &first->arguments, &other->arguments)) {
        graphql_report(check, "Fields '%.*s' conflict because they have differing arguments. %s", STR_ARG(name),
                       advice);
        return false;
    }
    return true;
}

static void check_groups(struct graphql_check *check, const struct graphql_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct graphql_group *group = &groups->all[i];
        bool same = true;
        for (size_t j = 1; j < group->count && same; j++) {
            same = check_pair(check, group->name, group->fields[0], group->fields[j]);
        }
        struct graphql_groups below = graphql_collect(check->document, group, NULL, check->arena);
        if (same && below.count > 0) {
            check_groups(check, &below);
        }
    }
}

void graphql_check_overlap(struct graphql_check *check, const struct graphql_definition *operation)
{
    struct graphql_groups groups = graphql_collect_root(check->document, operation, NULL, check->arena);
    check_groups(check, &groups);
}
