/* SPDX-License-Identifier: Apache-2.0
 * The entries of the activity log about some objects, each with the chain before it, so that it can be checked alone.
 */
#ifndef SLUICE_EVIDENCE_EVIDENCE_EXTRACT_H
#define SLUICE_EVIDENCE_EVIDENCE_EXTRACT_H

#include "base/json.h"
#include "store/store.h"

/* A line of JSON for each entry about an object whose id is a member of `objects`, and for the last entry of all, in
 * their order; `*ret_head` is that one, "SEQUENCE:HEX". In the arena. ERR_LIMIT when it is too large for a file. */
int evidence_extract(struct store *store, const struct json *objects, struct arena *arena, struct str *ret,
                     const char **ret_head, struct err *err);

#endif
