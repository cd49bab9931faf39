/* SPDX-License-Identifier: Apache-2.0
 * Who starts runs by itself (engine_firing) is asked: nothing when there is nobody.
 */
#ifndef SLUICE_ENGINE_FIRING_H
#define SLUICE_ENGINE_FIRING_H

#include "engine/engine.h"

/* How long until it has something to do; INT64_MAX: it has nothing. */
int64_t firing_wait_ms(const struct engine *engine);
/* Lets it do what is due: how many things, or -1. While more is due than a turn takes, no step begins
 * (engine.starts_wait): what is due is durable first, and the turns until then are short. It is so for 200 ms at
 * most. */
int firing_look(struct engine *engine, struct err *err);
/* A run's end is being written. */
int firing_ended(struct engine *engine, const struct pipeline_run *run, struct err *err);
/* A turn was given up. */
void firing_forget(const struct engine *engine);

#endif
