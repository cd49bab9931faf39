/* SPDX-License-Identifier: Apache-2.0
 * Is a published file or folder still what it was? A cheap answer, and a sure one.
 *
 * The stamp is what the file system says of each file: device, inode, size, time of the last write and of the last
 * change of state, in nanoseconds. The last one is set by the kernel alone, by its clock: whoever writes, replaces,
 * renames or chmods a file leaves another stamp. So an unchanged stamp stands for unchanged bytes, unless the clock was
 * set back, or somebody wrote to the disk below the file system, or within the same tick of the kernel's clock (some
 * milliseconds) in which the stamp was taken. Another stamp proves nothing, a copy of the home has others: then the
 * bytes are digested.
 */
#ifndef SLUICE_DIGEST_STAMP_H
#define SLUICE_DIGEST_STAMP_H

#include "base/json.h"

#include <sys/stat.h>

enum { STAMP_MAX_FILES = 100000, STAMP_BYTES = 160 };

/* Of one file, by what stat said of it. */
void stamp_write(const struct stat *status, char room[STAMP_BYTES]);
/* Of a file or of all files of a folder, in the arena; "" when none can be taken (it is gone, or a link). */
const char *stamp_take(const char *path, struct arena *arena);
/* `entry` is one of the message's "verify" (wire/message.h). ERR_STATE in words when what is at its path is not what
 * was recorded, or gone. Reads the bytes only when the stamp is another. */
int stamp_verify(const struct json *entry, struct arena *arena, struct err *err);

#endif
