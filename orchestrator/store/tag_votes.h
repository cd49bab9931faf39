/* SPDX-License-Identifier: Apache-2.0
 * Databricks' convention as an input: a version tag called like the step that waits (approval..., in any case) with the
 * value Approved is the yes of whoever set it, if he may decide that; and it is recorded that it came by a tag.
 */
#ifndef SLUICE_STORE_TAG_VOTES_H
#define SLUICE_STORE_TAG_VOTES_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

struct version_tag {
    const char *name;
    int64_t version;
    const char *key, *value;
    const char *actor; /* the login that has set it; nobody else's tag counts */
    int64_t at_ms;
    int (*may)(void *ctx, const char *run_id, struct err *err); /* may he decide about that run? 1, 0 or -1 */
    void *ctx;
};
/* Records his yes on each open approval of the version that is meant, in the caller's transaction, for the engine to
 * count; `*ret_count` of them. Any other tag is none of its business: 0. */
int store_tag_vote(struct store *store, const struct version_tag *tag, size_t *ret_count, struct err *err);

#endif
