/* SPDX-License-Identifier: Apache-2.0
 * Addresses at which MLflow's clients ask by themselves, without what they were told of servers and who they are: for
 * stores of objects, which get it with the address.
 */
#ifndef SLUICE_API_MLFLOW_DIRECT_URL_H
#define SLUICE_API_MLFLOW_DIRECT_URL_H

#include "api/api.h"

/* `path` at the server as the client called it (its Host, and the X-Forwarded-Proto of a proxy before us); NULL when it
 * did not say. */
const char *direct_url(struct api_call *call, const char *path);
/* What the client is to send along: the Authorization that it has shown, if any. */
struct json direct_headers(struct api_call *call);

#endif
