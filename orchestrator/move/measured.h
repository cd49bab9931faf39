/* SPDX-License-Identifier: Apache-2.0
 * MLflow writes what was measured on a model twice: with the run's points, and with the model's. Here a run's history
 * is the union of its series, so that each point stands in one.
 */
#ifndef SLUICE_MOVE_MEASURED_H
#define SLUICE_MOVE_MEASURED_H

#include "store/moved.h"

/* Gives the series of a key that have points, in their order, which is that of source.h: first the one of which
 * nothing is said, if there is one. Of a series without a model those points go that one of a model has, too; a 0 of a
 * model where the first series has NaN is NaN. The points are settled. */
int measured_give(struct moved_series *list, size_t count, moved_series_take *take, void *context, struct err *err);

#endif
