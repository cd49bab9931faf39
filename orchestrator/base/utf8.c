/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t utf8_decode(const char *p, size_t n, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0) {
        return 0;
    }
    unsigned char first = (unsigned char)p[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xc2 && first < 0xe0 ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > n) {
        return 0;
    }
    uint32_t code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)p[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (next & 0x3f);
    }
    if (code < least[length] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) {
        return 0;
    }
    *ret_code = code;
    return length;
}

bool utf8_valid(struct str text)
{
    size_t at = 0;
    while (at < text.n) {
        if ((unsigned char)text.p[at] < 0x80) {
            at++;
            continue;
        }
        uint32_t code = 0;
        size_t length = utf8_decode(text.p + at, text.n - at, &code);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

size_t utf8_encode(uint32_t code, char room[4])
{
    if (code < 0x80) {
        room[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        room[0] = (char)(0xc0 | (code >> 6));
        room[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        room[0] = (char)(0xe0 | (code >> 12));
        room[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        room[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    room[0] = (char)(0xf0 | (code >> 18));
    room[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    room[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    room[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The blocks that terminals draw two columns wide, and those that add nothing (Unicode 15, coarse). */
static size_t columns_of(uint32_t code)
{
    static const uint32_t wide[][2] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6},
                                       {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    static const uint32_t none[][2] = {
        {0x0300, 0x036f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        if (code >= none[i][0] && code <= none[i][1]) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (code >= wide[i][0] && code <= wide[i][1]) {
            return 2;
        }
    }
    return 1;
}

size_t utf8_columns(struct str text)
{
    size_t columns = 0;
    size_t at = 0;
    while (at < text.n) {
        uint32_t code = 0;
        size_t length = utf8_decode(text.p + at, text.n - at, &code);
        columns += length == 0 ? 1 : columns_of(code);
        at += length == 0 ? 1 : length;
    }
    return columns;
}

/* What changes how the rest is shown, and is more than a byte: the control characters U+0080 to U+009F become "??", and
 * what turns the direction of writing (U+202A to U+202E, U+2066 to U+2069, by which a text reads as another than it is)
 * U+FFFD. The bytes that it has; 0: it is none. */
static size_t calm_long(unsigned char *p)
{
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
        p[0] = p[1] = '?';
        return 2;
    }
    bool turns = p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                                  (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
    if (turns) {
        p[0] = 0xef;
        p[1] = 0xbf;
        p[2] = 0xbd;
    }
    return turns ? 3 : 0;
}

static void calm(char *text, const char *kept)
{
    for (unsigned char *p = (unsigned char *)text; *p != '\0';) {
        size_t size = calm_long(p);
        bool is_control = size == 0 && (*p < 0x20 || *p == 0x7f) && strchr(kept, *p) == NULL;
        if (is_control) {
            *p = *p == '\n' || *p == '\r' || *p == '\t' ? ' ' : '?';
        }
        p += size == 0 ? 1 : size;
    }
}

void utf8_one_line(char *text)
{
    calm(text, "");
}

void utf8_lines(char *text)
{
    calm(text, "\n\t");
}
