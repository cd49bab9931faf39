/* SPDX-License-Identifier: Apache-2.0
 * Decoding of points (point_code.h has the bytes) for loops that decode millions: compiled into them, and without a
 * look at each byte whether it is there. Everybody else calls point_decode.
 */
#ifndef SLUICE_BASE_POINT_DECODE_H
#define SLUICE_BASE_POINT_DECODE_H

#include "base/point_code.h"

#include <endian.h>
#include <string.h>

/* What is read from the head of a point on: the head, and three times eight bytes behind what came before them. */
enum { POINT_READ_BYTES = 1 + 3 * 8 };

static inline uint64_t point_read_eight(const unsigned char *p)
{
    uint64_t number;
    memcpy(&number, p, sizeof number);
    return le64toh(number);
}

/* The lowest `bytes` of a number, 0 to 8. */
static inline uint64_t point_low_bytes(uint64_t number, unsigned bytes)
{
    return bytes == 0 ? 0 : number << (64 - 8 * bytes) >> (64 - 8 * bytes);
}

/* A varint of at most eight bytes, its groups of seven bits put together all at once; 0 when it is longer. */
static inline size_t point_read_varint(const unsigned char *p, uint64_t *ret)
{
    uint64_t bits = point_read_eight(p);
    uint64_t ends = ~bits & 0x8080808080808080;
    if (ends == 0) {
        return 0;
    }
    unsigned bytes = (unsigned)(__builtin_ctzll(ends) + 1) / 8;
    bits = point_low_bytes(bits, bytes);
    bits = (bits & 0x007f007f007f007f) | (bits & 0x7f007f007f007f00) >> 1;
    bits = (bits & 0x00003fff00003fff) | (bits & 0x3fff00003fff0000) >> 2;
    *ret = (bits & 0x000000000fffffff) | (bits & 0x0fffffff00000000) >> 4;
    return bytes;
}

/* How a number differs, by its kind; `*at` moves past it. False when it has more than eight bytes. */
static inline bool point_read_number(unsigned kind, const unsigned char *p, size_t *at, uint64_t *ret)
{
    size_t bytes = kind;
    uint64_t zigzagged = point_read_eight(p + *at) & (((uint64_t)1 << 8 * kind) - 1);
    if (kind == 3) {
        bytes = point_read_varint(p + *at, &zigzagged);
    }
    *at += bytes;
    *ret = (zigzagged >> 1) ^ (0 - (zigzagged & 1));
    return kind != 3 || bytes != 0;
}

/* The same as point_decode. */
static inline int point_decode_here(struct point_code *code, struct str *rest, struct point *ret_point)
{
    const unsigned char *p = (const unsigned char *)rest->p;
    size_t at = 1;
    uint64_t time_ms = 0;
    uint64_t step = 0;
    unsigned kind = rest->n < POINT_READ_BYTES ? 9 : p[0] >> 4;
    if (kind == 9 || !point_read_number(p[0] & 3, p, &at, &time_ms) ||
        !point_read_number(p[0] >> 2 & 3, p, &at, &step)) {
        return point_decode(code, rest, ret_point); /* NaN, the last ones, and ones that differ by very much */
    }
    unsigned bytes = kind > 9 ? kind - 9 : kind;
    code->value ^= point_low_bytes(point_read_eight(p + at), bytes) << (kind > 9 ? 64 - 8 * bytes : 0);
    point_code_move(code, time_ms + code->time_ms + code->time_difference, step + code->step + code->step_difference);
    ret_point->time_ms = (int64_t)code->time_ms;
    ret_point->step = (int64_t)code->step;
    memcpy(&ret_point->value, &code->value, sizeof ret_point->value);
    rest->p += at + bytes;
    rest->n -= at + bytes;
    return 1;
}

#endif
