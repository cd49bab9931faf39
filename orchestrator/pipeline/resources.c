/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/resources.h"

#include "base/parse.h"
#include "pipeline/load.h"

#include <math.h>
#include <stdlib.h>

enum { CORE = 1000, PIECES_MAX = 1000000, MEMORY_MIN = 1 << 20 /* no process fits into less */ };

static bool load_cores(struct loader *loader, const struct yaml_node *node, const char *what, int64_t *ret_amount)
{
    double cores = 0;
    if (!load_expect(loader, node, TAKES_NUMBER, what) || !load_number(loader, node, &cores)) {
        return false;
    }
    double amount = cores * CORE;
    if (!(amount >= 0) || amount > (double)PIECES_MAX * CORE || fabs(amount - round(amount)) > 1e-6) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected a number from 0 to %d with at most three decimals, "
                   "found %.*s", what, PIECES_MAX, STR_ARG(node->text));
        return false;
    }
    *ret_amount = (int64_t)llround(amount);
    return true;
}

static bool load_memory(struct loader *loader, const struct yaml_node *node, const char *what, int64_t *ret_amount)
{
    int64_t bytes = 0;
    struct err err = {0};
    if (!load_expect(loader, node, TAKES_NUMBER | TAKES_TEXT, what)) {
        return false;
    }
    if (parse_size_of_much(node->text, &bytes, &err) < 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: %s", what, err.message);
        return false;
    }
    if (bytes > 0 && bytes < MEMORY_MIN) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected 1M or more, found '%.*s'", what, STR_ARG(node->text));
        return false;
    }
    *ret_amount = bytes;
    return true;
}

bool resource_load(struct loader *loader, const struct yaml_node *node, struct str name, int64_t *ret_amount)
{
    const char *what = arena_printf(loader->arena, "resource '%.*s'", STR_ARG(name));
    double number = 0;
    if (str_is(name, RESOURCE_CPU)) {
        return load_cores(loader, node, what, ret_amount);
    }
    if (str_is(name, RESOURCE_MEMORY)) {
        return load_memory(loader, node, what, ret_amount);
    }
    if (!load_expect(loader, node, TAKES_NUMBER, what) || !load_number(loader, node, &number)) {
        return false;
    }
    if (!(number >= 0) || number > PIECES_MAX || number != floor(number)) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected a whole number from 0 to %d, found %.*s", what,
                   PIECES_MAX, STR_ARG(node->text));
        return false;
    }
    *ret_amount = (int64_t)number;
    return true;
}

const char *resource_words(struct str name, int64_t amount, struct arena *arena)
{
    char size[40];
    if (str_is(name, RESOURCE_MEMORY)) {
        format_size(size, sizeof size, amount);
        return arena_strdup(arena, size);
    }
    return str_is(name, RESOURCE_CPU) ? arena_printf(arena, "%g", (double)amount / CORE)
                                      : arena_printf(arena, "%lld", (long long)amount);
}

const struct resource_supply *resource_find(const struct resource_supply *supply, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(supply[i].name, name)) {
            return &supply[i];
        }
    }
    return NULL;
}

static const char *unknown_problem(const struct resource_ask *ask, const struct resource_supply *supply, size_t count,
                                   struct arena *arena)
{
    struct str *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = supply[i].name;
    }
    ptrdiff_t near = str_nearest(ask->name, names, count);
    const char *hint = near < 0 ? "name it in 'pools' of config.yaml"
                                : arena_printf(arena, "did you mean '%.*s'?", STR_ARG(names[near]));
    return arena_printf(arena, "asks for '%.*s': there is no such pool in this home (%s)", STR_ARG(ask->name), hint);
}

const char *resource_problem(const struct resource_ask *ask, const struct resource_supply *supply, size_t count,
                             struct arena *arena)
{
    const struct resource_supply *found = resource_find(supply, count, ask->name);
    if (found == NULL) {
        return unknown_problem(ask, supply, count, arena);
    }
    if (ask->amount <= found->amount) {
        return NULL;
    }
    bool pool = !str_is(ask->name, RESOURCE_CPU) && !str_is(ask->name, RESOURCE_MEMORY) &&
                !str_is(ask->name, RESOURCE_GPU);
    return arena_printf(arena, "asks for %.*s %s: this home has %s ('%s' in config.yaml)", STR_ARG(ask->name),
                        resource_words(ask->name, ask->amount, arena),
                        resource_words(ask->name, found->amount, arena), pool ? "pools" : "resources");
}

int resource_asks_compare(const struct resource_ask *a, size_t a_count, const struct resource_ask *b, size_t b_count)
{
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        int names = str_cmp(a[i].name, b[i].name);
        if (names != 0) {
            return names;
        }
        if (a[i].amount != b[i].amount) {
            return a[i].amount < b[i].amount ? -1 : 1;
        }
    }
    return a_count == b_count ? 0 : a_count < b_count ? -1 : 1;
}

static int by_name(const void *a, const void *b)
{
    const struct resource_ask *one = a;
    const struct resource_ask *other = b;
    return str_cmp(one->name, other->name);
}

void load_asks(struct loader *loader, const struct yaml_node *node, const struct resource_ask **ret, size_t *ret_count)
{
    const struct pipeline_world *world = loader->world;
    struct resource_ask *asks = arena_array(loader->arena, node->count, sizeof *asks);
    size_t count = 0;
    for (size_t i = 0; load_few(loader, node, "'resources'") && i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        struct resource_ask ask = {.name = pair->key.text, .pos = pair->key.pos};
        if (!resource_load(loader, &pair->value, ask.name, &ask.amount) || ask.amount == 0) {
            continue;
        }
        const char *problem = world->supply == NULL
                                  ? NULL
                                  : resource_problem(&ask, world->supply, world->supply_count, loader->arena);
        if (problem != NULL) {
            load_error(loader, &pair->key, DIAG_VALUE, NULL, "the step %s", problem);
        }
        asks[count++] = ask;
    }
    if (count > 1) {
        qsort(asks, count, sizeof *asks, by_name);
    }
    *ret = asks;
    *ret_count = count;
}
