/* SPDX-License-Identifier: Apache-2.0
 * A logged model's folder: the files, and an MLmodel in the form of MLflow 3.
 */
#ifndef SLUICE_RUNNER_MODEL_FILE_H
#define SLUICE_RUNNER_MODEL_FILE_H

#include "runner/publish.h"

struct model_file {
    const char *model_id;
    const char *dir;    /* where the model goes */
    const char *run_id; /* of the step's MLflow run */
    const char *flavor; /* NULL: "sluice"; never said to be a python_function */
};

/* Publishes the file or folder `from` as the model: model->dir is a folder afterwards, with an MLmodel (written here
 * when the step wrote none). ret->files are relative to it. */
int model_file_publish(const struct model_file *model, const char *from, int64_t now_ms, struct arena *arena,
                       struct published *ret, struct err *err);
/* The text of an MLmodel. */
char *model_file_text(const struct model_file *model, int64_t size_bytes, int64_t now_ms, struct arena *arena);

#endif
