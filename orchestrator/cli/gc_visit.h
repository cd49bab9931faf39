/* SPDX-License-Identifier: Apache-2.0
 * `sluice gc` beside the sluice that holds the home: it surveys by itself, asks at the door to have rows removed a few
 * at a time (gc/beside.h), and removes the files that are nobody's then.
 */
#ifndef SLUICE_CLI_GC_VISIT_H
#define SLUICE_CLI_GC_VISIT_H

#include "cli/visit.h"
#include "gc/collect.h"

/* Before the survey; `policy` in words. ERR_BUSY in words when another gc is at it. */
int gc_visit_begin(struct visit *visit, const char *policy, struct arena *arena, struct err *err);
/* Leaves out of a survey what only who has the home for itself can tell to be of no use: of files that no row speaks of
 * those that are young, or of repositories and uploads; and rows that nothing refers to. */
void gc_visit_narrow(struct gc_survey *survey, int64_t now_ms);
/* What has come to be used meanwhile stays, and is marked in the survey as held. `options->store` only reads. ERR_BUSY:
 * who held the home has gone; the next gc goes on. */
int gc_visit_collect(struct visit *visit, const struct gc_options *options, struct gc_survey *survey,
                     struct gc_outcome *ret, struct err *err);

#endif
