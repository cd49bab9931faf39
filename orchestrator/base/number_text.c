/* SPDX-License-Identifier: Apache-2.0
 * A double is scaled by a power of ten, so that its first 17 digits are an integer, with 64 bits behind the point. How
 * far a rounding of it may be off, and still be read back as the same number, is half of what lies between it and its
 * neighbours, scaled alike. Both are known but for a few units of their last bits, since powers of ten are not whole
 * numbers of bits: where such a unit would decide, which is hardly ever, printf and strtod do.
 */
#include "base/number_text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

/* ---- digits ---- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Writes the digits of a number so that they end at `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t number)
{
    while (number >= 100) {
        end -= 2;
        memcpy(end, pairs + number % 100 * 2, 2);
        number /= 100;
    }
    if (number >= 10) {
        end -= 2;
        memcpy(end, pairs + number * 2, 2);
    } else {
        *--end = (char)('0' + number);
    }
    return end;
}

static size_t put_unsigned(uint64_t number, char *room)
{
    char digits[20];
    char *end = digits + sizeof digits;
    char *begin = digits_before(end, number);
    size_t count = (size_t)(end - begin);
    memcpy(room, begin, count);
    return count;
}

size_t number_text_int(int64_t value, char room[NUMBER_TEXT_MAX])
{
    size_t sign = value < 0;
    room[0] = '-';
    return sign + put_unsigned(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, room + sign);
}

/* ---- powers of ten ---- */

enum { COARSE = 27, COARSE_FIRST = -297 };

/* The first 128 bits of 10 to the -297, -270, ... 324; 5 to the 27th is the last that 64 bits hold. */
static const uint64_t coarse[][2] = {
    {0xa76c582338ed2621, 0xaf2af2b80af6f24e}, {0x873e4f75e2224e68, 0x5a7744a6e804a291},
    {0xda7f5bf590966848, 0xaf39a475506a899e}, {0xb080392cc4349dec, 0xbd8d794d96aacfb3},
    {0x8e938662882af53e, 0x547eb47b7282ee9c}, {0xe65829b3046b0afa, 0x0cb4a5a3112a5112},
    {0xba121a4650e4ddeb, 0x92f34d62616ce413}, {0x964e858c91ba2655, 0x3a6a07f8d510f86f},
    {0xf2d56790ab41c2a2, 0xfae27299423fb9c3}, {0xc428d05aa4751e4c, 0xaa97e14c3c26b886},
    {0x9e74d1b791e07e48, 0x775ea264cf55347d}, {0x8000000000000000, 0x0000000000000000},
    {0xcecb8f27f4200f3a, 0x0000000000000000}, {0xa70c3c40a64e6c51, 0x999090b65f67d924},
    {0x86f0ac99b4e8dafd, 0x69a028bb3ded71a3}, {0xda01ee641a708de9, 0xe80e6f4820cc9495},
    {0xb01ae745b101e9e4, 0x5ec05dcff72e7f8f}, {0x8e41ade9fbebc27d, 0x14588f13be847307},
    {0xe5d3ef282a242e81, 0x8f1668c8a86da5fa}, {0xb9a74a0637ce2ee1, 0x6d953e2bd7173692},
    {0x95f83d0a1fb69cd9, 0x4abdaf101564f98e}, {0xf24a01a73cf2dccf, 0xbc633b39673c8cec},
    {0xc3b8358109e84f07, 0x0a862f80ec4700c8}, {0x9e19db92b4e31ba9, 0x6c07a2c26a8346d1},
};

static const uint64_t fives[COARSE] = {
    1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125, 6103515625,
    30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625, 476837158203125,
    2384185791015625, 11920928955078125, 59604644775390625, 298023223876953125, 1490116119384765625,
};

/* significand * 2^exponent, cut: the significand has at least 126 bits. */
struct power {
    wide significand;
    int exponent;
};

/* The product without its last 64 bits. */
static wide multiply(uint64_t a, wide b)
{
    return (wide)a * (uint64_t)(b >> 64) + ((wide)a * (uint64_t)b >> 64);
}

static struct power power_of_ten(int n)
{
    int row = (n - COARSE_FIRST) / COARSE;
    int first = COARSE_FIRST + row * COARSE;
    uint64_t five = fives[n - first];
    int zeros = __builtin_clzll(five);
    wide base = (wide)coarse[row][0] << 64 | coarse[row][1];
    /* 217706 / 65536 is the binary logarithm of ten, near enough for all of these. */
    int exponent = (int)((int64_t)first * 217706 >> 16) - 127;
    return (struct power){multiply(five << zeros, base), exponent + (n - first) - zeros + 64};
}

/* ---- the shortest decimal ---- */

enum { DIGITS = 17, UNSURE = 4 };
#define LEAST UINT64_C(10000000000000000)  /* of 17 digits */
#define BEYOND UINT64_C(100000000000000000)

struct decimal {
    uint64_t digits; /* `precision` of them, or one more where rounding has carried */
    int precision;   /* of the "%.*g" that it is */
    int exponent;    /* of the first of `precision` digits: 0 for 1.5 */
};

struct scaled {
    uint64_t whole;
    uint64_t part; /* of 2^64 */
    wide gap;      /* half of the distance to the next double, in units of 1 / 2^64 */
    int exponent;  /* of the first digit */
};

/* The number is significand * 2^exponent. */
static struct scaled scale_by(uint64_t significand, int exponent, int first_digit)
{
    struct power ten = power_of_ten(DIGITS - 1 - first_digit);
    wide product = multiply(significand << 11, ten.significand) >> -(exponent - 11 + ten.exponent + 128);
    return (struct scaled){.whole = (uint64_t)(product >> 64),
                           .part = (uint64_t)product,
                           .gap = ten.significand >> -(exponent - 1 + ten.exponent + 64),
                           .exponent = first_digit};
}

static struct scaled scale(uint64_t significand, int exponent)
{
    int first_digit = (int)((int64_t)(exponent + 52) * 78913 >> 18); /* the decimal logarithm of two */
    struct scaled scaled = scale_by(significand, exponent, first_digit);
    return scaled.whole < BEYOND ? scaled : scale_by(significand, exponent, first_digit + 1);
}

enum verdict { TOO_FAR, NEAR, UNKNOWN };

/* Rounded to whole multiples of `unit`: is that read back as the same number? */
static enum verdict round_to(const struct scaled *scaled, uint64_t unit, bool narrow_below, uint64_t *ret)
{
    wide rest = (wide)(scaled->whole % unit) << 64 | scaled->part;
    wide size = (wide)unit << 64;
    bool up = rest > size - rest;
    wide off = up ? size - rest : rest;
    wide gap = narrow_below && !up ? scaled->gap / 2 : scaled->gap;
    *ret = scaled->whole / unit + up;
    if (off > gap + UNSURE) {
        return TOO_FAR;
    }
    return off + UNSURE < gap && off + UNSURE < size / 2 ? NEAR : UNKNOWN;
}

/* False: a unit of the last bit would decide. */
static bool shortest(uint64_t significand, int exponent, struct decimal *ret)
{
    bool narrow_below = significand == UINT64_C(1) << 52; /* the numbers below are twice as close */
    struct scaled scaled = scale(significand, exponent);
    enum verdict verdict = UNKNOWN;
    int precision = 15;
    for (uint64_t unit = 100; unit > 1; unit /= 10, precision++) {
        verdict = round_to(&scaled, unit, narrow_below, &ret->digits);
        if (verdict != TOO_FAR) {
            break;
        }
    }
    if (verdict == TOO_FAR) { /* 17 digits always do */
        uint64_t half = UINT64_C(1) << 63;
        ret->digits = scaled.whole + (scaled.part >= half);
        verdict = scaled.part > half + UNSURE || scaled.part < half - UNSURE ? NEAR : UNKNOWN;
    }
    ret->precision = precision;
    ret->exponent = scaled.exponent;
    return verdict == NEAR && scaled.whole >= LEAST - 1;
}

/* ---- its text ---- */

static size_t put_zeros(char *room, int count)
{
    memset(room, '0', (size_t)count);
    return (size_t)count;
}

static size_t put_exponent(char *room, int exponent)
{
    size_t n = 0;
    room[n++] = 'e';
    room[n++] = exponent < 0 ? '-' : '+';
    exponent = abs(exponent);
    if (exponent < 10) {
        room[n++] = '0';
    }
    return n + put_unsigned((uint64_t)exponent, room + n);
}

/* As "%g" has it: with an exponent where the digits would end before the point, or begin far behind it. */
static size_t put_decimal(const struct decimal *decimal, char *room)
{
    char digits[20];
    char *end = digits + sizeof digits;
    const char *from = digits_before(end, decimal->digits);
    int exponent = decimal->exponent + ((int)(end - from) - decimal->precision); /* 9.99 may have become 10 */
    while (end - from > 1 && end[-1] == '0') {
        end--;
    }
    int count = (int)(end - from);
    size_t n = 0;
    if (exponent < -4 || exponent >= decimal->precision) {
        room[n++] = from[0];
        if (count > 1) {
            room[n++] = '.';
            memcpy(room + n, from + 1, (size_t)count - 1);
            n += (size_t)count - 1;
        }
        return n + put_exponent(room + n, exponent);
    }
    if (exponent < 0) {
        memcpy(room, "0.", 2);
        n = 2 + put_zeros(room + 2, -exponent - 1);
        memcpy(room + n, from, (size_t)count);
        return n + (size_t)count;
    }
    int before = exponent + 1 < count ? exponent + 1 : count;
    memcpy(room, from, (size_t)before);
    n = (size_t)before + put_zeros(room + before, exponent + 1 - before);
    if (count > before) {
        room[n++] = '.';
        memcpy(room + n, from + before, (size_t)(count - before));
        n += (size_t)(count - before);
    }
    return n;
}

static size_t put_slowly(double value, char room[NUMBER_TEXT_MAX])
{
    char text[NUMBER_TEXT_MAX];
    int length = 0;
    for (int digits = 15; digits <= DIGITS; digits++) {
        length = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) { /* the programs never call setlocale: the C locale's point */
            break;
        }
    }
    memcpy(room, text, (size_t)length);
    return (size_t)length;
}

size_t number_text_double(double value, char room[NUMBER_TEXT_MAX])
{
    enum { FRACTION_BITS = 52, EXPONENT_BIAS = 1075, EXPONENT_MASK = 0x7ff };
    static const double whole_max = 1e15; /* "%.15g" has no exponent below */
    uint64_t bits = 0;
    struct decimal decimal;
    memcpy(&bits, &value, sizeof bits);
    size_t sign = bits >> 63;
    int exponent = (int)(bits >> FRACTION_BITS & EXPONENT_MASK);
    double size = fabs(value);
    room[0] = '-';
    if (size < whole_max && size == (double)(uint64_t)size) {
        return sign + put_unsigned((uint64_t)size, room + sign);
    }
    uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    if (exponent == 0 || !shortest(fraction | UINT64_C(1) << FRACTION_BITS, exponent - EXPONENT_BIAS, &decimal)) {
        return put_slowly(value, room);
    }
    return sign + put_decimal(&decimal, room + sign);
}
