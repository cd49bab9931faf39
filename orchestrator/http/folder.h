/* SPDX-License-Identifier: Apache-2.0
 * A folder whose files are sent as they are: the built files of a page.
 *
 * Only plain files below it are sent; no link is followed, and no folder is listed. Each is sent with an ETag, and not
 * at all to who has it already (If-None-Match). A name that holds a hash of its bytes, as those that bundlers make
 * ("main.c2f5f8d4.js"), may be kept for ever; any other is asked for again each time.
 */
#ifndef SLUICE_HTTP_FOLDER_H
#define SLUICE_HTTP_FOLDER_H

#include "base/err.h"
#include "http/exchange.h"

struct http_folder {
    int fd;
    const char *policy; /* sent with each file as its Content-Security-Policy; NULL: none */
};

/* `path` is looked at once: what is put in its place later is not seen. */
int http_folder_open(const char *path, const char *policy, struct http_folder *ret, struct err *err);
void http_folder_close(struct http_folder *folder);
bool http_folder_has(const struct http_folder *folder, const char *path);

/* Answers with the file at `path` (relative, decoded, without "." and ".." as a part); where there is none, it is 404.
 * With "NAME.gz" beside it that is sent to who takes it. */
void http_folder_answer(const struct http_folder *folder, struct http_exchange *exchange, const char *path);

#endif
