/* SPDX-License-Identifier: Apache-2.0
 * Deleting traces, as many as there are: a thousand in a turn, so that others are answered meanwhile. Rows go first,
 * and files when that is committed; what a server that is killed in between leaves, `sluice gc` finds.
 */
#ifndef SLUICE_API_MLFLOW_TRACE_REMOVAL_H
#define SLUICE_API_MLFLOW_TRACE_REMOVAL_H

#include "api/api.h"

/* Answers POST /mlflow/traces/delete-traces. */
int traces_delete(struct api_call *call, struct err *err);

#endif
