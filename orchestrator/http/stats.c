/* SPDX-License-Identifier: Apache-2.0 */
#include "http/stats.h"

void http_stats_open(struct http_stats *stats)
{
    *stats = (struct http_stats){.times.bounds = histogram_bounds_quick};
}

void http_stats_count(struct http_stats *stats, const struct http_exchange *exchange)
{
    int status = exchange->answer.status;
    if (stats == NULL) {
        return;
    }
    stats->answers[exchange->method][status < 0 || status > HTTP_STATUS_MAX ? 0 : status]++;
    histogram_end(&stats->times, exchange->begun_at);
}
