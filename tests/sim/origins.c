/* SPDX-License-Identifier: Apache-2.0 */
#include "origins.h"

#include <execinfo.h>

enum { FRAMES = 9, PLACES = 1 << 16 };

struct origin {
    uint64_t place; /* 0: none */
    int noting;     /* when it was new */
    size_t index;   /* in `first` and `last` then */
};

void origins_begin(struct origins *origins, bool on)
{
    origins->known = origins->known == NULL ? mem_array(PLACES, sizeof *origins->known) : origins->known;
    origins->first.count = origins->last.count = 0;
    origins->noting++;
    origins->on = on;
}

static struct origin *find(struct origins *origins, uint64_t place)
{
    size_t at = place % PLACES;
    while (origins->known[at].place != place && origins->known[at].place != 0) {
        at = (at + 1) % PLACES;
    }
    return &origins->known[at];
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
    struct origin *origin = find(origins, place);
    if (origin->place == 0) {
        *origin = (struct origin){place, origins->noting, origins->first.count};
        vec_push(&origins->first, number);
        vec_push(&origins->last, number);
    } else if (origin->noting == origins->noting) {
        origins->last.items[origin->index] = number;
    }
}

const int *origins_kept(struct origins *origins, size_t nth, size_t *ret_count)
{
    size_t places = origins->last.count;
    for (size_t i = 0; i < places; i += nth) {
        if (origins->last.items[i] != origins->first.items[i]) {
            vec_push(&origins->first, origins->last.items[i]);
        }
    }
    origins->last.count = 0;
    *ret_count = origins->first.count;
    return origins->first.items;
}
