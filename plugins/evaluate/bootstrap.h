/* SPDX-License-Identifier: Apache-2.0
 * How sure a rule is: the share of resamples of the rows in which it holds too.
 *
 * Each of BOOTSTRAP_RESAMPLES resamples draws as many rows as there are, with replacement, each row
 * equally likely (its weight goes with it), and the metric is computed anew (Efron's bootstrap). The
 * limit stays as it is, the champion's value too. A resample where the metric is not defined does not
 * count as holding. The same seed, rows and rule always give the same share.
 */
#ifndef SLUICE_EVALUATE_BOOTSTRAP_H
#define SLUICE_EVALUATE_BOOTSTRAP_H

#include "sample.h"
#include "thresholds.h"

#include <stdbool.h>
#include <stdint.h>

enum { BOOTSTRAP_RESAMPLES = 1000 };

/* Asked after each resample; true ends the work early, and the share is NaN. NULL never ends it. */
struct bootstrap_stop {
    bool (*asked)(const void *context);
    const void *context;
};

double bootstrap_share(const struct sample *sample, const struct threshold *rule, double limit, uint64_t seed,
                       struct bootstrap_stop stop);

#endif
