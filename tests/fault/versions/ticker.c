/* SPDX-License-Identifier: Apache-2.0
 * A plugin that logs a point of a metric again and again until a file is there, then asks the store a question. How
 * many points it has logged it writes into a file of its own, too, which owes nothing to sluice.
 */
#include "step.h"

#include <stdio.h>
#include <unistd.h>

#define PARAMS(P)                                                                                                      \
    P(PATH, until, "required", "It ends when this is there.")                                                          \
    P(PATH, count, "required", "Receives the number of points.")
#define OUTPUTS(O) O(BOOL, answered, "Whether the store had an answer.")

STEP_PARAMS_STRUCT(ticker_params, PARAMS);

enum { PAUSE_US = 3000 };

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct ticker_params *p = params;
    const struct step_value *reply = NULL;
    long points = 0;
    while (access(p->until, F_OK) < 0) {
        if (host->cancelled(host) || host->metric(host, "ticks", (double)points, points, 0) < 0) {
            return STEP_FAILED;
        }
        points++;
        (void)usleep(PAUSE_US);
    }
    FILE *count = fopen(p->count, "w");
    if (count == NULL || fprintf(count, "%ld\n", points) < 0 || fclose(count) != 0) {
        return STEP_FAILED;
    }
    int asked = host->call(host, "registry.alias_get", "{\"name\": \"nobody\", \"alias\": \"none\"}", &reply);
    return host->output(host, "answered", asked == 0 ? "true" : "false") == 0 ? STEP_OK : STEP_FAILED;
}

STEP_PLUGIN(ticker, "1.0", "Logs points until a file is there.", STEP_PLAIN, ticker_params, PARAMS, OUTPUTS, run)
