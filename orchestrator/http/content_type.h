/* SPDX-License-Identifier: Apache-2.0
 * What a file is, by its name.
 */
#ifndef SLUICE_HTTP_CONTENT_TYPE_H
#define SLUICE_HTTP_CONTENT_TYPE_H

#include <stdbool.h>

/* Of the last part of a path, as MLflow's server has it: "text/plain" for all that it calls text ("a.csv", "MLmodel"),
 * "image/png", for a name that is not known "application/octet-stream".
 * With `runs` what a page loads is called what it is for a browser (scripts, styles, JSON); else what a browser runs is
 * plain text, since a file that somebody has sent must not become a script of our own pages. */
const char *http_type_of(const char *name, bool runs);

#endif
