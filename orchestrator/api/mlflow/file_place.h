/* SPDX-License-Identifier: Apache-2.0
 * Where clients' files are: paths below the home's artifacts, and whose they are.
 */
#ifndef SLUICE_API_MLFLOW_FILE_PLACE_H
#define SLUICE_API_MLFLOW_FILE_PLACE_H

#include "api/api.h"

/* "0/RUN/artifacts/model/MLmodel": the file model/MLmodel of RUN; "0/models/m-.../artifacts/MLmodel": of that model;
 * "0/traces/ID/artifacts/traces.json": of that trace. Where an experiment was given a folder of its own below the
 * artifacts ("mlflow-artifacts:/team/x"), that stands in the stead of "0". */
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
/* From where a run's or model's files are stored, and a path that a client wrote: below the home's artifacts. ERR_INPUT
 * when they are at another place, which the server does not reach. */
int file_place_in(struct api_call *call, const char *stored, const char *path, struct file_place *ret, struct err *err);
/* Whether a user may: as its owner's experiment; without an owner, as all that the path names and all whose folder it
 * lies in. The folder of all is the admins'. */
int file_place_check(struct api_call *call, const struct file_place *place, enum permission needed, struct err *err);
/* Whether a user may have a new experiment's files at that location: in nobody's folder, or in one where he may
 * write. */
int file_place_claim(struct api_call *call, const char *location, struct err *err);

#endif
