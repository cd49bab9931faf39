/* SPDX-License-Identifier: Apache-2.0
 * Definitions in force that were parsed lately: a schedule that is due each minute, or a hook that is called each
 * second, need not have its file read each time. Bounded in bytes; what was not asked for longest goes first.
 */
#ifndef SLUICE_TRIGGER_DEFINITION_CACHE_H
#define SLUICE_TRIGGER_DEFINITION_CACHE_H

#include "pipeline/definition.h"
#include "store/in_force.h"

enum { DEFINITION_CACHE_BYTES = 16 << 20 };

struct definition_cache;

struct definition_cache *definition_cache_new(void);
void definition_cache_free(struct definition_cache *cache);
/* Rows may be others than those that are known: each is read again before its definition is used. */
void definition_cache_doubt(struct definition_cache *cache);
/* The row of a pipeline in force, with texts of the arena, and its definition, of which the caller is a user. NULL: it
 * is not kept, or in doubt. */
struct definition *definition_cache_find(struct definition_cache *cache, const char *name, struct arena *arena,
                                         struct pipeline_in_force *ret_row);
/* That of a row that was read just now. NULL: it is not kept. */
struct definition *definition_cache_find_of(struct definition_cache *cache, const struct pipeline_in_force *row);
/* Keeps it, as one more user. Nothing when it names a plugin by its file, which is another one when that is changed. */
void definition_cache_keep(struct definition_cache *cache, const struct pipeline_in_force *row,
                           struct definition *definition);
size_t definition_cache_bytes(const struct definition_cache *cache);

#endif
