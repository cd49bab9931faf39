/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/definition_cache.h"

#include "base/mem.h"
#include "base/siphash.h"

#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256, ENTRY_BYTES = 4096 /* with the first block of its arena */ };

struct entry {
    struct entry *next;
    struct arena *arena; /* of the row */
    struct pipeline_in_force row;
    struct definition *definition;
    size_t bytes;
    uint64_t used;
    uint64_t known; /* the doubts that there were when the row was read */
};

struct definition_cache {
    struct entry *chains[CHAINS]; /* by name: of a name there is one */
    size_t bytes;
    uint64_t uses;
    uint64_t doubts;
};

struct definition_cache *definition_cache_new(void)
{
    return mem_alloc(sizeof(struct definition_cache));
}

static struct entry **chain_of(struct definition_cache *cache, const char *name)
{
    return &cache->chains[siphash((struct siphash_key){{0, 0}}, str_from(name)) % CHAINS];
}

static void drop(struct definition_cache *cache, struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    cache->bytes -= entry->bytes;
    definition_release(entry->definition);
    arena_free(entry->arena);
    free(entry);
}

void definition_cache_free(struct definition_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        while (cache->chains[i] != NULL) {
            drop(cache, &cache->chains[i]);
        }
    }
    free(cache);
}

/* Where the entry of the name is, or where the chain ends. */
static struct entry **find(struct definition_cache *cache, const char *name)
{
    struct entry **at = chain_of(cache, name);
    while (*at != NULL && strcmp((*at)->row.name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static struct pipeline_in_force copy_row(const struct pipeline_in_force *from, struct arena *arena)
{
    struct pipeline_in_force row = *from;
    const char **texts[] = {&row.name,      &row.source,     &row.path, &row.file, &row.folder,
                            &row.workspace, &row.definition, &row.git,  &row.stamp};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = arena_strdup(arena, *texts[i]);
    }
    return row;
}

/* What a definition is read by. */
static bool reads_the_same(const struct pipeline_in_force *a, const struct pipeline_in_force *b)
{
    return strcmp(a->definition, b->definition) == 0 && strcmp(a->file, b->file) == 0 &&
           strcmp(a->folder, b->folder) == 0 && strcmp(a->workspace, b->workspace) == 0;
}

void definition_cache_doubt(struct definition_cache *cache)
{
    cache->doubts++;
}

struct definition *definition_cache_find(struct definition_cache *cache, const char *name, struct arena *arena,
                                         struct pipeline_in_force *ret_row)
{
    struct entry *entry = *find(cache, name);
    if (entry == NULL || entry->known != cache->doubts) {
        return NULL;
    }
    entry->used = ++cache->uses;
    *ret_row = copy_row(&entry->row, arena);
    return definition_hold(entry->definition);
}

struct definition *definition_cache_find_of(struct definition_cache *cache, const struct pipeline_in_force *row)
{
    struct entry *entry = *find(cache, row->name);
    if (entry == NULL || !reads_the_same(&entry->row, row)) {
        return NULL;
    }
    arena_reset(entry->arena);
    entry->row = copy_row(row, entry->arena);
    entry->known = cache->doubts;
    entry->used = ++cache->uses;
    return definition_hold(entry->definition);
}

static void drop_oldest(struct definition_cache *cache)
{
    struct entry **oldest = NULL;
    for (size_t i = 0; i < CHAINS; i++) {
        for (struct entry **at = &cache->chains[i]; *at != NULL; at = &(*at)->next) {
            oldest = oldest == NULL || (*at)->used < (*oldest)->used ? at : oldest;
        }
    }
    drop(cache, oldest);
}

static bool names_a_file(const struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->step_count; i++) {
        if (str_ends(pipeline->steps[i].uses, STR(".so"))) {
            return true;
        }
    }
    return false;
}

void definition_cache_keep(struct definition_cache *cache, const struct pipeline_in_force *row,
                           struct definition *definition)
{
    struct entry **at = find(cache, row->name);
    size_t bytes = ENTRY_BYTES + arena_used_bytes(definition->arena);
    if (*at != NULL) {
        drop(cache, at);
    }
    if (bytes > DEFINITION_CACHE_BYTES || names_a_file(definition->pipeline)) {
        return;
    }
    while (cache->bytes + bytes > DEFINITION_CACHE_BYTES) {
        drop_oldest(cache);
    }
    struct entry *entry = mem_alloc(sizeof *entry);
    *entry = (struct entry){
        .arena = arena_new(),
        .definition = definition_hold(definition),
        .bytes = bytes,
        .used = ++cache->uses,
        .known = cache->doubts,
    };
    entry->row = copy_row(row, entry->arena);
    struct entry **chain = chain_of(cache, row->name);
    entry->next = *chain;
    *chain = entry;
    cache->bytes += bytes;
}

size_t definition_cache_bytes(const struct definition_cache *cache)
{
    return cache->bytes;
}
