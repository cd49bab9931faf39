/* SPDX-License-Identifier: Apache-2.0
 * What an occurrence does when the last run of its schedule has not ended. Pure.
 */
#ifndef SLUICE_TRIGGER_OVERLAP_H
#define SLUICE_TRIGGER_OVERLAP_H

#include "pipeline/pipeline.h"

#include <stddef.h>

enum overlap_verdict {
    OVERLAP_STARTS,
    OVERLAP_IS_SKIPPED,
    OVERLAP_WAITS,    /* until the runs before it have ended */
    OVERLAP_REPLACES, /* the same; and those that wait are skipped */
    OVERLAP_CANCELS,  /* starts; and the runs before it are cancelled */
};

/* `open`: runs of the schedule that have not ended. `waiting`: occurrences before this one that wait. */
enum overlap_verdict overlap_decide(enum overlap overlap, size_t open, size_t waiting);

#endif
