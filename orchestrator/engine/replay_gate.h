/* SPDX-License-Identifier: Apache-2.0
 * The gate of which a step's run is a replay: whom its rules compare with, and what a verdict must agree with to be one
 * of that gate.
 */
#ifndef SLUICE_ENGINE_REPLAY_GATE_H
#define SLUICE_ENGINE_REPLAY_GATE_H

#include "engine/calls.h"
#include "store/gates.h"

struct replayed {
    const struct json *context; /* of the run (replay_run.h); NULL: the step judges in its own run */
    struct gate gate;
};

int replayed_find(const struct call *call, struct replayed *ret, struct err *err);
/* Does the step name the champion as the gate did, which is to be compared with as it was then? */
bool replayed_compares_as_then(const struct call *call, const struct replayed *replayed, const char *uri);
/* The champion of then: as model_resolve; ERR_STATE when it is gone. */
int replayed_champion(const struct call *call, const struct gate *gate, struct model_ref *ret, struct err *err);
/* The verdict is of the gate's step, about the version that was asked for and no other, on the same data, or on other
 * data that is allowed. ERR_STATE, ERR_NOT_FOUND in words. */
int replayed_check(const struct call *call, const struct replayed *replayed, const struct model_ref *judged,
                   bool *ret_other_data, struct err *err);
/* What the step says, with the gate that it is a replay of. */
struct json replayed_record(const struct call *call, const struct replayed *replayed, bool other_data);

#endif
