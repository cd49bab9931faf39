/* SPDX-License-Identifier: Apache-2.0
 * Removing a folder of files: it is gone at once for whoever looks; how long it takes to remove it is the business of
 * the thread for files.
 */
#ifndef SLUICE_API_MLFLOW_REMOVAL_H
#define SLUICE_API_MLFLOW_REMOVAL_H

#include "api/api.h"
#include "base/id.h"

/* A name in the incoming folder, for what is taken away. */
struct id removal_name(struct api_call *call);
/* Removes what has been taken away to that name. Nobody waits for it. */
void removal_begin(struct api_call *call, const struct id *name);

#endif
