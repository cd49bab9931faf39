/* SPDX-License-Identifier: Apache-2.0
 * What rows of plugins say of the inside of their values (items, keys, formats), as JSON Schema of draft 7.
 */
#ifndef SLUICE_PIPELINE_SCHEMA_VALUE_H
#define SLUICE_PIPELINE_SCHEMA_VALUE_H

#include "plugin/catalogue.h"

#define DURATION_PATTERN "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$"
#define SIZE_PATTERN "^[0-9]+(\\.[0-9]+)? ?([KMGT]i?B?|B)?$"

/* Of a value of the row that is of this type; `schema` has its "type" already. */
void schema_value_add(struct arena *arena, const struct plugin_param *param, enum json_type type,
                      struct json *schema);
/* The definitions that these refer to. */
void schema_value_definitions(struct arena *arena, struct json *definitions);

#endif
