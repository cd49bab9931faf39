/* SPDX-License-Identifier: Apache-2.0
 * Metric points as runners of before wrote them, in JOURNAL_METRICS frames; points.c has those of today.
 */
#include "wire/journal_internal.h"

#include <string.h>

enum { POINT_KEY_BYTES = 2, POINT_NUMBERS_BYTES = 24 };

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
