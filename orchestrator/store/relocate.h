/* SPDX-License-Identifier: Apache-2.0
 * What has to change in a store that was copied, before another home uses it: where its files are, and that nothing of
 * what ran then runs now. Inside one transaction of the caller.
 */
#ifndef SLUICE_STORE_RELOCATE_H
#define SLUICE_STORE_RELOCATE_H

#include "store/store.h"

/* What stands for the boot id of the machine in attempts that ran when the store was copied: the id of none. */
#define STORE_BOOT_RESTORED "restored"

/* Rows that say where files of the home `from` are say that they are at the same place of the home `to` (absolute
 * paths without '/' at their ends). What people and clients wrote (params, tags, definitions, the activity log) stays
 * as they wrote it. */
int store_relocate(struct store *store, const char *from, const char *to, struct err *err);
/* Attempts that have no end are of no machine that runs: the next engine finds them lost, and looks for none of their
 * processes, which may live on for the home that was copied. */
int store_detach_attempts(struct store *store, struct err *err);

#endif
