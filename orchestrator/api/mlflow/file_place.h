/* SPDX-License-Identifier: Apache-2.0
 * Where clients' files are: paths below the home's artifacts, and whose they are.
 */
#ifndef SLUICE_API_MLFLOW_FILE_PLACE_H
#define SLUICE_API_MLFLOW_FILE_PLACE_H

#include "api/api.h"

/* "0/RUN/artifacts/model/MLmodel": the file model/MLmodel of RUN; "0/models/m-.../artifacts/MLmodel": of that model;
 * "0/traces/ID/artifacts/traces.json": of that trace. */
struct file_place {
    const char *path;  /* below <home>/artifacts */
    const char *owner; /* the run's, model's or trace's id; NULL: it lies in no folder of one */
    bool of_trace;
    const char *below; /* the path in the owner's folder; "" is that folder */
};

/* Of a path that file_path_check has passed. */
struct file_place file_place_of(struct api_call *call, const char *path);
/* Behind it stand the paths of files. */
#define FILES_PREFIX "/mlflow-artifacts/artifacts/"
/* What the path of a request says behind `prefix` (FILES_PREFIX), decoded and checked. */
int file_place_of_url(struct api_call *call, const char *prefix, struct file_place *ret, struct err *err);
/* From where a run's or model's files are stored (an absolute folder), and a path that a client wrote: below the home's
 * artifacts. ERR_INPUT when they are at another place, which the server does not reach. */
int file_place_in(struct api_call *call, const char *stored, const char *path, struct file_place *ret, struct err *err);
/* Whether a user may: as its owner's experiment, or as the one whose folder it lies in. */
int file_place_check(struct api_call *call, const struct file_place *place, enum permission needed, struct err *err);

#endif
