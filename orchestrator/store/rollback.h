/* SPDX-License-Identifier: Apache-2.0
 * Back: an alias points again to the version that held it last by right, whoever asks for it and by whichever door.
 */
#ifndef SLUICE_STORE_ROLLBACK_H
#define SLUICE_STORE_ROLLBACK_H

#include "store/alias_moves.h"

struct rollback {
    const char *model, *alias;
    const char *actor;
    const char *reason; /* NULL: none was given */
    bool dry;           /* say where it would go, and change nothing */
};
struct rollback_outcome {
    int64_t from;         /* the version that held it until now; 0: none */
    struct alias_move to; /* the move by which the other has held it */
};
/* In the caller's transaction. ERR_STATE in words when there is nothing to go back to, ERR_DENIED when a guard stands
 * in the way. */
int store_alias_rollback(struct store *store, const struct rollback *rollback, int64_t now_ms, struct arena *arena,
                         struct rollback_outcome *ret, struct err *err);

#endif
