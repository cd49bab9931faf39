/* SPDX-License-Identifier: Apache-2.0
 * A random pipeline, and what its steps do when they run: all of it decided by the seed and by nothing that happens.
 */
#ifndef SLUICE_SIM_PLAN_H
#define SLUICE_SIM_PLAN_H

#include "base/arena.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

enum { PLAN_STEPS_MAX = 7, PLAN_NEEDS_MAX = 3 };

enum plan_condition { PLAN_IF_NONE, PLAN_IF_ALWAYS, PLAN_IF_FAILURE, PLAN_IF_FALSE };
enum plan_wait { PLAN_WAIT_NONE, PLAN_WAIT_UNTIL, PLAN_WAIT_FILE, PLAN_WAIT_APPROVAL };

struct plan_step {
    char id[4];
    bool child; /* runs child.yaml */
    size_t needs[PLAN_NEEDS_MAX];
    bool optional[PLAN_NEEDS_MAX];
    size_t need_count;
    enum plan_condition condition;
    int items;          /* of a matrix; 0: none; -1: as many as its first need's list says */
    bool lists;         /* its output `l` is the list of another's matrix */
    int max_parallel;   /* 0: no limit */
    bool fail_fast, continue_on_error;
    int attempts, delay_ms;
    bool retry_lost;
    int timeout_ms; /* 0: none */
    int grace_ms;
    enum plan_wait wait;
    int quorum, expires_ms;
    bool plain; /* leaves nothing */
    const char *targets; /* that it deploys to: a list in JSON; NULL: none */
    bool gate; /* asks the store to record a gate */
};

struct plan {
    size_t step_count;
    struct plan_step steps[PLAN_STEPS_MAX];
    int timeout_ms; /* of the run; 0: none */
    int slots;
    bool quick;   /* most steps take no time and leave nothing: there are heirs */
    bool orderly; /* no step fails by itself: what ends badly was made to by a fault */
    const char *text;
    const char *child_text;
};

/* `most`: of steps; for shrinking. */
void plan_make(struct plan *plan, struct rng *rng, size_t most, struct arena *arena);

/* How many items the list of a step names: the same in each attempt. */
int plan_list_length(uint64_t seed, size_t step);

/* What one execution does. */
enum behaviour_end { END_OK, END_FAIL, END_SIGNAL, END_HANG, END_REFUSED };
struct behaviour {
    int fork_ms;      /* until its process is there */
    int work_ms;      /* of its work */
    int metrics;      /* frames, each of two points */
    bool logs;
    bool asks_twice;  /* the same question under the same number */
    enum behaviour_end end;
    int obeys_ms;     /* after a stop signal; -1: it does not */
    bool survives;    /* processes of it outlive the runner */
    bool stubborn;    /* and cannot be killed */
};
/* `stopped`: somebody will stop it, so that it may wait for ever. */
struct behaviour plan_behaviour(const struct plan *plan, uint64_t seed, size_t step, int64_t item, int64_t number,
                                int leg, bool stopped);

#endif
