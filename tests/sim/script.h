/* SPDX-License-Identifier: Apache-2.0
 * Steps of scenarios: what they do stands in their own command, script or input `acts`, an act a word or line.
 *
 *   report JSON            a report as in the journal: {"kind": "output", ...}
 *   artifact NAME PATH TEXT   makes the file below the run's artifacts and reports it; NAME "-" is none
 *   model ID NAME TEXT     a model of one file, in its three reports
 *   metric KEY VALUE STEP [TIME]   TIME: milliseconds, in place of now
 *   old-metric KEY VALUE STEP      as runners of before wrote it
 *   metrics KEY COUNT      so many points, ten to a frame
 *   call METHOD JSON       a question to the store; goes on with the answer, whatever it is
 *   result JSON            what a plugin says it came to
 *   wait JSON              asks to wait for that; what stands behind it is done after the wait
 *   folder NAME DIR        an artifact of two files, mkdir PATH, flood BYTES (of log)
 *   ghost TYPE TEXT        a frame of an attempt that nobody knows
 *   frame TYPE TEXT        any frame of the journal, also a malformed one
 *   write PATH TEXT        a file below the workspace
 *   hold NAME              until the scenario says "go NAME"
 *   freeze [deaf|hard]     stops its runner, as SIGSTOP does; SIGCONT is of no use, or no signal is
 *   exit CODE, signal N, oom
 *   hang                   until it is stopped; `stubborn` before it: a signal is not enough
 *   once ACT               only in the first attempt
 *
 * @ARTIFACTS, @MODELS and @HOME stand for the folders, @SHA for the digest of an approval that was waited for. After
 * the last act a step exits with 0. Words that are no acts are passed over.
 */
#ifndef SLUICE_SIM_SCRIPT_H
#define SLUICE_SIM_SCRIPT_H

#include "world.h"

/* Finds the acts in the message. */
void script_take(struct world *world, struct execution *step, const struct json *spawn);
/* The next act. */
void script_act(struct world *world, struct execution *step);
/* Those that hold for the name go on, also those that come to it later. */
void script_go(struct world *world, const char *name);

#endif
