/* SPDX-License-Identifier: Apache-2.0
 * What a file is, by its name.
 */
#ifndef SLUICE_HTTP_CONTENT_TYPE_H
#define SLUICE_HTTP_CONTENT_TYPE_H

#include <stdbool.h>

/* Of the last part of a path: "text/csv", for a name that is not known "application/octet-stream".
 * With `runs` what a page loads and a browser runs is called so (scripts, styles); else it is plain text, since a file
 * that somebody has sent must not become a script of our own pages. */
const char *http_type_of(const char *name, bool runs);

#endif
