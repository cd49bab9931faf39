/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/standing.h"

#include <stdio.h>
#include <string.h>

bool standing_has_place(const size_t under_way[STANDINGS], enum standing standing)
{
    /* Of a standing and all that are worse, together. */
    static const size_t places[STANDINGS] = {
        [STANDING_SLOW] = 16,
        [STANDING_NEW] = 24,
        [STANDING_QUICK] = STANDING_PLACES_MAX,
    };
    size_t count = 0;
    for (int i = 0; i < STANDINGS; i++) {
        count += under_way[i];
        if (i >= (int)standing && count >= places[i]) {
            return false;
        }
    }
    return true;
}

/* Where he is, or would be. */
static size_t place_of(const struct standings *standings, const char *receiver)
{
    size_t from = 0;
    size_t to = standings->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(standings->items[middle].receiver, receiver) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static bool is_at(const struct standings *standings, size_t place, const char *receiver)
{
    return place < standings->count && strcmp(standings->items[place].receiver, receiver) == 0;
}

enum standing standing_of(const struct standings *standings, const char *receiver, bool tried)
{
    size_t place = place_of(standings, receiver);
    if (!is_at(standings, place, receiver)) {
        return tried ? STANDING_SLOW : STANDING_NEW;
    }
    return standings->items[place].is_quick ? STANDING_QUICK : STANDING_SLOW;
}

void standing_learn(struct standings *standings, const char *receiver, bool answered, int64_t took_ms)
{
    struct known_receiver known = {.is_quick = answered && took_ms < STANDING_SLOW_MS};
    if (strlen(receiver) >= sizeof known.receiver) {
        return;
    }
    (void)snprintf(known.receiver, sizeof known.receiver, "%s", receiver);
    if (standings->count >= STANDINGS_KNOWN_MAX) {
        standings->count = 0;
    }
    size_t place = place_of(standings, receiver);
    if (!is_at(standings, place, receiver)) {
        vec_push(standings, known);
        memmove(&standings->items[place + 1], &standings->items[place],
                (standings->count - 1 - place) * sizeof *standings->items);
    }
    standings->items[place] = known;
}

void standings_clear(struct standings *standings)
{
    vec_clear(standings);
}
