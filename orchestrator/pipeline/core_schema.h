/* SPDX-License-Identifier: Apache-2.0
 * What a plain scalar of YAML means: the core schema of YAML 1.2 (section 10.3.2), with one exception. Of the words
 * for booleans only `true` and `false` are taken; `True` and `TRUE`, which other readers take for text, are text.
 */
#ifndef SLUICE_PIPELINE_CORE_SCHEMA_H
#define SLUICE_PIPELINE_CORE_SCHEMA_H

#include "base/json.h"

/* null, a boolean, a number, or text, which is `text` itself, not copied. Integers that do not fit 64 bits are
 * numbers. `*ret_not_finite` says that the schema makes an infinity or no number (.inf, .nan, 1e999) of it, which JSON
 * cannot hold; what is returned is text then. */
struct json core_schema_value(struct str text, bool *ret_not_finite);

#endif
