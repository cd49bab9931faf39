/* SPDX-License-Identifier: Apache-2.0
 * What begins to be used while something is being removed beside its use (gc/beside.h). The removal was decided by what
 * somebody else has read; whatever this process, the only one that writes, has begun to refer to since then is kept
 * down by triggers of its own connection, in the transaction that refers to it: no road to such a row can be forgotten.
 */
#ifndef SLUICE_STORE_MEANWHILE_H
#define SLUICE_STORE_MEANWHILE_H

#include "store/store.h"

/* Outside a transaction. From now on until the end references are noted. Beginning again forgets what was noted. */
int store_meanwhile_begin(struct store *store, struct err *err);
/* Calls for each text that names runs or models (as those of store/holdings.h do) and was written since the last time;
 * in a transaction of the caller. */
int store_meanwhile_take(struct store *store, void (*take)(void *ctx, struct str text), void *ctx, struct err *err);
void store_meanwhile_end(struct store *store);

#endif
