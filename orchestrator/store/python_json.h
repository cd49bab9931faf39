/* SPDX-License-Identifier: Apache-2.0
 * JSON as Python's json.dumps writes it, byte by byte: a blank behind each ',' and ':', ASCII with escapes, numbers as
 * repr has them, NaN and Infinity bare. Digests that MLflow takes are of such texts, and its clients read them. Inside
 * store/ only.
 */
#ifndef SLUICE_STORE_PYTHON_JSON_H
#define SLUICE_STORE_PYTHON_JSON_H

#include "base/json.h"

/* `sorted`: the keys of each object by their code points, as sort_keys does. */
void python_json_write(struct strbuf *out, const struct json *value, bool sorted);
void python_json_write_string(struct strbuf *out, struct str text);
/* As repr has it: "1.0", "1e+16", "0.0001"; NaN and the infinities as json.dumps has them. */
void python_json_write_number(struct strbuf *out, double value);
/* python_json_write into the arena. */
struct str python_json_text(struct arena *arena, const struct json *value, bool sorted);

#endif
