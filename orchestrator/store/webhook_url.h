/* SPDX-License-Identifier: Apache-2.0
 * Where a webhook may point: what can be told of a URL before anything is connected to.
 *
 * https alone, unless http is allowed too; a host; no user and no password. A host that is an address is judged here
 * by the address policy, and must be written as addresses are written: "0x7f.1" and "2130706433" are refused. What a
 * name resolves to is judged by sluice-fetch at each connection.
 */
#ifndef SLUICE_STORE_WEBHOOK_URL_H
#define SLUICE_STORE_WEBHOOK_URL_H

#include "base/address_policy.h"

enum { WEBHOOK_URL_MAX_BYTES = 4096 };

/* ERR_INPUT, where MLflow has words for it in those. */
int webhook_url_check(const char *url, const struct address_policy *policy, struct err *err);

#endif
