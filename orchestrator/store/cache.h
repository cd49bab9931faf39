/* SPDX-License-Identifier: Apache-2.0
 * Results that may be used again: the keys of steps, the entries, and the digests of files they were made from.
 */
#ifndef SLUICE_STORE_CACHE_H
#define SLUICE_STORE_CACHE_H

#include "run/run.h"
#include "store/store.h"

#include <stdint.h>

/* What an item was given, and what was decided by it. */
struct step_key {
    const char *run_id;
    struct run_place place;
    const char *key;
    const char *parts;    /* JSON {part: text} */
    const char *files;    /* JSON {absolute path: sha256} */
    const char *decision; /* JSON: see engine/cache.h */
};
/* The last word on an item counts. */
int store_step_key_put(struct store *store, const struct step_key *key, struct err *err);
/* 1 with the row, 0 when there is none, -1. */
int store_step_key_get(struct store *store, const char *run_id, struct run_place place, struct arena *arena,
                       struct step_key *ret, struct err *err);

struct cache_entry {
    const char *key;
    const char *pipeline;
    const char *step;
    const char *run_id;
    struct run_place place;
    const char *matrix; /* canonical JSON of the item's values; "null" without a matrix */
    int64_t created_ms;
};
/* Replaces the entry with the same key. */
int store_cache_put(struct store *store, const struct cache_entry *entry, struct err *err);
/* 1, 0, -1, as above. */
int store_cache_get(struct store *store, const char *key, struct arena *arena, struct cache_entry *ret,
                    struct err *err);
/* The entries of a step for an item with these values, newest first, at most `limit`. */
int store_cache_list(struct store *store, const char *pipeline, const char *step, const char *matrix, size_t limit,
                     struct arena *arena, struct cache_entry **ret, size_t *ret_count, struct err *err);

/* The digest that the file had with this very stamp: 1, 0, -1. */
int store_file_digest_get(struct store *store, const char *path, const char *stamp, char ret_sha256[65],
                          struct err *err);
int store_file_digest_put(struct store *store, const char *path, const char *stamp, const char *sha256,
                          struct err *err);

#endif
