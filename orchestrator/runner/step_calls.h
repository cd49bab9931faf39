/* SPDX-License-Identifier: Apache-2.0
 * Questions of a step: those about files are answered where the step runs, the others by the store.
 *
 *     digest.file {"path"}   {"sha256", "size"} of a file or folder (digest/digest.h); relative to the working
 * directory
 */
#ifndef SLUICE_RUNNER_STEP_CALLS_H
#define SLUICE_RUNNER_STEP_CALLS_H

#include "runner/step_sink.h"

/* Asked by the host, answered by the runner and not by the store: once all that the step has said before is in the
 * journal, and so will be read whatever is killed. */
#define STEP_CALL_JOURNALED "runner.journaled"

/* 0 with the result, or -1 with {"error": code, "message": text} in `ret_answer`, both in `arena`. */
int step_call(const struct json *spawn, const struct step_sink *sink, const char *method, const struct json *params,
              struct arena *arena, struct json *ret_answer);

#endif
