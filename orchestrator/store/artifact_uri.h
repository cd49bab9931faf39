/* SPDX-License-Identifier: Apache-2.0
 * Places of artifacts as clients name them: the location of an experiment, the source of a model version. Pure: the
 * text is taken apart once, and what is doubtful is refused. Nothing here looks at a file.
 *
 * Common to both: the text is decoded ("%2e") until it stays as it is, and then holds no ".." between '/', no control
 * character, no backslash, no scheme that is not known (http https s3 gs r2 b2 oss abfs abfss wasb wasbs hdfs viewfs
 * dbfs ftp sftp uc mlflow-artifacts file; sources also runs and models), no "//host" without a scheme, and a host where
 * the scheme wants one.
 */
#ifndef SLUICE_STORE_ARTIFACT_URI_H
#define SLUICE_STORE_ARTIFACT_URI_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum { ARTIFACT_LOCATION_CHARACTERS_MAX = 2048, MODEL_SOURCE_CHARACTERS_MAX = 4096 };

/* What a client may give a new experiment as location: no '#' or ';' ("'artifact_location' URL can't include fragments
 * or params."), no query, no runs:, at most 2048 characters. A path (absolute or not) or a URI. ERR_INPUT otherwise.
 * */
int artifact_location_check(const char *location, struct err *err);

/* The part of a stored place that lies below the home's folder of artifacts, with its '/' in front ("/" for the folder
 * itself); NULL for any other place. */
const char *artifact_below_home(struct str home, const char *stored);

/* Is the place the other one, or below it, as both are written? */
bool artifact_is_within(const char *place, const char *root);

struct model_source {
    const char *source;     /* what the client sent */
    const char *run_id;     /* NULL or "": not given */
    const char *model_id;   /* NULL or "": not given */
    const char *run_root;   /* where clients are told that this run's artifacts are; NULL: no run_id, or no such run */
    const char *model_root; /* the same of the logged model */
    bool is_prompt;         /* tags_are_of_prompt (registry.h) of the request */
};
/* May a version be made from it? Paths and file: URIs, mlflow-artifacts: and our own artifact routes under http(s) must
 * lie in the root of the model, when one is given, else of the run; runs:/ID/... must be of the run, models:/m-... of
 * the model; models:/NAME/VERSION and other stores are free. A prompt's is one of MLflow's two placeholders. ERR_INPUT
 * in MLflow's words. */
int model_source_check(const struct model_source *source, struct err *err);

#endif
