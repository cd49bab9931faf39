/* SPDX-License-Identifier: Apache-2.0
 * Points of a time series in few bytes: each as what it differs in from the one before. Pure; no memory of its own.
 *
 * A point is a head byte, then the bytes that the head announces, little-endian:
 *
 *     bits 0-1   time_ms   what its difference from the point before differs in from the difference before that:
 *     bits 2-3   step      0 nothing, 1 one byte, 2 two bytes, 3 a varint of at most ten bytes; zigzag
 *     bits 4-7   value     0..8    the bits that differ from the value before: so many bytes, the low ones
 *                          9       NaN (which one is not kept; the value before stays the one before)
 *                          10..15  the bits that differ: 1..6 bytes, the high ones
 *
 * in this order: head, time, step, value. The first point differs from zeros. Values in steady steps and times cost
 * the head and the value; a value of which all digits are new costs 7 bytes, one that came from a float 4 or 5.
 * Every point comes back as it was, infinities and -0 included: differences wrap around.
 */
#ifndef SLUICE_BASE_POINT_CODE_H
#define SLUICE_BASE_POINT_CODE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct point {
    int64_t time_ms;
    int64_t step;
    double value;
};

/* Where a series of points stands: zeroed to begin. */
struct point_code {
    uint64_t time_ms, time_difference;
    uint64_t step, step_difference;
    uint64_t value; /* its bits */
    bool begun;
};

enum { POINT_CODE_MAX_BYTES = 29 };

/* Goes to the next point. The first is no difference from anything that will come again. */
static inline void point_code_move(struct point_code *code, uint64_t time_ms, uint64_t step)
{
    code->time_difference = code->begun ? time_ms - code->time_ms : 0;
    code->step_difference = code->begun ? step - code->step : 0;
    code->time_ms = time_ms;
    code->step = step;
    code->begun = true;
}

/* Writes the next point into `room` (POINT_CODE_MAX_BYTES): how many bytes it took. */
size_t point_encode(struct point_code *code, const struct point *point, unsigned char *room);
/* Takes the next point off `*rest`: 1; 0 at the end; -1 when the bytes are no point, or only the beginning of one. */
int point_decode(struct point_code *code, struct str *rest, struct point *ret_point);

#endif
