/* SPDX-License-Identifier: Apache-2.0
 * The run that replays a gate, for those who begin and serve it.
 */
#ifndef SLUICE_ENGINE_REPLAY_RUN_H
#define SLUICE_ENGINE_REPLAY_RUN_H

#include "engine/engine_internal.h"
#include "engine/replay.h"

/* Of a run that is to replay a gate: carries what its steps start from, and completes the contexts of its row, in the
 * turn's arena. ERR_STATE in words when the gate cannot be replayed on that version. */
int replay_carry(struct engine *engine, const struct engine_replay *asked, struct run *run, struct pipeline_run *row,
                 struct err *err);
/* That it was begun, in the activity log and at its MLflow run. */
int replay_note(struct engine *engine, const struct engine_submission *submission, const struct pipeline_run *row,
                struct err *err);
/* {gate, run, version, model_id, made_by, champion_now, other_data}, and {step, item} of a matrix, of a run that
 * replays one; NULL: it does not. */
const struct json *replay_of(const struct open_run *open);

#endif
