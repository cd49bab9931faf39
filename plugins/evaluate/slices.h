/* SPDX-License-Identifier: Apache-2.0
 * The rows of a table by the values of a column: what holds on the whole may not hold for a part.
 */
#ifndef SLUICE_EVALUATE_SLICES_H
#define SLUICE_EVALUATE_SLICES_H

#include "csv.h"
#include "fault.h"
#include "scratch.h"

#include <stddef.h>

enum { SLICES_MAX_VALUES = 100 }; /* of a column */

struct slice {
    const char *column;
    const char *value; /* as it stands in the column */
    const size_t *rows;
    size_t count;
};

struct slices {
    const struct slice *items;
    size_t count;
    size_t left_out; /* values beyond SLICES_MAX_VALUES, the rarest ones */
};

/* A slice for each distinct text of the column, in byte order. */
int slices_of_column(struct scratch *scratch, const struct csv_table *table, const char *column,
                     struct slices *ret_slices, struct fault *fault);
/* The rows whose column has this text, or, when both are numbers, this value. May be empty. */
int slices_of_value(struct scratch *scratch, const struct csv_table *table, const char *column, const char *value,
                    struct slice *ret_slice, struct fault *fault);

#endif
