/* SPDX-License-Identifier: Apache-2.0
 * The inside of a step's process: what runs between fork and exit for Lua and plugin steps, and the
 * preparing and collecting around commands.
 *
 * The parent (supervise.c) forks, closes all descriptors but 0, 1, 2 and the channel, resets
 * signals, makes the process group, applies limits, and calls one of these. They talk to
 * the parent over `channel`, a stream socket, in frames of u32 size, u16 enum journal_type, payload (the
 * parent appends them to the journal); a JOURNAL_CALL is answered by u32 size and a JSON
 * {"seq","result"} or {"seq","error":{"code","message"}}.
 */
#ifndef SLUICE_RUNNER_STEP_PROCESS_H
#define SLUICE_RUNNER_STEP_PROCESS_H

#include "base/json.h"

/* Before the step: digests each of spawn.inputs and reports it. 0, or 1 after a JOURNAL_RESULT with
 * the reason (an input that is not there). */
int step_process_prepare(const struct json *spawn, int channel);
struct step_process;

/* What a Lua or plugin step runs in, made in its turn or before it: nothing of the step has run, its files and folders
 * have not been looked at, and what was read of a plugin's file is read again if that has changed. */
struct step_process *step_process_new(const struct json *spawn, int channel);
/* The step, from loading to JOURNAL_RESULT, with what it publishes if it was "ok". Frees the process; returns its exit
 * code. */
int step_process_run(struct step_process *process);
/* After success: publishes spawn.collect: outputs from $SLUICE_OUTPUT, artifacts, metrics files, the
 * model. 0, or 1 after a JOURNAL_RESULT "failed" with the reason. */
int step_process_collect(const struct json *spawn, int channel);

#endif
