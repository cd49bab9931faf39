/* SPDX-License-Identifier: Apache-2.0
 * What parameters say about requests: headers, and the statuses that count as good.
 */
#ifndef SLUICE_SHARED_WEB_H
#define SLUICE_SHARED_WEB_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

/* A map of names to texts, numbers or booleans as "Name: value" lines, NULL-terminated, in `scratch`. `headers` may be
 * NULL. `content_type` (NULL for none) is added unless the map has one. Names and values that would break the request's
 * text are faults; a fault never shows a value, which may be a secret. */
int web_headers(struct scratch *scratch, const struct step_value *headers, const char *content_type,
                const char *const **ret_lines, struct fault *fault);

/* A status, or a list of them, each 100 to 599. NULL is fine. */
int web_check_statuses(const struct step_value *statuses, const char *what, struct fault *fault);
/* Is the status among them? NULL: any from 200 to 299. */
bool web_is_wanted(const struct step_value *statuses, int status);

/* http:// or https:// with something behind it, and no blanks or control characters. */
int web_check_url(const char *url, const char *what, struct fault *fault);

#endif
