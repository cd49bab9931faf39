/* SPDX-License-Identifier: Apache-2.0 */
#include "base/percent.h"

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool percent_decode(struct str text, bool plus, struct arena *arena, struct str *ret)
{
    char *out = arena_array(arena, text.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0') {
            return false;
        }
        out[n++] = c;
    }
    *ret = (struct str){out, n};
    return true;
}

bool percent_pair_next(struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_value,
                       bool *ret_bad)
{
    struct str part;
    while (str_cut(rest, '&', &part)) {
        struct str name = {0};
        if (part.n == 0) {
            continue;
        }
        (void)str_cut(&part, '=', &name);
        *ret_bad = !percent_decode(name, true, arena, ret_name) || !percent_decode(part, true, arena, ret_value);
        return !*ret_bad;
    }
    return false;
}
