/* SPDX-License-Identifier: Apache-2.0
 * A point in time as people write it in pipelines.
 */
#ifndef SLUICE_WAIT_INSTANT_H
#define SLUICE_WAIT_INSTANT_H

#include "fault.h"

#include <stdint.h>

/* Milliseconds since 1970 of an RFC 3339 date-time, "2026-03-01T08:00:00Z" or "2026-03-01 08:00+01:00": seconds and
 * their fraction may be left out, the zone may not. A leap second is the second after it. `what` names the parameter.
 */
int instant_parse(const char *text, const char *what, int64_t *ret_ms, struct fault *fault);

#endif
