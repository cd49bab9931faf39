/* SPDX-License-Identifier: Apache-2.0
 * The rules of a row that look into its value: `format=NAME`, and `keys`, the keys that a map may have.
 *
 *     keys=path!|name                            path must be there
 *     keys=model!|if_missing pass,fail           the value of if_missing is one of these words
 *     keys=url!|timeout duration                 the value of timeout has this format
 *     keys=target @target                        its value follows the rules of the input `target`
 *     keys[type=regressor]=rmse|mae              those two while the input `type` is regressor
 *     keys[type=classifier&probability]=brier    while `type` is classifier and `probability` is given
 *     keys=recall:*                              all keys that begin so
 */
#ifndef SLUICE_PLUGIN_ROW_RULES_H
#define SLUICE_PLUGIN_ROW_RULES_H

#include "plugin/catalogue.h"

int row_rules_format(struct str word, enum plugin_format *ret_format, struct err *err);
/* Adds the list of one rule to those of `param`. */
int row_rules_keys(struct str rule, struct arena *arena, struct plugin_param *param, struct err *err);

#endif
