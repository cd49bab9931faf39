/* SPDX-License-Identifier: Apache-2.0
 * Finding a file by the name that MLflow's client makes of it: the client percent-decodes the names of a list until
 * nothing changes any more, and asks for what comes of that.
 */
#ifndef SLUICE_API_DECODED_PATH_H
#define SLUICE_API_DECODED_PATH_H

#include "api/files.h"

/* The path of what lies in `folder` at `below`, each part under its own name or, where nothing has that, under one of
 * which a client makes it; of several the first, bytewise. In the arena; NULL when there is nothing. */
const char *decoded_path_find(const struct files *files, const char *folder, const char *below, struct arena *arena);

#endif
