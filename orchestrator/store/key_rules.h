/* SPDX-License-Identifier: Apache-2.0
 * MLflow's rules for the keys and values of params, tags and metrics (mlflow.utils.validation), with its messages.
 * Lengths are counted in characters (code points; a byte that is no UTF-8 counts as one). Inside store/ only.
 */
#ifndef SLUICE_STORE_KEY_RULES_H
#define SLUICE_STORE_KEY_RULES_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

enum { KEY_CHARACTERS_MAX = 250 };

/* A key of a param, tag or metric: letters and digits of any script, '_', '-', '.', ' ', ':' and '/', and as a path
 * equal to its normal form, not absolute, not beginning with "..". ERR_INPUT otherwise; NULL counts as "". `parameter`
 * is the place that the message names: "key", "metrics[3].name". */
int key_check(const char *parameter, const char *key, struct err *err);
/* Only that second half: equal to its normal form as a path. */
int key_check_path(const char *parameter, const char *key, struct err *err);
/* As key_check, and at most 250 characters: `what` is the word of that message ("Param key", "Metric name", "key"). */
int key_check_whole(const char *parameter, const char *what, const char *key, struct err *err);
/* ERR_INPUT when `value` has more than `characters`: "'what' exceeds the maximum length of N characters". NULL is "".
 */
int value_check_length(const char *what, const char *value, size_t characters, struct err *err);
/* Sets ERR_INPUT "Invalid value V for parameter 'P' supplied: WHY" (with NULL: "supplied.") and returns -1. The value
 * is quoted and escaped as JSON in ASCII, and cut to 250 characters: one line whatever it holds. */
int value_refuse(const char *parameter, const char *value, const char *why, struct err *err);
/* The longest beginning of `value` of at most `characters`, cut between characters. NULL is "". */
struct str value_cut(const char *value, size_t characters);

#endif
