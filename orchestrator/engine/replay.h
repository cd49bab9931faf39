/* SPDX-License-Identifier: Apache-2.0
 * Replaying a gate: another version of a model is judged by the step, definition, params, data, rules and champion of a
 * record (store/gates.h), in a run of its own, which is like any other but for what its steps start from
 * (replay_plan.h). Its trigger is "replay"; the context `replay` of its row says of which gate, on what, and with which
 * leave.
 *
 * Such a run tries nothing out on the registry or on a target: a question of its steps that would change them is
 * refused. It takes no place of a group, starts no pipeline by its end, and is never "the last run" of its pipeline.
 */
#ifndef SLUICE_ENGINE_REPLAY_H
#define SLUICE_ENGINE_REPLAY_H

#include "engine/engine.h"
#include "store/gates.h"
#include "store/pipeline_runs.h"

#define REPLAY_TRIGGER "replay"

/* What somebody asks for. */
struct replay_wish {
    int64_t gate;       /* of a record that is itself a replay: the gate that it replays */
    const char *target; /* "wine/1", "wine@champion", either behind "models:/" */
    bool champion_now;  /* rules that name the champion compare with that of now, not of then */
    bool other_data;    /* data that is not the gate's is judged all the same, and recorded as such */
};

/* What was found for it. */
struct replay_asked {
    struct gate gate;
    struct pipeline_run run; /* the gate's */
    const char *name;        /* of the registered model */
};

/* Reads the gate and the version and fills a submission, its actor aside; all lives in `arena`. ERR_NOT_FOUND,
 * ERR_INPUT or ERR_STATE in words. Whether every step can be had is found when it is submitted: ERR_STATE. */
int replay_prepare(struct store *store, struct catalogue *plugins, const struct replay_wish *wish, struct arena *arena,
                   struct engine_submission *submission, struct replay_asked *ret, struct err *err);

#endif
