/* SPDX-License-Identifier: Apache-2.0
 * Digests of files and folders, remembered: what the file system says is unchanged is not read again.
 */
#ifndef SLUICE_ENGINE_FILE_DIGEST_H
#define SLUICE_ENGINE_FILE_DIGEST_H

#include "digest/digest.h"
#include "digest/stamp.h"
#include "store/store.h"

/* What digest_tree gives, from the table file_digests as far as its stamps (device, inode, size, times of the last
 * write and change) are those of the files. A file that was written less than two seconds before `now_ms` is read again
 * the next time: another write could have left the same stamp. Within the transaction of a turn. */
int file_digest(struct store *store, const char *path, int64_t now_ms, struct digest *ret_digest, struct err *err);
/* The same of one file, and the stamp (digest/stamp.h) by which whoever finds it again knows that it has this digest.
 * "" when the file was written so lately that it may have another. */
int file_digest_stamped(struct store *store, const char *path, int64_t now_ms, struct digest *ret_digest,
                        char ret_stamp[STAMP_BYTES], struct err *err);

#endif
