/* SPDX-License-Identifier: Apache-2.0
 * Where in the program something is asked of the world (a statement, a call of the system), and by which way: a fault
 * at each such place, the first time or the last, tries what a fault at every call would, in a small part of the time.
 */
#ifndef SLUICE_SIM_ORIGINS_H
#define SLUICE_SIM_ORIGINS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct origin;

struct origins {
    bool on;
    struct origin *known; /* a hash set of places, since the program began */
    int noting;           /* how often it was begun */
    struct {
        VEC_OF(int)
    } first, last; /* of what is new, by number */
};

/* From now on places are noted, or are not. What was new before is so no longer. */
void origins_begin(struct origins *origins, bool on);
/* `what` is asked, by address, as number so and so: that is kept if none came from this place, by this way, before
 * origins_begin, or before it at all. */
void origins_note(struct origins *origins, const void *what, int number);
/* What was kept: of each new place the first number, and of every nth the last, if it is another. Valid until
 * origins_begin. */
const int *origins_kept(struct origins *origins, size_t nth, size_t *ret_count);

#endif
