/* SPDX-License-Identifier: Apache-2.0
 * Metric points as bytes of a JOURNAL_METRICS frame.
 */
#include "wire/journal_internal.h"

#include <string.h>

enum { POINT_KEY_BYTES = 2, POINT_NUMBERS_BYTES = 24 };

size_t journal_point_encode(const struct journal_point *point, unsigned char *room)
{
    uint64_t bits;
    memcpy(&bits, &point->value, sizeof bits);
    size_t key_size = point->key.n > UINT16_MAX ? UINT16_MAX : point->key.n;
    journal_put(room, key_size, POINT_KEY_BYTES);
    unsigned char *p = room + POINT_KEY_BYTES;
    if (key_size > 0) {
        memcpy(p, point->key.p, key_size);
    }
    p += key_size;
    journal_put(p, bits, 8);
    journal_put(p + 8, (uint64_t)point->step, 8);
    journal_put(p + 16, (uint64_t)point->time_ms, 8);
    return POINT_KEY_BYTES + key_size + POINT_NUMBERS_BYTES;
}

int journal_point_next(struct str *rest, struct journal_point *ret_point)
{
    if (rest->n == 0) {
        return 0;
    }
    if (rest->n < POINT_KEY_BYTES + POINT_NUMBERS_BYTES) {
        return -1;
    }
    const unsigned char *p = (const unsigned char *)rest->p;
    size_t key_size = (size_t)journal_get(p, POINT_KEY_BYTES);
    if (rest->n - POINT_KEY_BYTES - POINT_NUMBERS_BYTES < key_size) {
        return -1;
    }
    p += POINT_KEY_BYTES + key_size;
    uint64_t bits = journal_get(p, 8);
    *ret_point = (struct journal_point){
        .key = {rest->p + POINT_KEY_BYTES, key_size},
        .step = (int64_t)journal_get(p + 8, 8),
        .time_ms = (int64_t)journal_get(p + 16, 8),
    };
    memcpy(&ret_point->value, &bits, sizeof bits);
    *rest = str_slice(*rest, POINT_KEY_BYTES + key_size + POINT_NUMBERS_BYTES, rest->n);
    return 1;
}
