/* SPDX-License-Identifier: Apache-2.0 */
#include "http/byte_range.h"

#include "base/parse.h"

int byte_range_read(struct str text, int64_t size, int64_t *ret_from, int64_t *ret_count)
{
    struct str first = {0};
    int64_t from = 0;
    int64_t to = size - 1;
    if (!str_starts(text, STR("bytes="))) {
        return 0;
    }
    struct str rest = str_slice(text, strlen("bytes="), text.n);
    (void)str_cut(&rest, '-', &first);
    if (rest.p == NULL || str_find_byte(rest, ',', 0) >= 0 || (first.n == 0 && rest.n == 0) ||
        (first.n > 0 && parse_int(first, 0, INT64_MAX, &from, NULL) < 0) ||
        (rest.n > 0 && parse_int(rest, 0, INT64_MAX, &to, NULL) < 0)) {
        return 0;
    }
    if (first.n == 0) {
        from = to >= size ? 0 : size - to;
        to = size - 1;
    }
    to = to >= size ? size - 1 : to;
    if (from > to) {
        return -1;
    }
    *ret_from = from;
    *ret_count = to - from + 1;
    return 1;
}
