/* SPDX-License-Identifier: Apache-2.0
 * A copy of the whole store as it is at one moment, taken by a reader while another connection writes.
 */
#ifndef SLUICE_STORE_SNAPSHOT_H
#define SLUICE_STORE_SNAPSHOT_H

#include "store/store.h"

#include <stdint.h>

/* Writes a copy to `path`, which must not exist: one read transaction (VACUUM INTO), so the copy is of one moment, and
 * what was committed before the call is in it. Meanwhile whoever writes the store cannot make its write-ahead log
 * begin anew: ERR_LIMIT once its file has grown by more than `log_bytes_max`. The copy is whole only after 0, and not
 * on the disk yet (fs_sync). */
int store_copy_to(struct store *store, const char *path, int64_t log_bytes_max, struct err *err);
/* Before a store of an earlier schema is brought up to date: copies it to "PATH.schema-N", which is on the disk when
 * this returns 1, with its name; one of before is replaced. 0: there is none, or nothing to be done. Only for who holds
 * the home. */
int store_keep_older(const char *path, struct arena *arena, const char **ret_copy, struct err *err);
/* For the writer, after a long reader: the write-ahead log is copied into the database and its file cut to nothing, at
 * once or, while somebody reads, in one of the next store_tidy. Never waits. */
void store_shorten_log(struct store *store);

#endif
