/* SPDX-License-Identifier: Apache-2.0 */
#include "origins.h"

#include <execinfo.h>

enum { FRAMES = 9, PLACES = 1 << 16 };

void origins_begin(struct origins *origins, bool on)
{
    origins->known = origins->known == NULL ? mem_array(PLACES, sizeof *origins->known) : origins->known;
    origins->new_ones.count = 0;
    origins->on = on;
}

void origins_note(struct origins *origins, const void *what, int number)
{
    void *frames[FRAMES];
    if (!origins->on) {
        return;
    }
    int count = backtrace(frames, FRAMES);
    uint64_t place = (uintptr_t)what * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < count; i++) {
        place = (place ^ (uintptr_t)frames[i]) * 0x100000001b3u;
    }
    for (size_t at = place % PLACES;; at = (at + 1) % PLACES) {
        if (origins->known[at] == place) {
            return;
        }
        if (origins->known[at] == 0) {
            origins->known[at] = place;
            vec_push(&origins->new_ones, number);
            return;
        }
    }
}
