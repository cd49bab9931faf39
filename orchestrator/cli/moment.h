/* SPDX-License-Identifier: Apache-2.0
 * Times that people give and read, in a zone.
 */
#ifndef SLUICE_CLI_MOMENT_H
#define SLUICE_CLI_MOMENT_H

#include "time/tzif.h"

/* "2026-03-29" (its first instant in the zone) or RFC 3339 ("2026-03-29T02:00:00+02:00") to epoch milliseconds. */
int moment_parse(const char *text, const struct tzif *zone, int64_t *ret_ms, struct err *err);
/* "Sun 2026-03-29 03:00:00 CEST". */
void moment_local(const struct tzif *zone, int64_t at_ms, char *room, size_t size);

#endif
