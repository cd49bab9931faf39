/* SPDX-License-Identifier: Apache-2.0
 * Steps of another user than ours: runners that a keeper starts (wire/keeper.h), and a home that both share.
 *
 * We make the sockets that such runners listen at, and open the journals that they write: both reach them as
 * descriptors, so that nothing of the home has to be open to their user but folders of files. `runs` and the folders of
 * runs are of the group of the steps, which may look; `steps` and `state` in each, `artifacts` and `envs` it may write,
 * too, and so may we: our umask leaves the group everything.
 */
#ifndef SLUICE_ENGINE_APART_H
#define SLUICE_ENGINE_APART_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "engine/world.h"

#include <stdbool.h>
#include <sys/types.h>

struct engine;
struct runner_link;

struct engine_apart {
    const char *socket; /* of the keeper */
    uid_t uid;          /* whose the steps are */
    gid_t gid;
    const char *user;   /* his name; NULL: none is known */
    const char *folder; /* where he is at home: $HOME of steps */
};

/* The machine as it is, but for what the keeper does: starting runners, and ending what they left. Borrows `apart`. */
struct engine_world engine_world_apart(const struct engine_apart *apart);

/* Makes the home ready: who has it may be asked for by the group of the steps (or is root), its folders of files are
 * shared, all else is closed to them, and so are files that we make from now on (umask). The first time goes through
 * what there is. */
int engine_apart_prepare(const char *home, const struct engine_apart *apart, struct err *err);
/* What of it does not hold, in words; NULL: nothing. Changes nothing. */
const char *engine_apart_fault(const char *home, const struct engine_apart *apart, struct arena *arena);

/* ---- within the engine ---- */
/* The folder of a run where steps are apart, with places in it where they may write; else its runner makes it. */
int apart_run_folder(const struct engine *engine, const char *run_id, struct err *err);
/* What steps' environment says of their user is his, and not that of whoever started the run. */
void apart_environment(const struct engine *engine, struct arena *arena, struct json *env);
/* The file of a spawn message's journal, to be sent along. -1 in words. */
int apart_journal(const char *path, struct err *err);
/* Lets the process of a runner go on ("CONT"), or kills it ("KILL"): whether it was done. */
bool apart_signal(const struct engine *engine, const struct runner_link *link, const char *name);

#endif
