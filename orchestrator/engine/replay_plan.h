/* SPDX-License-Identifier: Apache-2.0
 * What each step does in the replay of a gate: decided from the definition and from how earlier runs ended, without a
 * store and without files.
 *
 * A replay judges another model by the very step that judged one. So whatever the gate reads that came from that model
 * must come from the other one, and all else must be what it was:
 *
 *     the step that made the model     as it ended in the run that made the other one (or, when only the name of the
 *                                      model is read of it, with the other name)
 *     a step between it and the gate,  runs again when what it leaves follows from what it reads (a command, a script,
 *     such as one that predicts        a plugin that says so); else as it ended in the run that made the other model
 *     every other step that is read    as it ended in the gate's run: nothing is computed anew
 *     a step that is only waited for   as it ended: it tells the gate nothing
 */
#ifndef SLUICE_ENGINE_REPLAY_PLAN_H
#define SLUICE_ENGINE_REPLAY_PLAN_H

#include "run/run.h"

enum replay_way {
    REPLAY_LEFT_OUT,  /* the gate does not need it */
    REPLAY_RUNS,      /* with the other model */
    REPLAY_AS_IT_WAS, /* from the gate's run */
    REPLAY_OF_MAKER,  /* from the run that made the other model */
    REPLAY_RENAMED,   /* from the gate's run, with the other model instead */
};

/* What the text of a Lua step speaks of beside its expressions. */
struct replay_script {
    bool params, steps;
};

struct replay_case {
    const struct pipeline *pipeline;
    size_t gate;               /* the step that judged */
    const char *item;          /* of its matrix, by its key; NULL: it has none, or which one judged is not known */
    const struct run *original; /* the gate's run */
    const struct run *maker;   /* of the other model; NULL: no run of this pipeline made it, or it is gone */
    const char *judged, *asked; /* the models' ids */
    const struct json *pins;   /* of the gate's run; NULL: none */
    const struct str *params;  /* whose values name the judged model */
    size_t param_count;
    const struct replay_script *scripts; /* by step */
    const char *words;         /* "gate 7", for messages */
    const char *version;       /* "wine/1", for messages */
    struct arena *arena;
};

struct replay_step {
    enum replay_way way;
    bool read; /* by a step that runs: what it left must be there still */
};

/* `*ret` has a row for each step, in the arena. ERR_STATE in words when the gate cannot be replayed so. */
int replay_plan(const struct replay_case *about, const struct replay_step **ret, struct err *err);
/* The step of this id in the run that made the other model, which may have had another definition; NULL: it did not
 * succeed there, or there is none. */
const struct run_step *replay_step_of_maker(const struct replay_case *about, size_t step);
/* The pin of an input whose source is this text is of the judged model. */
bool replay_pin_is_of(const struct json *pins, const char *source, const char *model_id, struct arena *arena);

#endif
