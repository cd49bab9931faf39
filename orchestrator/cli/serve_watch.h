/* SPDX-License-Identifier: Apache-2.0
 * /metrics of `sluice serve`: the page, and who may read it.
 */
#ifndef SLUICE_CLI_SERVE_WATCH_H
#define SLUICE_CLI_SERVE_WATCH_H

#include "api/watch.h"
#include "cli/session.h"
#include "metrics/page.h"

struct serve_watch {
    struct api_watch watch;
    struct page page;
    struct http_stats answers;
};

/* Of a session that is open; its API must not be. Reads the activity log, so that no scrape has to. `http` is set in
 * the page when there is a server. */
int serve_watch_open(struct serve_watch *watch, struct session *session, struct err *err);
/* The session has another configuration: true, or could not take one. */
void serve_watch_config(struct serve_watch *watch, const struct config *config, bool good, int64_t now_ms);
void serve_watch_close(struct serve_watch *watch);

#endif
