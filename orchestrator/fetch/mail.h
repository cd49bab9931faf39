/* SPDX-License-Identifier: Apache-2.0
 * One mail by libcurl, to a server that takes it (SMTP, RFC 5321).
 */
#ifndef SLUICE_FETCH_MAIL_H
#define SLUICE_FETCH_MAIL_H

#include "fetch/transfer.h"

/* 0 when the server has taken it, with its last status; for some only, since it refused others for good: with a remark.
 * -1 in words otherwise; the status is then what it
 * refused with, 0 when it said nothing. */
int fetch_mail_send(const struct fetch_request *request, struct arena *arena, struct fetch_answer *ret_answer,
                    struct err *err);

#endif
