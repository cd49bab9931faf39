/* SPDX-License-Identifier: Apache-2.0
 * What a string of a GraphQL document says (GraphQL, October 2021, 2.9.4): with its escapes, or between """ with the
 * indentation that its lines share taken off.
 */
#ifndef SLUICE_API_GRAPHQL_STRING_VALUE_H
#define SLUICE_API_GRAPHQL_STRING_VALUE_H

#include "base/arena.h"

/* `text` begins with '"'. The number of bytes that the string takes; or, with `*ret_wrong`, where the mistake is. */
size_t graphql_string_value(struct str text, struct arena *arena, struct str *ret, const char **ret_wrong);

#endif
