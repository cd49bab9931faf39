/* SPDX-License-Identifier: Apache-2.0
 * Files that go with a run: as they are, or as tables.
 */
#ifndef SLUICE_TRACK_ATTACHMENTS_H
#define SLUICE_TRACK_ATTACHMENTS_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

struct attachment {
    const char *path; /* absolute */
    const char *name; /* in the run's artifacts */
};

struct attachments {
    struct attachment *items;
    size_t count;
    size_t room;
};

/* A path, a list of paths, or a map NAME: PATH. Each table is written as JSON into the step's folder. A table without a
 * name has that of its file: data/residuals.csv is residuals.json. */
int attachments_read_tables(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                            struct attachments *tables, struct fault *fault);
/* Paths or patterns of glob(7), a list of them, or a map NAME: PATH. A relative path without a name keeps its folders,
 * so plots/roc.svg is plots/roc.svg; an absolute one has its last part. With a name, several matches go into a folder
 * of that name. A pattern that nothing matches is a fault. */
int attachments_find(const struct step_host *host, struct scratch *scratch, const struct step_value *from,
                     struct attachments *artifacts, struct fault *fault);

int attachments_record(const struct step_host *host, const struct attachments *attachments, struct fault *fault);
/* Says in the tag mlflow.loggedArtifacts which artifacts are tables, as MLflow's own clients do. */
int attachments_tell_tables(const struct step_host *host, const struct attachments *tables, struct fault *fault);

#endif
