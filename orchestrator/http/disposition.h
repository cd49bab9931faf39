/* SPDX-License-Identifier: Apache-2.0
 * The header Content-Disposition of a file that is to be saved (RFC 6266).
 */
#ifndef SLUICE_HTTP_DISPOSITION_H
#define SLUICE_HTTP_DISPOSITION_H

#include "base/arena.h"

/* `attachment; filename=NAME` for a name that is a token, in quotes where it is not. A name with letters beyond ASCII,
 * or with control characters, stands there twice: first with '_' for each of them, for whoever reads no more, then
 * whole (`filename*=UTF-8''NAME`, RFC 8187). `name` is UTF-8, or what else a file may be called. In `arena`. */
const char *http_attachment(struct arena *arena, const char *name);

#endif
