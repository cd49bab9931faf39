/* SPDX-License-Identifier: Apache-2.0
 * `external_url` of config.yaml: by which people reach `sluice serve`, for links that they are sent.
 */
#ifndef SLUICE_CONFIG_EXTERNAL_URL_H
#define SLUICE_CONFIG_EXTERNAL_URL_H

#include "base/arena.h"
#include "base/err.h"

/* https://HOST[:PORT][/PATH], or http:// on this machine alone: what stands in a link must cross no network in the
 * open. `*ret` has no '/' at its end. */
int external_url_read(struct str text, struct arena *arena, const char **ret, struct err *err);

#endif
