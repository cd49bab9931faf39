/* SPDX-License-Identifier: Apache-2.0
 * Who may touch what is deployed to: one step at a time, and the others in the order of asking.
 */
#ifndef SLUICE_ENGINE_TARGETS_H
#define SLUICE_ENGINE_TARGETS_H

#include "engine/engine_internal.h"

/* A list of one text or more; ERR_INPUT. */
int targets_check_list(const struct json *targets, struct err *err);
/* The step holds all of them from now on, unless somebody has one, or has been waiting for one longer than since the
 * wait of this id (0: than now): `*ret_words` says what and who, NULL when it has them. */
int targets_take(struct engine *engine, const struct open_run *open, struct run_place place,
                 const struct json *targets, int64_t wait, const char **ret_words, struct err *err);
/* What is missing, for people: "http://a/b, which run wine 12, step deploy holds". In the turn's arena. */
int targets_obstacle(struct engine *engine, const struct open_run *open, struct run_place place,
                     const struct json *targets, const char **ret_words, struct err *err);
/* Whether any is held: after the rows were read. */
int targets_load(struct engine *engine, struct err *err);
/* Those of steps that have ended by the changes of the run come free, and who waits is looked at. */
int targets_drop_ended(struct engine *engine, const struct open_run *open, struct err *err);
/* Those of a run that could not be loaded, and is over. */
int targets_drop_run(struct engine *engine, const char *run_id, struct err *err);

#endif
