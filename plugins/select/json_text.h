/* SPDX-License-Identifier: Apache-2.0
 * A step_value as JSON text again, for an output of type ANY.
 */
#ifndef SLUICE_SELECT_JSON_TEXT_H
#define SLUICE_SELECT_JSON_TEXT_H

#include "step.h"
#include "textbuf.h"

/* Appends the value, compact, members in their order; numbers read back to the same bits. */
void json_text_put(struct textbuf *out, const struct step_value *value);

#endif
