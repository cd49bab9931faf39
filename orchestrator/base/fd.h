/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing a descriptor whole, however often that is interrupted or comes in parts.
 */
#ifndef SLUICE_BASE_FD_H
#define SLUICE_BASE_FD_H

#include "base/err.h"
#include "base/strbuf.h"

/* Adds what comes until the end. More than `text` may hold is ERR_LIMIT, at once. Messages call it `what`: "the
 * request". */
int fd_read_all(int fd, const char *what, struct strbuf *text, struct err *err);
/* The first `size` bytes of a file, without its position. A file that is shorter is ERR_IO. */
int fd_read_start(int fd, const char *what, char *room, size_t size, struct err *err);
/* -1 with errno. */
int fd_write_all(int fd, struct str bytes);

#endif
