/* SPDX-License-Identifier: Apache-2.0
 * What the files of logged models share with the registry.
 */
#ifndef SLUICE_STORE_MODELS_INTERNAL_H
#define SLUICE_STORE_MODELS_INTERNAL_H

#include "store/models.h"

#include <stdint.h>

/* Adds a version to the tag mlflow.modelVersions of a model, a JSON list, unless it is in it. Of a model that is
 * unknown or deleted, or whose tag is something else, nothing. */
int model_note_version(struct store *store, const char *model_id, const char *name, int64_t version, struct err *err);

#endif
