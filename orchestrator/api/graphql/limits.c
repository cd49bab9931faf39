/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/limits.h"

/* One set of selections that is still to be looked at. */
struct place {
    const struct graphql_selections *selections;
    int depth;
};

struct scan {
    const struct graphql_document *document;
    struct arena *arena;
    struct place *places; /* a stack */
    size_t count, room;
    bool *spread; /* of each definition, whether it was spread in this set */
    size_t selections, roots, aliases;
};

static void push(struct scan *scan, const struct graphql_selections *selections, int depth)
{
    if (selections->count > 0) {
        scan->places = arena_grow(scan->arena, scan->places, scan->count, &scan->room, sizeof *scan->places);
        scan->places[scan->count++] = (struct place){selections, depth};
    }
}

/* The fields of one set, with those of fragments in it, each fragment once. */
static void scan_set(struct scan *scan, const struct graphql_selections *set, int depth, size_t *aliases)
{
    for (size_t i = 0; i < set->count && scan->selections <= GRAPHQL_SELECTIONS_MAX; i++) {
        const struct graphql_selection *one = &set->all[i];
        if (one->kind == GRAPHQL_FIELD) {
            scan->selections++;
            scan->roots += depth == 1;
            *aliases += one->alias.n > 0;
            push(scan, &one->selections, depth + 1);
        } else if (one->kind == GRAPHQL_INLINE) {
            scan_set(scan, &one->selections, depth, aliases);
        } else {
            const struct graphql_definition *fragment = one->fragment;
            size_t index = fragment == NULL ? 0 : (size_t)(fragment - scan->document->definitions);
            if (fragment != NULL && !scan->spread[index]) {
                scan->spread[index] = true;
                scan_set(scan, &fragment->selections, depth, aliases);
            }
        }
    }
}

static int scan_operation(struct scan *scan, const struct graphql_definition *operation, struct err *err)
{
    push(scan, &operation->selections, 1);
    while (scan->count > 0) {
        struct place place = scan->places[--scan->count];
        size_t aliases = 0;
        if (place.depth > GRAPHQL_DEPTH_MAX) {
            return err_set(err, ERR_LIMIT, "Query exceeds maximum depth of %d", GRAPHQL_DEPTH_MAX);
        }
        memset(scan->spread, 0, scan->document->count);
        scan_set(scan, place.selections, place.depth, &aliases);
        if (scan->selections > GRAPHQL_SELECTIONS_MAX) {
            return err_set(err, ERR_LIMIT, "Query exceeds maximum total selections of %d", GRAPHQL_SELECTIONS_MAX);
        }
        scan->aliases = aliases > scan->aliases ? aliases : scan->aliases;
    }
    return 0;
}

int graphql_check_limits(const struct graphql_document *document, struct arena *arena, struct err *err)
{
    struct scan scan = {.document = document, .arena = arena, .spread = arena_array(arena, document->count, 1)};
    for (size_t i = 0; i < document->count; i++) {
        const struct graphql_definition *one = &document->definitions[i];
        if (one->kind != GRAPHQL_FRAGMENT && scan_operation(&scan, one, err) < 0) {
            return -1;
        }
    }
    if (scan.roots > GRAPHQL_ROOTS_MAX) {
        return err_set(err, ERR_LIMIT, "GraphQL queries should have at most %d root fields, got %zu root fields.",
                       GRAPHQL_ROOTS_MAX, scan.roots);
    }
    return scan.aliases <= GRAPHQL_ALIASES_MAX
               ? 0
               : err_set(err, ERR_LIMIT, "GraphQL queries should have at most %d aliases, got %zu aliases.",
                         GRAPHQL_ALIASES_MAX, scan.aliases);
}
