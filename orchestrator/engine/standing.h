/* SPDX-License-Identifier: Apache-2.0
 * How receivers of webhooks and channels have answered, so that those who do not leave room for those who do: who is
 * slow waits for others that are slow, and nobody else does.
 *
 * In memory only: after a restart it is learned anew, and who has a delivery that was tried before is taken for slow.
 */
#ifndef SLUICE_ENGINE_STANDING_H
#define SLUICE_ENGINE_STANDING_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they give way. */
enum standing {
    STANDING_SLOW,  /* he has not answered last, or has taken his time */
    STANDING_NEW,   /* nothing is known of him */
    STANDING_QUICK,
};

enum {
    STANDINGS = STANDING_QUICK + 1,
    STANDING_SLOW_MS = 5000,    /* an answer that takes as long is a slow one */
    STANDINGS_KNOWN_MAX = 10000, /* then all is learned anew */
};

struct known_receiver {
    char receiver[80];
    bool is_quick;
};

struct standings {
    VEC_OF(struct known_receiver) /* sorted */
};

/* `tried`: what is due to him was tried before. */
enum standing standing_of(const struct standings *standings, const char *receiver, bool tried);
/* He has answered, or has not, and that took so long. */
void standing_learn(struct standings *standings, const char *receiver, bool answered, int64_t took_ms);
void standings_clear(struct standings *standings);

/* May one more be sent to somebody of this standing, when so many are under way? Each standing leaves places for those
 * that are better. */
enum { STANDING_PLACES_MAX = 32 }; /* in all */
bool standing_has_place(const size_t under_way[STANDINGS], enum standing standing);

#endif
