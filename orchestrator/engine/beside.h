/* SPDX-License-Identifier: Apache-2.0
 * What whoever gives a command has recorded in its transaction, beside what the engine records.
 */
#ifndef SLUICE_ENGINE_BESIDE_H
#define SLUICE_ENGINE_BESIDE_H

#include "engine/engine_internal.h"

/* 0 when there is nothing, or it is recorded. */
int record_beside(struct engine *engine, struct err *err);

#endif
