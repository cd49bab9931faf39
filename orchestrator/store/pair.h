/* SPDX-License-Identifier: Apache-2.0
 * A key and a value: a tag or a param, as callers hand them over in lists. Both are borrowed for the call.
 */
#ifndef SLUICE_STORE_PAIR_H
#define SLUICE_STORE_PAIR_H

struct pair {
    const char *key, *value; /* a value of NULL is "" */
};

#endif
