/* SPDX-License-Identifier: Apache-2.0
 * One HTTP request by sluice-fetch, as a child of the step: it is of the step's process group and ends with it.
 */
#ifndef SLUICE_RUNNER_FETCH_CLIENT_H
#define SLUICE_RUNNER_FETCH_CLIENT_H

#include "base/json.h"

/* `fetch` is {"program", "policy"}; the policy is added to `request` (fetch/request.h lists its members). 0 with the
 * head
 * {"status", "headers", "size"} and the body in `arena`; -1 when no answer came, with the reason. */
int fetch_client_run(const struct json *fetch, const struct json *request, struct arena *arena, struct json *ret_head,
                     struct str *ret_body, struct err *err);
/* Sets request.body, or body_base64 for what is no text. */
void fetch_client_set_body(struct arena *arena, struct json *request, struct str body);

#endif
