/* SPDX-License-Identifier: Apache-2.0
 * What the MLflow client of a step shows to be let in: made from the attempt's mark by the home's key, so that nothing
 * of it is stored, and nobody without the key makes one.
 */
#ifndef SLUICE_STORE_STEP_TOKEN_H
#define SLUICE_STORE_STEP_TOKEN_H

#include "store/store.h"

enum { STEP_TOKEN_ROOM = 96 };

/* "sls-ATTEMPT-HEX" of an attempt; "" when the home has no key. */
void store_step_token(const struct store *store, int64_t attempt, const char *mark, char ret[STEP_TOKEN_ROOM]);
/* The attempt that a token names, whether it is true or not: -1 when it has not that form. */
int64_t step_token_attempt(struct str token);

#endif
