/* SPDX-License-Identifier: Apache-2.0
 * Blocks in a list; an allocation is taken from the newest block, or starts a new one. */
#include "scratch.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct scratch_block {
    struct scratch_block *next;
    size_t size;
    size_t used;
    size_t padding; /* keeps the bytes behind the header aligned to 16 */
};

static struct scratch_block *add_block(struct scratch *scratch, size_t bytes)
{
    /* Doubling keeps the list short when a reader takes millions of small pieces. */
    size_t size = scratch->blocks == NULL ? BLOCK_BYTES : scratch->blocks->size;
    if (scratch->blocks != NULL && size < (size_t)64 * 1024 * 1024) {
        size *= 2;
    }
    if (size < bytes) {
        size = bytes;
    }
    struct scratch_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        (void)fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        abort();
    }
    block->next = scratch->blocks;
    block->size = size;
    block->used = 0;
    scratch->blocks = block;
    return block;
}

void *scratch_array(struct scratch *scratch, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        (void)fprintf(stderr, "out of memory: %zu items of %zu bytes\n", count, size);
        abort();
    }
    bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    struct scratch_block *block = scratch->blocks;
    if (block == NULL || block->size - block->used < bytes) {
        block = add_block(scratch, bytes);
    }
    char *room = (char *)(block + 1) + block->used;
    block->used += bytes;
    memset(room, 0, bytes);
    return room;
}

char *scratch_copy(struct scratch *scratch, const char *bytes, size_t size)
{
    char *copy = scratch_array(scratch, size + 1, 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *scratch_printf(struct scratch *scratch, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0) {
        (void)fprintf(stderr, "out of memory while formatting a text\n");
        abort();
    }
    char *copy = scratch_copy(scratch, text, (size_t)size);
    free(text);
    return copy;
}

void scratch_reset(struct scratch *scratch)
{
    struct scratch_block *largest = scratch->blocks;
    for (struct scratch_block *b = scratch->blocks; b != NULL; b = b->next) {
        largest = b->size > largest->size ? b : largest;
    }
    for (struct scratch_block *b = scratch->blocks; b != NULL;) {
        struct scratch_block *next = b->next;
        if (b != largest) {
            free(b);
        }
        b = next;
    }
    if (largest != NULL) {
        largest->next = NULL;
        largest->used = 0;
    }
    scratch->blocks = largest;
}

void scratch_free(struct scratch *scratch)
{
    while (scratch->blocks != NULL) {
        struct scratch_block *next = scratch->blocks->next;
        free(scratch->blocks);
        scratch->blocks = next;
    }
}
