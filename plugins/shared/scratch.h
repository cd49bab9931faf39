/* SPDX-License-Identifier: Apache-2.0
 * Memory with one lifetime: many allocations, freed or forgotten together.
 *
 * Out of memory ends the process with the size that was asked for. Not thread-safe.
 */
#ifndef SLUICE_SHARED_SCRATCH_H
#define SLUICE_SHARED_SCRATCH_H

#include <stdarg.h>
#include <stddef.h>

struct scratch_block;

/* Start with `struct scratch scratch = {0};`. */
struct scratch {
    struct scratch_block *blocks; /* the newest first */
};

/* `count` items of `size` bytes, zeroed, aligned for any type; never NULL, also for zero bytes. */
void *scratch_array(struct scratch *scratch, size_t count, size_t size);
/* A copy of `size` bytes with a NUL behind them. */
char *scratch_copy(struct scratch *scratch, const char *bytes, size_t size);
/* Formatted text of any length. */
char *scratch_printf(struct scratch *scratch, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Forgets everything but keeps the largest block: for a loop that needs the same room each time. */
void scratch_reset(struct scratch *scratch);
/* Frees everything; the scratch can be used again. */
void scratch_free(struct scratch *scratch);

#define scratch_one(scratch, type) ((type *)scratch_array((scratch), 1, sizeof(type)))

#endif
