/* SPDX-License-Identifier: Apache-2.0
 * The schema that MLflow derives of an evaluation dataset: which names its records have had in inputs, outputs and
 * expectations, and of which type the first value was. Pure. Inside store/ only.
 */
#ifndef SLUICE_STORE_EVALUATION_SCHEMA_H
#define SLUICE_STORE_EVALUATION_SCHEMA_H

#include "base/json.h"

enum { EVALUATION_SCHEMA_NAMES_MAX = 10000 }; /* of each part: later ones are not listed */

/* The schema after these records, which have been checked: objects with objects in inputs and expectations. `before` is
 * NULL when there was none. Outputs that are no object make the schema of all outputs one type, unless names are known
 * by then. */
struct json evaluation_schema(const struct json *before, const struct json *records, struct arena *arena);

#endif
