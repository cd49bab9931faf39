/* SPDX-License-Identifier: Apache-2.0
 * Where in the program something is asked of the world (a statement, a call of the system), and by which way: a fault
 * at each such place once tries what a fault at every call would, in a small part of the time.
 */
#ifndef SLUICE_SIM_ORIGINS_H
#define SLUICE_SIM_ORIGINS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct origins {
    bool on;
    uint64_t *known; /* a hash set of places, since the program began */
    struct {
        VEC_OF(int)
    } new_ones;
};

/* From now on places are noted, or are not. What was new before is so no longer. */
void origins_begin(struct origins *origins, bool on);
/* `what` is asked, by address, as number so and so: that is kept if none came from this place, by this way, before. */
void origins_note(struct origins *origins, const void *what, int number);

#endif
