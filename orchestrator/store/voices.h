/* SPDX-License-Identifier: Apache-2.0
 * Whose voice somebody has on a request for approval: his own, or that of whoever has delegated it to him.
 */
#ifndef SLUICE_STORE_VOICES_H
#define SLUICE_STORE_VOICES_H

#include "base/json.h"
#include "store/store.h"

struct voice_asked {
    const struct json *spec;       /* of the request (run/approval.h) */
    const char *actor;
    const struct json *groups;     /* list: those of the actor */
    const struct json *configured; /* {group: [name, ...]} of config.yaml, for those of others */
    int64_t now_ms;
};
struct voice {
    const char *on_behalf_of; /* NULL: it is his own */
    struct json groups;       /* of whose voice it is */
};
/* Who may not decide himself may do so for another who may, unless he is excluded himself. 0, or -1 with ERR_DENIED and
 * why he may not. In `arena`. */
int store_voice_find(struct store *store, const struct voice_asked *asked, struct arena *arena, struct voice *ret,
                     struct err *err);

#endif
