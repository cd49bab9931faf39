/* SPDX-License-Identifier: Apache-2.0
 * The metrics of a sample by name: which there are, and what they are worth.
 *
 * Names: "rmse", "f1_macro"; of one class "recall:malignant". measures_key() turns a name (and a slice)
 * into the key that is recorded.
 */
#ifndef SLUICE_EVALUATE_MEASURES_H
#define SLUICE_EVALUATE_MEASURES_H

#include "sample.h"
#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>

enum { MEASURES_MAX_CLASSES = 100 }; /* beyond it, metrics of single classes are not listed */

struct measure {
    const char *name;
    double value;          /* NaN when not defined for these rows */
    const char *undefined; /* then, why */
};

struct measures {
    const struct measure *items;
    size_t count;
};

/* All metrics of the sample in the order of the table; with `per_class` those of single classes too. */
struct measures measures_all(struct scratch *scratch, const struct sample *sample, bool per_class);
/* One metric; false when the sample has none of that name. */
bool measures_one(struct scratch *scratch, const struct sample *sample, const char *name, struct measure *ret_measure);
/* The known name nearest to `name`, or NULL. */
const char *measures_nearest(struct scratch *scratch, const struct sample *sample, const char *name);
/* The key in the records: "rmse", "recall:malignant", "rmse/color:white". Characters that a metric's key
 * may not have become "_". `column` is NULL without a slice. */
const char *measures_key(struct scratch *scratch, const char *name, const char *column, const char *value);

#endif
