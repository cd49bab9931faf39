/* SPDX-License-Identifier: Apache-2.0 */
#include "classes.h"

#include "csv.h"

#include <stdlib.h>
#include <string.h>

struct classes classes_new(struct scratch *scratch, size_t max)
{
    struct classes classes = {.max = max};
    classes.names = scratch_array(scratch, max, sizeof *classes.names);
    return classes;
}

/* The first place whose name is not before `name` by bytes. */
static size_t place_of(const struct classes *classes, const char *name)
{
    size_t low = 0;
    size_t high = classes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(classes->names[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int classes_add(struct classes *classes, const char *name)
{
    if (classes->numeric) {
        /* Settled by number before: back to the order that adding relies on. */
        struct classes again = {.names = classes->names, .max = classes->max};
        size_t count = classes->count;
        for (size_t i = 0; i < count; i++) {
            const char *kept = classes->names[i];
            (void)classes_add(&again, kept);
        }
        *classes = again;
    }
    size_t place = place_of(classes, name);
    if (place < classes->count && strcmp(classes->names[place], name) == 0) {
        return 0;
    }
    if (classes->count == classes->max) {
        return -1;
    }
    memmove(&classes->names[place + 1], &classes->names[place], (classes->count - place) * sizeof *classes->names);
    classes->names[place] = name;
    classes->count++;
    return 0;
}

struct numbered {
    double number;
    const char *name;
};

static int compare(const void *a, const void *b)
{
    const struct numbered *x = a;
    const struct numbered *y = b;
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    size_t x_size = strlen(x->name);
    size_t y_size = strlen(y->name);
    if (x_size != y_size) {
        return x_size < y_size ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

void classes_settle(struct scratch *scratch, struct classes *classes)
{
    struct numbered *all = scratch_array(scratch, classes->count, sizeof *all);
    for (size_t i = 0; i < classes->count; i++) {
        all[i].name = classes->names[i];
        if (csv_parse_number(all[i].name, &all[i].number) < 0) {
            return;
        }
    }
    if (classes->count == 0) {
        return;
    }
    qsort(all, classes->count, sizeof *all, compare);
    size_t kept = 0;
    for (size_t i = 0; i < classes->count; i++) {
        if (kept == 0 || all[i].number != all[kept - 1].number) {
            all[kept++] = all[i];
        }
    }
    for (size_t i = 0; i < kept; i++) {
        classes->names[i] = all[i].name;
    }
    classes->count = kept;
    classes->numeric = true;
}

static size_t find_number(const struct classes *classes, double number)
{
    size_t low = 0;
    size_t high = classes->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        double there = 0;
        (void)csv_parse_number(classes->names[middle], &there);
        if (there == number) {
            return middle;
        }
        if (there < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return CLASSES_NONE;
}

size_t classes_find(const struct classes *classes, const char *name)
{
    double number = 0;
    if (classes->numeric) {
        return csv_parse_number(name, &number) < 0 ? CLASSES_NONE : find_number(classes, number);
    }
    size_t place = place_of(classes, name);
    bool found = place < classes->count && strcmp(classes->names[place], name) == 0;
    return found ? place : CLASSES_NONE;
}
