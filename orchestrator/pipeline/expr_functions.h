/* SPDX-License-Identifier: Apache-2.0
 * The functions of expressions. Their rows (names, argument counts, documents) are in expr.h's expr_functions.
 */
#ifndef SLUICE_PIPELINE_EXPR_FUNCTIONS_H
#define SLUICE_PIPELINE_EXPR_FUNCTIONS_H

#include "pipeline/expr.h"

/* Calls a function by name with evaluated arguments. -1 with what was expected. */
int expr_function_call(struct str name, const struct json *args, size_t count, const struct expr_env *env,
                       struct arena *arena, struct json *ret, struct err *err);
/* The row of a function, or NULL. */
const struct expr_function *expr_function_find(struct str name);

#endif
