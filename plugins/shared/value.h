/* SPDX-License-Identifier: Apache-2.0
 * Reading the values that a parameter of type ANY holds, with faults that name the parameter.
 *
 * `what` is how the fault calls the value: "target", "health.timeout". Nothing here allocates.
 */
#ifndef SLUICE_SHARED_VALUE_H
#define SLUICE_SHARED_VALUE_H

#include "fault.h"
#include "step.h"
#include "textbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value, or NULL when it is absent or null. */
const struct step_value *value_given(const struct step_value *value);
/* "a text", "a map", "null"; of NULL too. */
const char *value_type_name(const struct step_value *value);
/* The text of a string that is not empty; else NULL. */
const char *value_text(const struct step_value *value);
/* value_text() of a member of a map, NULL also when there is no such member. */
const char *value_member_text(const struct step_value *map, const char *key);

/* A whole number, or a text that is one: 3, "3". */
int value_whole(const struct step_value *value, const char *what, int64_t *ret_number, struct fault *fault);
/* Milliseconds, of a text such as "500ms", "90s", "1h30m". */
int value_duration(const struct step_value *value, const char *what, int64_t *ret_ms, struct fault *fault);

/* Appends milliseconds as they are written in pipelines: "3d", "1h30m", "500ms". */
void value_put_duration(struct textbuf *out, int64_t ms);

/* A list of texts that are not empty. */
int value_check_texts(const struct step_value *value, const char *what, struct fault *fault);
/* A map with no other keys than these; an unknown one is a fault that offers the nearest. */
int value_check_keys(const struct step_value *value, const char *what, const char *const *known, size_t count,
                     struct fault *fault);

/* Appends the value as JSON: compact, members in their order; numbers read back to the same bits. NULL is null. */
void value_put_json(struct textbuf *out, const struct step_value *value);
/* Appends a scalar as text: texts as they are, numbers and booleans as JSON writes them. */
void value_put_plain(struct textbuf *out, const struct step_value *value);

#endif
