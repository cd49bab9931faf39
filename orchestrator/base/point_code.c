/* SPDX-License-Identifier: Apache-2.0 */
#include "base/point_code.h"

#include <endian.h>
#include <math.h>
#include <string.h>

enum { NUMBER_VARINT = 3 }; /* the kinds below it are how many bytes */
enum { VALUE_NAN = 9, VALUE_HIGH_BYTES = 9, VALUE_HIGH_BYTES_MAX = 6, VARINT_MAX_BYTES = 10 };

/* ---- bytes ---- */

/* There is room for eight: what comes next overwrites those that are not of the number. */
static size_t put_bytes(unsigned char *room, uint64_t number, size_t bytes)
{
    uint64_t little = htole64(number);
    memcpy(room, &little, sizeof little);
    return bytes;
}

/* At most eight, of the `have` (at least as many) that are there. */
static uint64_t get_bytes(const unsigned char *p, size_t have, size_t bytes)
{
    uint64_t number = 0;
    if (have < sizeof number) {
        memcpy(&number, p, bytes);
        return le64toh(number);
    }
    memcpy(&number, p, sizeof number);
    number = le64toh(number);
    return bytes == sizeof number ? number : number & (((uint64_t)1 << (8 * bytes)) - 1);
}

static size_t put_varint(unsigned char *room, uint64_t number)
{
    size_t size = 0;
    for (; number >= 0x80; number >>= 7) {
        room[size++] = (unsigned char)(number | 0x80);
    }
    room[size++] = (unsigned char)number;
    return size;
}

/* How many bytes it took, 0 when it is none. */
static size_t get_varint(const unsigned char *p, size_t have, uint64_t *ret)
{
    uint64_t number = 0;
    for (size_t i = 0; i < have && i < VARINT_MAX_BYTES; i++) {
        number |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *ret = number;
            return i == VARINT_MAX_BYTES - 1 && p[i] > 1 ? 0 : i + 1;
        }
    }
    return 0;
}

/* ---- numbers ---- */

/* Small ones of either sign become small ones. */
static uint64_t zigzag(uint64_t number)
{
    return (number << 1) ^ (0 - (number >> 63));
}

static uint64_t unzigzag(uint64_t number)
{
    return (number >> 1) ^ (0 - (number & 1));
}

/* Returns the kind; `*size` grows by what was written. */
static unsigned put_number(unsigned char *room, size_t *size, uint64_t number)
{
    uint64_t zigzagged = zigzag(number);
    if (zigzagged <= 0xffff) { /* how many bytes is as good as random */
        unsigned bytes = (unsigned)(zigzagged > 0) + (zigzagged > 0xff);
        *size += put_bytes(room + *size, zigzagged, bytes);
        return bytes;
    }
    *size += put_varint(room + *size, zigzagged);
    return NUMBER_VARINT;
}

static bool get_number(unsigned kind, const unsigned char *p, size_t have, size_t *at, uint64_t *ret)
{
    uint64_t zigzagged = 0;
    size_t bytes = kind;
    if (kind == NUMBER_VARINT) {
        bytes = get_varint(p + *at, have - *at, &zigzagged);
        if (bytes == 0) {
            return false;
        }
    } else if (have - *at < bytes) {
        return false;
    } else {
        zigzagged = get_bytes(p + *at, have - *at, bytes);
    }
    *at += bytes;
    *ret = unzigzag(zigzagged);
    return true;
}

/* ---- values ---- */

static size_t bytes_to_the_highest(uint64_t bits)
{
    return bits == 0 ? 0 : (size_t)(71 - __builtin_clzll(bits)) / 8;
}

static unsigned put_value(struct point_code *code, unsigned char *room, size_t *size, double value)
{
    if (isnan(value)) {
        return VALUE_NAN;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t difference = bits ^ code->value;
    code->value = bits;
    size_t low = bytes_to_the_highest(difference);
    size_t high = difference == 0 ? 0 : 8 - (size_t)__builtin_ctzll(difference) / 8;
    if (high >= low || high > VALUE_HIGH_BYTES_MAX) {
        *size += put_bytes(room + *size, difference, low);
        return (unsigned)low;
    }
    *size += put_bytes(room + *size, difference >> (64 - 8 * high), high);
    return VALUE_HIGH_BYTES + (unsigned)high;
}

static bool get_value(struct point_code *code, unsigned kind, const unsigned char *p, size_t have, size_t *at,
                      double *ret)
{
    if (kind == VALUE_NAN) {
        *ret = (double)NAN;
        return true;
    }
    size_t bytes = kind > VALUE_HIGH_BYTES ? kind - VALUE_HIGH_BYTES : kind;
    if (have - *at < bytes) {
        return false;
    }
    uint64_t difference = get_bytes(p + *at, have - *at, bytes);
    *at += bytes;
    code->value ^= kind > VALUE_HIGH_BYTES ? difference << (64 - 8 * bytes) : difference;
    memcpy(ret, &code->value, sizeof *ret);
    return true;
}

/* ---- points ---- */

size_t point_encode(struct point_code *code, const struct point *point, unsigned char *room)
{
    uint64_t time_ms = (uint64_t)point->time_ms;
    uint64_t step = (uint64_t)point->step;
    size_t size = 1;
    unsigned head = put_number(room, &size, time_ms - code->time_ms - code->time_difference);
    head |= put_number(room, &size, step - code->step - code->step_difference) << 2;
    head |= put_value(code, room, &size, point->value) << 4;
    room[0] = (unsigned char)head;
    point_code_move(code, time_ms, step);
    return size;
}

int point_decode(struct point_code *code, struct str *rest, struct point *ret_point)
{
    if (rest->n == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)rest->p;
    unsigned head = p[0];
    size_t at = 1;
    uint64_t time_ms = 0;
    uint64_t step = 0;
    double value = 0;
    if (!get_number(head & 3, p, rest->n, &at, &time_ms) || !get_number(head >> 2 & 3, p, rest->n, &at, &step) ||
        !get_value(code, head >> 4, p, rest->n, &at, &value)) {
        return -1;
    }
    time_ms += code->time_ms + code->time_difference;
    step += code->step + code->step_difference;
    point_code_move(code, time_ms, step);
    *ret_point = (struct point){.time_ms = (int64_t)time_ms, .step = (int64_t)step, .value = value};
    *rest = str_slice(*rest, at, rest->n);
    return 1;
}
