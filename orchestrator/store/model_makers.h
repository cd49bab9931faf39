/* SPDX-License-Identifier: Apache-2.0
 * Who made a logged model, and where: whom "author" means in guards and in approvals.
 */
#ifndef SLUICE_STORE_MODEL_MAKERS_H
#define SLUICE_STORE_MODEL_MAKERS_H

#include "base/json.h"
#include "store/store.h"

struct model_makers {
    struct json authors; /* list of names, each once: of its versions, of its run and those above it, and of the
                          * pipeline run that it was made in and those that were taken up again for that one */
    const char *branch;  /* as git said, of the pipeline run whose step has made it and alone written to it; NULL: none
                          * is known */
};
int store_model_makers(struct store *store, const char *model_id, struct arena *arena, struct model_makers *ret,
                       struct err *err);
/* Who started a pipeline run, those that it is a retry of, and the run whose step it is: added to the list unless they
 * are in it. `run_id` NULL: nobody. */
int store_starters_add(struct store *store, const char *run_id, struct arena *arena, struct json *authors,
                       struct err *err);
/* Adds a name that is not in the list yet; NULL and "" are nobody. */
void store_author_add(struct arena *arena, struct json *authors, const char *name);

#endif
