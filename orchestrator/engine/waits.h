/* SPDX-License-Identifier: Apache-2.0
 * What steps wait for: rows that the engine looks at.
 */
#ifndef SLUICE_ENGINE_WAITS_H
#define SLUICE_ENGINE_WAITS_H

#include "engine/engine_internal.h"

/* The open waits are looked at in the next turn, as far as they are due then. */
void waits_look(struct engine *engine);
/* A step asked to wait: the row, and the event. */
int wait_open(struct engine *engine, struct live_attempt *attempt, const struct json *wait, int64_t now_ms,
              struct err *err);
/* Looks at every open wait that is due. */
int waits_check(struct engine *engine, int64_t now_ms, struct err *err);
/* The clock was set: what is a duration moves with it; the time of day that is waited for does not. */
int waits_move(struct engine *engine, int64_t by_ms, struct err *err);
/* Ends a wait with a status and tells the run. */
int wait_end(struct engine *engine, struct wait_row *wait, const char *status, struct json outcome, const char *reason,
             int64_t now_ms, struct err *err);
/* Ends the waiting attempt of an item that has its end, also when only a free slot was missing. Its wait is closed by
 * store_waits_withdraw. */
int wait_withdraw(struct engine *engine, struct open_run *open, struct run_place place, const char *reason,
                  int64_t now_ms, struct err *err);
/* The outcome that a resumed attempt is told: 1 with {outcome, state, ...}; 0: the store does not have it; -1. */
int wait_resumed(struct engine *engine, struct live_attempt *attempt, struct arena *arena, struct json *ret,
                 struct err *err);
/* The attempt ends as lost: nobody knows what it waited for. */
int wait_missing(struct engine *engine, struct live_attempt *attempt, struct err *err);
/* After loading: attempts that wait and have no open wait are lost, since nothing would ever end them. */
int waits_settle(struct engine *engine, struct err *err);

#endif
