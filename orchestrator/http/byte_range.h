/* SPDX-License-Identifier: Apache-2.0
 * The header Range (RFC 9110, 14.2), as far as it asks for one range of bytes.
 */
#ifndef SLUICE_HTTP_BYTE_RANGE_H
#define SLUICE_HTTP_BYTE_RANGE_H

#include "base/str.h"

#include <stdint.h>

/* "bytes=0-99", "bytes=100-", "bytes=-50": of one range. 1 when it is one within the size, 0 when it is none that we
 * know (all is sent), -1 when it lies outside. */
int byte_range_read(struct str text, int64_t size, int64_t *ret_from, int64_t *ret_count);

#endif
