/* SPDX-License-Identifier: Apache-2.0
 * A plugin that logs points as a training loop does: at each step one of each key, the values with all their digits.
 */
#include "step.h"

#define PARAMS(P)                                                                                                      \
    P(INT, points, "default=1000000; min=1", "How many.")                                                              \
    P(INT, keys, "default=20; min=1; max=1000", "Of how many keys.")                                                   \
    P(INT, late, "default=0; min=0", "Of a hundred points, how many come with the time of an earlier step.")
#define OUTPUTS(O) O(INT, logged, "How many were logged.")

STEP_PARAMS_STRUCT(points_params, PARAMS);

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct points_params *p = params;
    uint64_t random = 0x9e3779b97f4a7c15;
    int64_t time_ms = 1700000000000;
    for (int64_t i = 0; i < p->points; i++) {
        int64_t step = i / p->keys;
        if (i % p->keys == 0) {
            time_ms += 200 + (int64_t)(next_random(&random) % 100);
        }
        char key[32];
        (void)snprintf(key, sizeof key, "train/loss_%d", (int)(i % p->keys));
        bool late = p->late > 0 && next_random(&random) % 100 < (uint64_t)p->late;
        double value = (1 + (double)(next_random(&random) >> 11) * 0x1p-53) / (1 + (double)step * 1e-3);
        if (host->metric(host, key, value, step, late ? time_ms - 5000 : time_ms) < 0) {
            return STEP_FAILED;
        }
    }
    step_output_int(host, "logged", p->points);
    return STEP_OK;
}

STEP_PLUGIN(points, "1.0", "Logs points.", STEP_REPEATABLE, points_params, PARAMS, OUTPUTS, run)
