/* SPDX-License-Identifier: Apache-2.0
 * What was probably meant by a duration or a size that cannot be read: "10min", "1.5h", "8 GiB", "8".
 *
 * For messages alone: nothing acts on a guess. Pure, and from any thread.
 */
#ifndef SLUICE_BASE_MEASURE_SLIP_H
#define SLUICE_BASE_MEASURE_SLIP_H

#include "base/str.h"

enum { MEASURE_SLIP_MAX = 48 };

/* As parse_duration_ms would take it ("10m", "1h30m"), in `room`; false when nobody could say. Units may be words, have
 * capitals, blanks before them and fractions. A number alone is of seconds. */
bool duration_slip(struct str text, char room[static MEASURE_SLIP_MAX]);
/* As parse_size_bytes would take it. A number alone is of GiB when it is small, else of MiB. */
bool size_slip(struct str text, char room[static MEASURE_SLIP_MAX]);

#endif
