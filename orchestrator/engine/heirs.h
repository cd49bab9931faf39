/* SPDX-License-Identifier: Apache-2.0
 * Attempts that runners are given before their time.
 */
#ifndef SLUICE_ENGINE_HEIRS_H
#define SLUICE_ENGINE_HEIRS_H

#include "engine/engine_internal.h"

/* ---- heirs.c ---- */
/* Gives runners what may begin without a word from here: messages of this turn. */
int heirs_give(struct engine *engine, struct err *err);
/* The attempt has ended, or waits. `order` is that of the attempt that has begun in its place, NULL: none has, and none
 * will. */
int heirs_settle(struct engine *engine, const struct live_attempt *attempt, const struct json *order, struct err *err);
/* The run is about to be cancelled, or its journal cannot be read any more: its heirs may have begun, so from now on
 * they are attempts like others. */
int heirs_call_in(struct engine *engine, struct open_run *open, struct err *err);
/* What a runner says that it holds, of which there is no row. False: it will never be needed. */
bool heirs_listed(struct engine *engine, const struct runner_link *link, const struct json *known);
/* Does one wait for its time in the run? Not when that is over. */
bool heirs_wait_in(const struct engine *engine, const struct open_run *open);
/* Is the attempt of this id one? */
bool heirs_have(struct engine *engine, int64_t id);
/* Notes in each run whether all runners with steps of it have said which others they hold: until then nobody knows
 * whether one that is ready is about to begin there. */
void heirs_look_known(struct engine *engine);
/* When heirs_check has something to do, in milliseconds from now; INT64_MAX: at no time. */
int64_t heirs_wait_ms(const struct engine *engine);
/* Withdraws what waits for a step that turns out not to be quick. */
void heirs_check(struct engine *engine);
/* A runner says that an heir which was withdrawn will not begin. */
int heirs_withdrawn(struct engine *engine, struct runner_link *link, int64_t id, struct err *err);
/* Forgets those of a runner, or only what it has not listed since the last time. */
void heirs_forget(struct engine *engine, const char *runner, bool only_unlisted);

/* ---- heir_order.c ---- */
/* All that is needed for a row of it. */
struct json heir_order(struct arena *arena, const struct heir *heir);
/* False when it is none of this run's. */
bool heir_read_order(const struct json *order, struct open_run *open, struct heir *ret);

/* ---- free_heirs.c ---- */
/* Reads what an engine before has given out of the run. */
int free_heirs_load(struct engine *engine, struct open_run *open, struct err *err);
/* With the turn's commit, before anybody hears of them. */
int free_heirs_write(struct engine *engine, struct err *err);
/* Makes attempts of those that a machine has taken along: whether they had begun nobody knows. */
int free_heirs_settle(struct engine *engine, struct err *err);
/* Is the attempt one of those? */
bool free_heirs_lost(struct engine *engine, const struct live_attempt *attempt);

#endif
