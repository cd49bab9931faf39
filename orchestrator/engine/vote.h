/* SPDX-License-Identifier: Apache-2.0
 * Counting what people have said of an approval.
 */
#ifndef SLUICE_ENGINE_VOTE_H
#define SLUICE_ENGINE_VOTE_H

#include "engine/engine_internal.h"

/* Counts the votes of an open approval, which others may have recorded, and ends it when they suffice. */
int vote_count(struct engine *engine, struct open_run *open, struct wait_row *wait, const struct json *spec,
               struct err *err);

#endif
