/* SPDX-License-Identifier: Apache-2.0
 * Addresses of e-mail, as they may stand in a header and an envelope.
 */
#ifndef SLUICE_BASE_MAIL_ADDRESS_H
#define SLUICE_BASE_MAIL_ADDRESS_H

#include "base/str.h"

#include <stdbool.h>

/* name@example.org, of at most 254 bytes (RFC 5321, 4.5.3.1), and nothing else: no name beside it, no quotes, nothing
 * that would be another header, command or recipient. */
bool mail_address_is_plain(struct str text);

#endif
