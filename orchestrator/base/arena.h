/* SPDX-License-Identifier: Apache-2.0
 * Memory with one lifetime: many small allocations, freed together.
 *
 * Named lifetimes of the program: the program, a pipeline version, a run, a turn, a request.
 * Nothing in an arena is freed by itself. Not thread-safe: an arena has one owner.
 */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Frees everything in it. NULL is allowed. */
void arena_free(struct arena *arena);
/* Forgets everything in it but keeps the first block, for reuse turn after turn. */
void arena_reset(struct arena *arena);
/* Bytes handed out so far, padding included. */
size_t arena_used_bytes(const struct arena *arena);

/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Makes room for one item more behind `count` items of `size` bytes: returns `items`, or a wider copy (and sets
 * `*room`). Start with NULL and room 0. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t *room, size_t size);
/* Copies; the result is NUL-terminated, and aligned for bytes only. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_dup(struct arena *arena, const void *bytes, size_t size);
struct str arena_str(struct arena *arena, struct str s);
/* Formatted text of at most 1 MiB; longer is cut. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* One zeroed object of a type. */
#define arena_one(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

#endif
