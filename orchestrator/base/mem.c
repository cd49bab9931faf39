/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void mem_abort(size_t count, size_t size)
{
    fprintf(stderr, "sluice: out of memory asking for %zu x %zu bytes\n", count, size);
    abort();
}

void mem_exhausted(const char *library)
{
    fprintf(stderr, "sluice: out of memory (%s)\n", library);
    abort();
}

static size_t given_back = 4 << 20; /* at least */

void mem_give_back(size_t bytes)
{
    if (bytes >= given_back) {
        (void)malloc_trim(0);
    }
}

void mem_keep_freed(size_t bytes)
{
    given_back = 2 * bytes;
    (void)malloc_trim(0);
    int most = bytes > INT_MAX ? INT_MAX : (int)bytes;
    (void)mallopt(M_TRIM_THRESHOLD, most);
    (void)mallopt(M_MMAP_THRESHOLD, most / 2); /* what is larger goes back at once */
}

void *mem_array(size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        count = 1;
        size = 1;
    }
    void *block = calloc(count, size);
    if (block == NULL) {
        mem_abort(count, size);
    }
    return block;
}

void *mem_alloc(size_t size)
{
    return mem_array(1, size);
}

void *mem_resize(void *block, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        mem_abort(count, size);
    }
    size_t bytes = count * size;
    void *moved = realloc(block, bytes == 0 ? 1 : bytes);
    if (moved == NULL) {
        mem_abort(count, size);
    }
    return moved;
}

char *mem_dup(const void *bytes, size_t size)
{
    char *copy = mem_array(size + 1, 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text));
}
