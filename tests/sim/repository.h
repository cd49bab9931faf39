/* SPDX-License-Identifier: Apache-2.0
 * Made-up repositories that are followed, one or two, and a made-up sluice-git that answers about them: what the engine
 * side does of a commit is the program's own. All are at the same commit, each with files of its own.
 */
#ifndef SLUICE_SIM_REPOSITORY_H
#define SLUICE_SIM_REPOSITORY_H

#include "base/vec.h"
#include "trigger/trigger.h"

enum { REPOSITORIES_MAX = 2 };

struct repository {
    size_t count; /* of repositories */
    const char *home, *workspace;
    struct arena *arena;          /* of the world */
    bool away;                    /* it cannot be reached */
    char commit[41];              /* "": it is empty */
    struct json files[REPOSITORIES_MAX]; /* of the commit */
    struct {
        VEC_OF(const char *) /* requests, as texts */
    } asked;
};

/* Has it followed, as by a config.yaml; nothing when there is none. */
void repository_join(struct repository *repository, struct triggers_options *options);
/* Their branches are at a commit of forty such digits, with these files of the workspace (NULL at the end); those
 * behind "/" are the next repository's. */
int repository_commit(struct repository *repository, const char *digit, const char *const *files, struct err *err);

#endif
