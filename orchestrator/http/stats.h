/* SPDX-License-Identifier: Apache-2.0
 * What a server has answered, as numbers.
 */
#ifndef SLUICE_HTTP_STATS_H
#define SLUICE_HTTP_STATS_H

#include "base/histogram.h"
#include "http/exchange.h"

enum { HTTP_STATUS_MAX = 599 };

struct http_stats {
    uint64_t answers[HTTP_OTHER + 1][HTTP_STATUS_MAX + 1]; /* by method and status */
    struct histogram times;                                /* from the head of the request to the answer */
};

/* Empty. */
void http_stats_open(struct http_stats *stats);
/* The exchange has its answer; NULL: it is not counted. */
void http_stats_count(struct http_stats *stats, const struct http_exchange *exchange);

#endif
