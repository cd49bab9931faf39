/* SPDX-License-Identifier: Apache-2.0
 * Heap memory that cannot fail.
 *
 * Out of memory ends the process with the size that was asked for; callers never check. In
 * exchange, every size that came from outside is capped by its reader before it gets here.
 */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stddef.h>

/* Zeroed block of `size` bytes (at least one). Release with free(). */
void *mem_alloc(size_t size);
/* Zeroed array of `count` items of `size` bytes; an overflowing product ends the process. */
void *mem_array(size_t count, size_t size);
/* Resizes `block` (NULL is allowed) to `count` items of `size` bytes. New bytes are not zeroed. */
void *mem_resize(void *block, size_t count, size_t size);
/* Copy of `size` bytes with one NUL behind them. */
char *mem_dup(const void *bytes, size_t size);
/* Copy of a C string. */
char *mem_strdup(const char *text);
/* Of a process that serves: up to so many bytes that were freed stay, so that they are not asked of the system, and
 * filled with zeros by it, again and again. What has been freed before goes back. */
void mem_keep_freed(size_t bytes);
/* So many bytes that were one thing have been freed: what is large goes back to the system. */
void mem_give_back(size_t bytes);
/* For a library that tells in its own way that it got no memory: ends the process with its name. */
_Noreturn void mem_exhausted(const char *library);

#endif
