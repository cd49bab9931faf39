/* SPDX-License-Identifier: Apache-2.0
 * One form for the spellings of a URL, so that what is about it cannot be avoided by another.
 */
#ifndef SLUICE_SHARED_PLAIN_URL_H
#define SLUICE_SHARED_PLAIN_URL_H

#include "scratch.h"

/* As RFC 3986, 6.2.2 and 6.2.3, make it: scheme and host in small letters, without a user, the scheme's own port, "."
 * and "..", a fragment and bytes that needed no '%'. In `scratch`; what is no URL stays as it is. */
const char *plain_url(struct scratch *scratch, const char *url);

#endif
