/* SPDX-License-Identifier: Apache-2.0
 * /metrics: for whoever watches the server. What it says is made by its owner (metrics/page.h).
 */
#ifndef SLUICE_API_WATCH_H
#define SLUICE_API_WATCH_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stddef.h>

/* Of api_options; may change while the server runs. */
struct api_watch {
    int (*write)(void *ctx, struct strbuf *out, struct err *err);
    void *ctx;
    const char *type;          /* of its text */
    const struct str *readers; /* users who may read it, beside admins */
    size_t reader_count;
};

#endif
