/* SPDX-License-Identifier: Apache-2.0
 * Identifiers in MLflow's forms.
 */
#ifndef SLUICE_BASE_ID_H
#define SLUICE_BASE_ID_H

#include "base/rng.h"

#include <stdbool.h>

struct id {
    char text[40]; /* 32 lower-case hex digits, some with a prefix; NUL-terminated */
};

/* A run id: 32 hex digits, a UUID of version 7 (RFC 9562): milliseconds of the wall clock, then 74 random bits, so that
 * what is made together lies together in an index. `rng` is NULL for the system's generator, a seeded one in the
 * simulator. */
struct id id_run(struct rng *rng, int64_t now_ms);
/* A logged model's: "m-" and 32 hex digits. */
struct id id_model(struct rng *rng, int64_t now_ms);
/* Has the text that form? */
bool id_is_model(const char *text);
/* "gifted-ape-325": for runs and models nobody named. */
void id_name(struct rng *rng, char room[64]);

#endif
