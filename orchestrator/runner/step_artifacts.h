/* SPDX-License-Identifier: Apache-2.0
 * The artifacts that a pipeline declares of a step: from globs to files in the run's artifact folder.
 *
 * What is found keeps its path: below $SLUICE_STEP_DIR, else below the working directory, else its base name. A name
 * whose glob has '*', '?' or '[' is a folder of that name, with what was found inside. Where two would get one path,
 * the named one goes below its name.
 */
#ifndef SLUICE_RUNNER_STEP_ARTIFACTS_H
#define SLUICE_RUNNER_STEP_ARTIFACTS_H

#include "runner/publish.h"
#include "runner/step_sink.h"

struct step_matches {
    const char **paths;     /* absolute */
    const char **relatives; /* below the folder where the glob's first '*' is; the base name for a glob without */
    size_t count;
    bool many; /* the glob has '*', '?' or '[' */
};

/* What a glob finds; nothing is ERR_NOT_FOUND. What lies in a folder that was found itself is left out. */
int step_artifacts_match(const struct json *spawn, const char *glob, struct arena *arena, struct step_matches *ret,
                         struct err *err);

struct step_artifact_entry {
    const char *name; /* "" for one of a list */
    const char *path; /* below the run's artifact folder */
    struct step_matches matches;
    const char *stage; /* where its copy lies until it is published; NULL: nowhere */
};
struct step_artifact_plan {
    const char *root; /* the run's artifact folder */
    struct step_artifact_entry *entries;
    size_t count;
};

/* spawn.collect.artifacts against what is there; nothing is written. */
int step_artifacts_plan(const struct json *spawn, struct arena *arena, struct step_artifact_plan *ret, struct err *err);
/* Copies all of it to where nobody looks: what can go wrong goes wrong here, before any is published. */
int step_artifacts_stage(const struct json *spawn, struct step_artifact_plan *plan, struct arena *arena,
                         struct err *err);
/* Removes the copies that were not published. */
void step_artifacts_drop(struct step_artifact_plan *plan);
/* Moves what is staged into place, and reports each as {"kind": "artifact", "declared", "local", "sha256", "stamp",
 * "files"}. */
int step_artifacts_publish(struct step_artifact_plan *plan, const struct step_sink *sink, struct arena *arena,
                           struct err *err);
/* Says that something is published; `declared` is the name in the pipeline, or NULL. */
int step_artifacts_report(const char *declared, const struct published *published, const struct step_sink *sink,
                          struct arena *arena, struct err *err);
/* Reports `about` with "files" in as many pieces as it takes. */
int step_files_report(const struct json *about, const struct published *published, const struct step_sink *sink,
                      struct arena *arena, struct err *err);

#endif
