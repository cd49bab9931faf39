/* SPDX-License-Identifier: Apache-2.0
 * A file that is written as its bytes come, with their digest.
 *
 * Of a file that turns out to be long the bytes are put together to pieces, which a thread of its own digests and
 * writes while the next ones come; a few files at once have one, which together hold no more than 2 MiB. The others,
 * and those that are short, are written by whoever adds to them. All functions are for one thread at a time.
 */
#ifndef SLUICE_API_FILE_WRITER_H
#define SLUICE_API_FILE_WRITER_H

#include "base/err.h"
#include "digest/digest.h"

#include <stddef.h>

struct file_writer;

/* Writes to `fd`, which stays the caller's, and outlives it. */
struct file_writer *file_writer_new(int fd);
/* Before anything is added: nobody asks for the digest. */
void file_writer_no_digest(struct file_writer *writer);
/* Waits for the thread when it is some pieces behind. */
void file_writer_add(struct file_writer *writer, const char *bytes, size_t size);
/* All that was added is written when it returns, and nothing comes after it; said again, it says the same again. -1:
 * something could not be written; ERR_LIMIT for want of room. */
int file_writer_end(struct file_writer *writer, struct err *err);
/* Behind file_writer_end, once. */
struct digest file_writer_digest(struct file_writer *writer);
/* Also of one that was not ended: what was not written is left out. NULL is nothing. */
void file_writer_free(struct file_writer *writer);

#endif
