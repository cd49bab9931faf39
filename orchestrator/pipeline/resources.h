/* SPDX-License-Identifier: Apache-2.0
 * What steps ask for and a home has: cores, memory, devices, and slots of pools that config.yaml names.
 *
 * Amounts are whole numbers: thousandths of cores for `cpu`, bytes for `memory`, pieces for everything else.
 */
#ifndef SLUICE_PIPELINE_RESOURCES_H
#define SLUICE_PIPELINE_RESOURCES_H

#include "base/arena.h"
#include "base/str.h"
#include "pipeline/diag.h"

#include <stdbool.h>
#include <stdint.h>

struct loader;
struct yaml_node;

#define RESOURCE_SLOT "slot"     /* every step that is a process takes one: --jobs */
#define RESOURCE_CPU "cpu"
#define RESOURCE_MEMORY "memory"
#define RESOURCE_GPU "gpu"

struct resource_ask {
    struct str name;
    int64_t amount; /* more than 0 */
    struct pos pos;
};

/* What a home has of a resource. */
struct resource_supply {
    struct str name;
    int64_t amount;
    const struct str *devices; /* of gpu: as CUDA_VISIBLE_DEVICES names them, `amount` of them; else NULL */
};

/* Reads an amount of the resource from a file: cores with at most three decimals, a size, or a whole number. Reports
 * and returns false when it is none. */
bool resource_load(struct loader *loader, const struct yaml_node *node, struct str name, int64_t *ret_amount);
/* The `resources` of a step, those of amount 0 left out; when the world knows what there is, what asks for more is an
 * error. */
void load_asks(struct loader *loader, const struct yaml_node *node, const struct resource_ask **ret, size_t *ret_count);
/* "1.5", "8 GB", "2". */
const char *resource_words(struct str name, int64_t amount, struct arena *arena);
/* Why the ask can never be met ("asks for gpu 2: there is 1"), or NULL. */
const char *resource_problem(const struct resource_ask *ask, const struct resource_supply *supply, size_t count,
                             struct arena *arena);
/* The resource of this name, or NULL. */
const struct resource_supply *resource_find(const struct resource_supply *supply, size_t count, struct str name);
/* Order of two lists of asks, each sorted by name; 0 when they ask for the same. */
int resource_asks_compare(const struct resource_ask *a, size_t a_count, const struct resource_ask *b, size_t b_count);

#endif
