/* SPDX-License-Identifier: Apache-2.0
 * A run with the runs that its steps have begun, and theirs: what a person means by "the run" who looks at its logs or
 * artifacts.
 */
#ifndef SLUICE_CLI_FAMILY_H
#define SLUICE_CLI_FAMILY_H

#include "view/run_view.h"

struct family_member {
    struct run_view view;
    const char *prefix;     /* "" of the first; "prepare/" or "each[2]/" of what that step has begun */
    struct run_place place; /* of the step of the first run that it comes from, however far below; not of the first */
};

struct family {
    struct arena *arena;
    struct store *store;
    struct catalogue *plugins;
    struct family_member **items; /* the first is the run itself */
    size_t count;
    size_t room;
};

/* All of them as they are now. Borrows what it is given; `arena` outlives it. */
int family_open(struct family *family, struct store *store, struct catalogue *plugins, const char *run_id,
                struct arena *arena, struct err *err);
/* Those that have been begun since are added behind. */
int family_grow(struct family *family, struct err *err);
void family_close(struct family *family);

#endif
