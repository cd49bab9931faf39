/* SPDX-License-Identifier: Apache-2.0
 * A JSON Schema of the pipeline file, for editors: made from the tables that load it and the plugins' own rows.
 *
 * Draft 07, which editors' YAML support understands best. It knows keys, types, words and ranges; names in expressions,
 * cycles and shell quoting are `sluice validate`'s.
 */
#ifndef SLUICE_PIPELINE_JSON_SCHEMA_H
#define SLUICE_PIPELINE_JSON_SCHEMA_H

#include "base/json.h"
#include "plugin/catalogue.h"

/* `uses: NAME` binds `with` to the rows of that plugin; other plugins take any `with`. */
struct json pipeline_json_schema(const struct catalogue *plugins, struct arena *arena);

#endif
