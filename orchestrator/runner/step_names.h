/* SPDX-License-Identifier: Apache-2.0
 * What may be the key or value of a metric, param or tag, and the name of a model: MLflow's rules, so that what a step
 * records can be read by every MLflow client.
 */
#ifndef SLUICE_RUNNER_STEP_NAMES_H
#define SLUICE_RUNNER_STEP_NAMES_H

#include "base/err.h"
#include "base/str.h"

enum { STEP_KEY_MAX = 250, STEP_PARAM_MAX = 6000, STEP_TAG_MAX = 8000 }; /* characters */

/* Letters and digits of any script, '_', '-', '.', ' ', ':' and '/'; as a path it must be normal and relative. `what`
 * is "metric", "param" or "tag", for the message. */
int step_key_check(const char *what, struct str key, struct err *err);
/* UTF-8 without NULs, at most `max_characters`. */
int step_text_check(const char *what, struct str key, struct str value, size_t max_characters, struct err *err);
/* Not empty, and none of / : . % " '. */
int step_model_name_check(struct str name, struct err *err);

#endif
