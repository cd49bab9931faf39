/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 1 << 20, FORMAT_MAX_BYTES = 1 << 20, SHORT_TEXT_BYTES = 256 };

/* What is handed out is zero. What is larger than any block of many comes so, by pages that take no memory until they
 * are written; of a block what is handed out is cleared then, and no more. */
struct block {
    struct block *previous;
    size_t size;
    size_t used;
    bool clean;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *current;
    size_t used_bytes;
};

static struct block *block_new(size_t size, struct block *previous)
{
    bool clean = size > LARGEST_BLOCK_BYTES;
    struct block *block = clean ? mem_alloc(sizeof *block + size) : mem_resize(NULL, 1, sizeof *block + size);
    *block = (struct block){.previous = previous, .size = size, .clean = clean};
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = mem_alloc(sizeof *arena);
    arena->current = block_new(FIRST_BLOCK_BYTES, NULL);
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *previous = block->previous;
        free(block);
        block = previous;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    size_t bytes = arena->used_bytes;
    free_blocks(arena->current);
    free(arena);
    mem_give_back(bytes); /* a pipeline of ten thousand steps, say: the process may live for years after it */
}

void arena_reset(struct arena *arena)
{
    /* The last block is the largest: who fills an arena again and again soon needs no other. */
    if (arena->current->size <= LARGEST_BLOCK_BYTES) {
        free_blocks(arena->current->previous);
        arena->current->previous = NULL;
    } else {
        free_blocks(arena->current);
        arena->current = block_new(FIRST_BLOCK_BYTES, NULL);
    }
    arena->current->clean = false;
    arena->current->used = 0;
    arena->used_bytes = 0;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}

/* Bytes that are yet to be written, all of them. */
static void *take(struct arena *arena, size_t size, size_t align)
{
    if (size > SIZE_MAX / 2) {
        return mem_array(SIZE_MAX, 2); /* ends the process with a message */
    }
    struct block *block = arena->current;
    size_t start = (block->used + align - 1) & ~(align - 1);
    if (start > block->size || block->size - start < size) {
        size_t next = block->size * 2 > LARGEST_BLOCK_BYTES ? LARGEST_BLOCK_BYTES : block->size * 2;
        arena->current = block = block_new(size > next ? size : next, block);
        start = 0;
    }
    arena->used_bytes += start + size - block->used;
    block->used = start + size;
    return block->bytes + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *bytes = take(arena, size, alignof(max_align_t));
    return arena->current->clean ? bytes : memset(bytes, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / 2 / size) {
        return mem_array(count, size); /* ends the process with a message */
    }
    return arena_alloc(arena, count * size);
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    *room = *room == 0 ? 8 : *room * 2;
    void *wider = arena_array(arena, *room, size);
    if (count > 0) {
        memcpy(wider, items, count * size);
    }
    return wider;
}

char *arena_dup(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = take(arena, size + 1, 1); /* bytes lie close: most are short names */
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_dup(arena, text, strlen(text));
}

struct str arena_str(struct arena *arena, struct str s)
{
    return (struct str){arena_dup(arena, s.p, s.n), s.n};
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    char few[SHORT_TEXT_BYTES]; /* most texts are short: written once */
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(few, sizeof few, format, args);
    size_t size = length < 0 ? 0 : (size_t)length;
    if (size > FORMAT_MAX_BYTES) {
        size = FORMAT_MAX_BYTES;
    }
    char *text = take(arena, size + 1, 1);
    if (size < sizeof few) {
        memcpy(text, few, size);
        text[size] = '\0';
    } else {
        (void)vsnprintf(text, size + 1, format, again);
    }
    va_end(again);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
