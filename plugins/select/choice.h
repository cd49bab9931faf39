/* SPDX-License-Identifier: Apache-2.0
 * Which of several values is the best.
 */
#ifndef SLUICE_SELECT_CHOICE_H
#define SLUICE_SELECT_CHOICE_H

#include "fault.h"
#include "step.h"

#include <stdbool.h>
#include <stddef.h>

/* The place of the greatest (or least) number of a list. Nulls are passed over: items that failed or were
 * skipped. Of equal ones the first, or with `last` the last. Faults: no list, no numbers in it, NaN,
 * the infinities, and anything that is neither number nor null, each named by its place (from 0). */
int choice_best(const struct step_value *metrics, bool greatest, bool last, size_t *ret_index, struct fault *fault);

#endif
