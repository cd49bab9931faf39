/* SPDX-License-Identifier: Apache-2.0
 * Made-up executions of steps: what they write into the journal, and how they end.
 */
#ifndef SLUICE_SIM_STEPS_H
#define SLUICE_SIM_STEPS_H

#include "world.h"

void steps_begin(struct world *world, struct runner *runner, const struct json *spawn);
void steps_stop(struct world *world, struct execution *step, const char *why, int64_t grace_ms);
void steps_answer(struct world *world, struct execution *step, const struct json *reply);
void steps_happen(struct world *world, const struct happening *what);
/* Its process is there; a frame of its; its end. */
void steps_started(struct world *world, struct execution *step);
void steps_append(struct world *world, struct execution *step, enum journal_type type, struct str payload);
/* It asks for targets (a list in JSON): it goes on when it has all of them, or waits for them and asks again. */
void steps_take(struct world *world, struct execution *step, const char *targets);
void steps_end(struct world *world, struct execution *step, const char *how, int code, int signal);
void steps_runner_gone(struct execution *step);
void steps_close_logs(struct runner *runner);
/* As a runner leaves them that is killed. */
void steps_leave_logs(struct world *world, struct runner *runner);
void steps_file_comes(struct world *world, int64_t step);
/* The path that the wait of a step looks for. */
const char *steps_file(struct world *world, int64_t step, char room[200]);

/* runners.c: a doorbell is due; an attempt that is acknowledged and over is forgotten. */
void runners_tell(struct world *world, struct runner *runner);
void runners_forget_ended(struct runner *runner, struct execution *step);

#endif
