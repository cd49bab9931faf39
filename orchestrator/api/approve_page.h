/* SPDX-License-Identifier: Apache-2.0
 * The page behind a link by which somebody decides about an approval (store/approval_links.h): /approve/TOKEN.
 *
 * Whoever shows the token is asked for no login. GET shows what is asked and changes nothing, since programs that look
 * into mails open what they find there; POST is the word of the person that the link was made for, once. The page runs
 * no scripts, loads nothing, and tells nobody where one came from.
 */
#ifndef SLUICE_API_APPROVE_PAGE_H
#define SLUICE_API_APPROVE_PAGE_H

#include "api/router.h"

#define APPROVE_PAGE_PREFIX "/approve/"

extern const struct api_plain approve_page_plains[];

#endif
