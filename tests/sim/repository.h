/* SPDX-License-Identifier: Apache-2.0
 * A made-up repository that is followed, and a made-up sluice-git that answers about it: what the engine side does of a
 * commit is the program's own.
 */
#ifndef SLUICE_SIM_REPOSITORY_H
#define SLUICE_SIM_REPOSITORY_H

#include "base/vec.h"
#include "trigger/trigger.h"

struct repository {
    const char *home, *workspace; /* NULL: there is none */
    struct arena *arena;          /* of the world */
    bool away;                    /* it cannot be reached */
    char commit[41];              /* "": it is empty */
    struct json files;            /* of the commit */
    struct {
        VEC_OF(const char *) /* requests, as texts */
    } asked;
};

/* Has it followed, as by a config.yaml; nothing when there is none. */
void repository_join(struct repository *repository, struct triggers_options *options);
/* Its branch is at a commit of forty such digits, with these files of the workspace (NULL at the end). */
int repository_commit(struct repository *repository, const char *digit, const char *const *files, struct err *err);

#endif
