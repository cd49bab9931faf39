/* SPDX-License-Identifier: Apache-2.0
 * The page /metrics: what a home and the server in it do, for Prometheus.
 *
 * One table of families (page_families) makes and documents it. Labels are bounded sets: pipelines, states, triggers,
 * kinds; never a run, a step or a user.
 */
#ifndef SLUICE_METRICS_PAGE_H
#define SLUICE_METRICS_PAGE_H

#include "engine/engine.h"
#include "http/server.h"
#include "metrics/ledger.h"

/* What is looked at; all borrowed. */
struct page {
    struct store *store;
    const char *home;
    const char *version; /* of sluice */
    const struct engine *engine;
    const struct http_server *http;
    const struct http_stats *answers;
    struct ledger *ledger;
    int64_t started_ms; /* wall clock */
    int64_t config_ms;  /* when config.yaml was taken last; 0: there is none */
    bool config_good;   /* the last attempt to take it was good */
};

struct page_family {
    const char *name;
    const char *type;
    const char *help;
    int (*write)(const struct page *page, const char *name, struct strbuf *out, struct err *err);
};
extern const struct page_family page_families[]; /* the last has no name */

/* Outside of a transaction or in one. */
int page_write(const struct page *page, struct strbuf *out, struct err *err);

#endif
