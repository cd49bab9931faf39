/* SPDX-License-Identifier: Apache-2.0
 * What the token of a step may do: read everything, make runs, models and experiments, write what it has made, and
 * register what its pipeline allows. It deletes nothing, and moves no alias and no stage: those decide what is used.
 */
#ifndef SLUICE_API_STEP_RIGHTS_H
#define SLUICE_API_STEP_RIGHTS_H

#include "api/api.h"

/* 0, or -1 with ERR_DENIED in words. Call them for calls of steps only. */
int step_check(struct api_call *call, enum api_act act, struct err *err);
/* The run is the attempt's, or below it. */
int step_check_run(struct api_call *call, const char *run_id, struct err *err);
/* The logged model was made by such a run. */
int step_check_model(struct api_call *call, const char *model_id, struct err *err);
/* So was the trace. */
int step_check_trace(struct api_call *call, const char *request_id, struct err *err);

#endif
