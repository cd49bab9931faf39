/* SPDX-License-Identifier: Apache-2.0
 * Text and numbers as Python's repr shows them, for messages of MLflow that hold such. Inside store/ only.
 */
#ifndef SLUICE_STORE_PYTHON_QUOTE_H
#define SLUICE_STORE_PYTHON_QUOTE_H

#include "base/json.h"

/* In single quotes, or in double ones when it has single and no double ones; backslashes, the quote itself and control
 * characters are escaped, other characters stand as they are. */
void python_quote(struct strbuf *out, struct str text);
/* "1.0", "0.1", "nan", "-inf". */
void python_number(struct strbuf *out, double value);
/* A value of JSON: "None", "True", "[1, 'y']", "{'k': 0.5}". */
void python_repr(struct strbuf *out, const struct json *value);

#endif
