/* SPDX-License-Identifier: Apache-2.0
 * The distinct class names of a data set, in order, and the number of each.
 */
#ifndef SLUICE_EVALUATE_CLASSES_H
#define SLUICE_EVALUATE_CLASSES_H

#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLASSES_NONE SIZE_MAX

struct classes {
    const char **names;
    size_t count;
    size_t max;
    bool numeric; /* known once settled: all names are numbers, and compare as numbers */
};

struct classes classes_new(struct scratch *scratch, size_t max);
/* Adds a name that is not there yet; it is borrowed. -1 when there are `max` already. */
int classes_add(struct classes *classes, const char *name);
/* Puts them in their final order: numbers by value, where equal ones become one (the shortest text
 * stays: "1" of "1" and "1.0"), anything else by bytes. Call again after a later classes_add(). */
void classes_settle(struct scratch *scratch, struct classes *classes);
/* The number of a name once settled, or CLASSES_NONE. */
size_t classes_find(const struct classes *classes, const char *name);

#endif
