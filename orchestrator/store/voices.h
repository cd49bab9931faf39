/* SPDX-License-Identifier: Apache-2.0
 * Whose voice somebody has on a request for approval, by the delegations and votes in the store (run/voice.h).
 */
#ifndef SLUICE_STORE_VOICES_H
#define SLUICE_STORE_VOICES_H

#include "base/json.h"
#include "store/store.h"

#include <stdbool.h>

struct voice_asked {
    const struct json *spec;       /* of the request (run/approval.h) */
    const char *actor;
    const struct json *groups;     /* list: those of the actor */
    const struct json *configured; /* {group: [name, ...]} of config.yaml, for those of others */
    int64_t now_ms;
    int64_t wait; /* its row */
    /* Why somebody may not decide it whoever is asked; NULL: he may. Without it nobody is barred. */
    const char *(*bars)(void *ctx, const char *person);
    void *bars_ctx;
};
struct voice {
    const char *on_behalf_of; /* NULL: it is his own */
    struct json groups;       /* of whose voice it is */
    bool said;                /* his word would add nothing */
};
/* 0, or -1 with ERR_DENIED and why he may not. In `arena`. */
int store_voice_find(struct store *store, const struct voice_asked *asked, struct arena *arena, struct voice *ret,
                     struct err *err);

#endif
