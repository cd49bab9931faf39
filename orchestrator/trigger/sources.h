/* SPDX-License-Identifier: Apache-2.0
 * Repositories of git that are followed: when each is fetched, and what a new commit puts in force.
 *
 * All work of git is done by sluice-git (git/request.h), a process for each fetch that is never waited for: it brings
 * the commit, checks it out, and says what it is. Its pipelines are read, and what they change is written, some in each
 * turn; what is decided of it then is one transaction. A commit is in force whole or not at all (store/coming.h): when
 * one of its pipelines does not validate, or is called as one of another source, what was in force of the source stays
 * so.
 *
 * What is to be fetched is a row (store/sources.h): by `every`, because somebody asks, because a webhook says so.
 */
#ifndef SLUICE_TRIGGER_SOURCES_H
#define SLUICE_TRIGGER_SOURCES_H

#include "store/sources.h"
#include "trigger/trigger.h"

struct sources;

/* `rows` as config.yaml has them. */
struct sources *sources_new(struct triggers *triggers, const struct json *rows);
void sources_free(struct sources *sources);
/* config.yaml was read again: all are looked at anew. */
void sources_reconfigure(struct sources *sources, const struct json *rows);
/* A turn was given up: what goes on is ended, and begun again a little later. */
void sources_forget(struct sources *sources);
int64_t sources_wait_ms(const struct sources *sources, int64_t now_ms);
/* Within a turn: takes what has ended, starts what is due. -1 only when the store fails. */
int sources_look(struct sources *sources, struct engine *engine, int64_t now_ms, struct err *err);

/* Is what a commit of the source changes being written, which is to count later (store/coming.h)? */
bool sources_is_writing(const struct sources *sources, const char *name);

/* A source that config.yaml has; NULL. */
struct source_spec;
const struct source_spec *sources_find(const struct sources *sources, const char *name);

#endif
