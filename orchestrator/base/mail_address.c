/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mail_address.h"

enum { MOST_BYTES = 254 };

bool mail_address_is_plain(struct str text)
{
    ptrdiff_t at = str_find_byte(text, '@', 0);
    if (at <= 0 || text.n > MOST_BYTES || (size_t)at + 1 == text.n || text.p[0] == '-' ||
        str_find_byte(text, '@', (size_t)at + 1) >= 0) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("<>()[],;:\\\"", c) != NULL) {
            return false;
        }
    }
    return true;
}
