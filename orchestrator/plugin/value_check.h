/* SPDX-License-Identifier: Apache-2.0
 * Inside of plugin_value_faults: what its parts share.
 */
#ifndef SLUICE_PLUGIN_VALUE_CHECK_H
#define SLUICE_PLUGIN_VALUE_CHECK_H

#include "plugin/catalogue.h"

struct value_check {
    const struct plugin *plugin;
    const struct plugin_param *param;
    const struct json *values;
    struct plugin_faults *faults;
};

/* A text with an expression in it: known when the step runs. */
bool value_is_open(const struct json *value);
/* Adds a fault; the message begins with the input's name. */
void value_fault(const struct value_check *check, const struct json *at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void value_fault_key(const struct value_check *check, const struct json *at, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "did you mean 'x'?", or "expected one of a, b" (at most 12) */
const char *value_hint(struct arena *arena, struct str word, const struct str *names, size_t count);
/* The key of the row's lists that `name` is; NULL after adding a fault at the member's key. NULL without a fault when
 * the row has no lists. */
const struct plugin_key *value_key(const struct value_check *check, struct str name, const struct json *member);

/* `format=thresholds`, of a map. */
void threshold_check_map(const struct value_check *check, const struct json *map);
/* `format=threshold`, of a text; `of` is the rule's subject, or empty. */
void threshold_check_text(const struct value_check *check, struct str of, const struct json *value);

#endif
