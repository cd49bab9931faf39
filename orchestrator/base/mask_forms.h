/* SPDX-License-Identifier: Apache-2.0
 * The forms in which a secret's value may appear in a text.
 */
#ifndef SLUICE_BASE_MASK_FORMS_H
#define SLUICE_BASE_MASK_FORMS_H

#include "base/str.h"

#include <stdbool.h>

/* Calls `take` with each form of `value` (some may come twice). The bytes are gone when it returns. `encoded`: in hex
 * or base64, which many programs break into lines. */
void mask_forms(struct str value, void (*take)(void *ctx, struct str form, bool encoded), void *ctx);

#endif
