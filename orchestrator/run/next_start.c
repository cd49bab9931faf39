/* SPDX-License-Identifier: Apache-2.0 */
#include "run/next_start.h"

#include "base/mem.h"

#include <stdlib.h>

/* Below 0 when `a` comes first. */
static int by_turn(const struct starter *a, const struct starter *b)
{
    bool a_due = a->overtaken >= OVERTAKEN_MAX;
    bool b_due = b->overtaken >= OVERTAKEN_MAX;
    const int64_t keys[][2] = {
        {b->priority, a->priority},           {a_due ? 0 : 1, b_due ? 0 : 1},
        {a->pipeline_held, b->pipeline_held}, {a->pipeline_turn, b->pipeline_turn},
        {a->root_held, b->root_held},         {a->root_turn, b->root_turn},
        {a->run_turn, b->run_turn},           {a->arrived, b->arrived},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static int by_turn_of(const void *a, const void *b)
{
    const struct starter *const *one = a;
    const struct starter *const *other = b;
    int order = by_turn(*one, *other);
    return order != 0 ? order : *one < *other ? -1 : 1;
}

/* As sorting them would put it; -1: there is none. */
static ptrdiff_t first_of(const struct starter *starters, size_t count)
{
    ptrdiff_t first = count == 0 ? -1 : 0;
    for (size_t i = 1; i < count; i++) {
        first = by_turn(&starters[i], &starters[first]) < 0 ? (ptrdiff_t)i : first;
    }
    return first;
}

static int64_t asked(const struct starter *starter, const struct stock *stock)
{
    for (size_t i = 0; i < starter->ask_count; i++) {
        if (str_eq(starter->asks[i].name, stock->of.name)) {
            return starter->asks[i].amount;
        }
    }
    return 0;
}

static bool lacks(const struct starter *starter, const struct stock *stocks, size_t at, int64_t kept)
{
    int64_t amount = asked(starter, &stocks[at]);
    return amount > 0 && stocks[at].used + kept + amount > stocks[at].of.amount;
}

static bool is_known(const struct starter *starter, const struct stock *stocks, size_t stock_count)
{
    for (size_t i = 0; i < starter->ask_count; i++) {
        bool known = false;
        for (size_t k = 1; !known && k < stock_count; k++) {
            known = str_eq(stocks[k].of.name, starter->asks[i].name);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct starter *starter, const struct stock *stocks, size_t stock_count, const int64_t *kept)
{
    for (size_t k = 1; k < stock_count; k++) {
        if (lacks(starter, stocks, k, kept[k])) {
            return false;
        }
    }
    return is_known(starter, stocks, stock_count);
}

/* All that it asks for but the slot: slots come free one by one, and it is the first to get one. */
static void keep_for(const struct starter *starter, const struct stock *stocks, size_t stock_count, int64_t *kept)
{
    for (size_t k = 1; k < stock_count; k++) {
        kept[k] += asked(starter, &stocks[k]);
    }
}

static void note_passed(struct starter *starter, const struct starter *chosen, const struct stock *stocks,
                        size_t stock_count)
{
    for (size_t k = 1; k < stock_count && !starter->passed; k++) {
        starter->passed = lacks(starter, stocks, k, 0) && asked(chosen, &stocks[k]) > 0;
    }
}

ptrdiff_t next_start(struct starter *starters, size_t count, const struct stock *stocks, size_t stock_count)
{
    struct starter **order = mem_array(count, sizeof *order);
    int64_t *kept = mem_array(stock_count, sizeof *kept);
    ptrdiff_t chosen = -1;
    for (size_t i = 0; i < count; i++) {
        starters[i].passed = false;
        order[i] = &starters[i];
    }
    ptrdiff_t first = first_of(starters, count);
    if (first < 0 || fits(&starters[first], stocks, stock_count, kept)) {
        chosen = first; /* mostly: whoever is first may start, and nobody is passed */
        count = 0;
    }
    qsort(order, count, sizeof *order, by_turn_of);
    for (size_t i = 0; i < count && chosen < 0; i++) {
        if (fits(order[i], stocks, stock_count, kept)) {
            chosen = order[i] - starters;
            for (size_t k = 0; k < i; k++) {
                note_passed(order[k], order[i], stocks, stock_count);
            }
        } else if (order[i]->overtaken >= OVERTAKEN_MAX && is_known(order[i], stocks, stock_count)) {
            keep_for(order[i], stocks, stock_count, kept);
        }
    }
    free(kept);
    free(order);
    return chosen;
}
