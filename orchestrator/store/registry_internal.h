/* SPDX-License-Identifier: Apache-2.0
 * What the files of the registry share.
 */
#ifndef SLUICE_STORE_REGISTRY_INTERNAL_H
#define SLUICE_STORE_REGISTRY_INTERNAL_H

#include "store/registry.h"
#include "store/registry_names.h"
#include "store/stmt.h"

#define STAGE_DELETED "Deleted_Internal"
#define PROMPT_TAG "mlflow.prompt.is_prompt"

int registry_no_model(const char *name, struct err *err);
int registry_no_version(const char *name, int64_t version, struct err *err);
/* ERR_NOT_FOUND when there is no registered model of the name. */
int registry_require(struct store *store, const char *name, struct err *err);
/* Keys and values of tags of models and versions. */
int registry_tags_check(const struct pair *tags, size_t count, struct err *err);
/* Runs a statement that has :name and :now bound by this; ERR_NOT_FOUND when it changes no registered model. */
int registry_touch(struct store *store, const char *name, int64_t now_ms, struct err *err);
/* A version that is deleted, or whose model is named otherwise, leaves its stage, and enters it under the new name. */
int stage_leave(struct store *store, const char *name, int64_t version, const struct mover *by, int64_t now_ms,
                struct err *err);
int stage_enter(struct store *store, const char *name, int64_t version, const char *stage, const struct mover *by,
                int64_t now_ms, struct err *err);
/* 1 when the registered model is a prompt, 0, -1. */
int registry_is_prompt(struct store *store, const char *name, struct err *err);

/* Columns of a version behind "SELECT "; each reader adds its conditions behind " FROM model_versions WHERE ". */
#define VERSION_COLUMNS                                                                                                \
    "name, version, model_id, source, run_id, user, description, stage, status, created_ms, updated_ms, "              \
    "status_message, run_link, storage_location"
#define VERSION_ALIVE " AND stage <> '" STAGE_DELETED "' "
stmt_reader version_read_row; /* struct model_version */
/* All rows of a bound query, until its end. */
int version_read_rows(struct stmt *s, struct arena *arena, struct model_version **ret, size_t *ret_count,
                      struct err *err);
/* What a models: source stands for: fills in storage_location, and run_id and model_id where they are not given;
 * models:/NAME/STAGE, /latest and @ALIAS become models:/NAME/VERSION. */
int version_resolve_source(struct store *store, struct model_version *version, struct arena *arena, struct err *err);

#endif
