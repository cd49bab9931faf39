/* SPDX-License-Identifier: Apache-2.0
 * A growing array of any type, by macros.
 *
 *     struct { VEC_OF(int64_t) } ids = {0};   or   struct id_vec { VEC_OF(int64_t) };
 *     vec_push(&ids, 7);  ids.items[0];  ids.count;  vec_clear(&ids);
 *
 * Pointers into `items` are dead after a push: keep indexes.
 */
#ifndef SLUICE_BASE_VEC_H
#define SLUICE_BASE_VEC_H

#include "base/mem.h"

#include <stddef.h>
#include <stdlib.h>

#define VEC_OF(type)                                                                                                   \
    type *items;                                                                                                       \
    size_t count;                                                                                                      \
    size_t room;

#define vec_push(vec, value)                                                                                           \
    do {                                                                                                               \
        if ((vec)->count == (vec)->room) {                                                                             \
            (vec)->room = (vec)->room == 0 ? 8 : (vec)->room * 2;                                                      \
            (vec)->items = mem_resize((vec)->items, (vec)->room, sizeof *(vec)->items);                                \
        }                                                                                                              \
        (vec)->items[(vec)->count++] = (value);                                                                        \
    } while (0)

/* Releases the items and leaves an empty vector. */
#define vec_clear(vec)                                                                                                 \
    do {                                                                                                               \
        free((vec)->items);                                                                                            \
        (vec)->items = NULL;                                                                                           \
        (vec)->count = (vec)->room = 0;                                                                                \
    } while (0)

#endif
