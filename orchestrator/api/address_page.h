/* SPDX-License-Identifier: Apache-2.0
 * The page behind the link by which whoever reads at an address agrees that mail comes there
 * (store/mail_addresses.h): /confirm/TOKEN (api/link_page.h).
 */
#ifndef SLUICE_API_ADDRESS_PAGE_H
#define SLUICE_API_ADDRESS_PAGE_H

#include "api/router.h"

extern const struct api_plain address_page_plains[];

#endif
