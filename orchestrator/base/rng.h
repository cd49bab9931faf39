/* SPDX-License-Identifier: Apache-2.0
 * Seedable random numbers (xoshiro256**, Blackman and Vigna 2018, seeded by splitmix64).
 * For jitter, names and tests; ids take bytes from the system (id.h).
 */
#ifndef SLUICE_BASE_RNG_H
#define SLUICE_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
/* Seeds from the system's generator. */
void rng_seed_from_system(struct rng *rng);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, bound), without modulo bias; bound 0 gives 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* Uniform in [0, 1). */
double rng_unit(struct rng *rng);

#endif
