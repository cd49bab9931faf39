/* SPDX-License-Identifier: Apache-2.0
 * Full jitter as in the AWS Architecture Blog's "Exponential Backoff And Jitter" (2015): cap first, then uniform in
 * [0, capped delay].
 */
#include "base/rng.h"
#include "run/run.h"

#include <math.h>

int64_t run_retry_delay_ms(const struct retry_policy *policy, int next, uint64_t seed, size_t step, size_t item)
{
    double delay = (double)policy->delay_ms * pow(policy->factor, next - 2);
    if (!(delay < (double)policy->max_delay_ms)) {
        delay = (double)policy->max_delay_ms;
    }
    int64_t capped_ms = (int64_t)delay;
    if (!policy->jitter || capped_ms <= 0) {
        return capped_ms;
    }
    struct rng rng;
    rng_seed(&rng, seed ^ (step * 0x9e3779b97f4a7c15u) ^ (item * 0xbf58476d1ce4e5b9u) ^ (uint64_t)next);
    return (int64_t)rng_below(&rng, (uint64_t)capped_ms + 1);
}

static bool names_exit_code(const struct retry_policy *policy, int exit_code)
{
    for (size_t i = 0; i < policy->exit_code_count; i++) {
        if (policy->exit_codes[i] == exit_code) {
            return true;
        }
    }
    return false;
}

bool run_should_retry(const struct retry_policy *policy, int attempts, const struct run_event *ended)
{
    if (attempts >= policy->attempts || ended->refused || ended->no_retry) {
        return false;
    }
    switch (ended->ended) {
    case ATTEMPT_STATE_FAILED:
        return (policy->on & RETRY_FAILURE) != 0 || (ended->out_of_memory && (policy->on & RETRY_OOM) != 0) ||
               (ended->exit_code > 0 && names_exit_code(policy, ended->exit_code));
    case ATTEMPT_STATE_TIMED_OUT:
        return (policy->on & RETRY_TIMEOUT) != 0;
    case ATTEMPT_STATE_LOST:
        return (policy->on & RETRY_LOST) != 0;
    default:
        return false;
    }
}
