/* SPDX-License-Identifier: Apache-2.0
 * What differs between two configurations, by the names of their keys: never a value, which may be nobody's business.
 */
#ifndef SLUICE_CONFIG_DIFFERENCE_H
#define SLUICE_CONFIG_DIFFERENCE_H

#include "base/json.h"

/* "added metrics; changed gc.logs, groups; removed pools.warehouse"; "nothing" when they say the same. */
const char *config_difference(const struct json *before, const struct json *after, struct arena *arena);

#endif
