/* SPDX-License-Identifier: Apache-2.0
 * How MLflow's folder keeps a record: a file of YAML, and folders in which each file is a key and its text the value.
 */
#ifndef SLUICE_MOVE_FOLDER_META_H
#define SLUICE_MOVE_FOLDER_META_H

#include "pipeline/yaml_doc.h"
#include "store/moved.h"

/* The map that the file says. ERR_INPUT when it is none, with its place; ERR_NOT_FOUND when there is no such file. */
int folder_meta_read(const char *folder, const char *file, struct arena *arena, const struct yaml_node **ret,
                     struct err *err);
/* "" where nothing is said, or null. */
const char *folder_meta_text(const struct yaml_node *meta, const char *key);
/* NULL there. */
const char *folder_meta_text_or_null(const struct yaml_node *meta, const char *key);
/* 0 there. ERR_INPUT for what is no whole number. */
int folder_meta_int(const struct yaml_node *meta, const char *key, int64_t *ret, struct err *err);
/* The pairs of a map in it; none where it has none. */
void folder_meta_pairs(const struct yaml_node *meta, const char *key, struct arena *arena, struct moved_pairs *ret);

/* The files below `folder`/`part`: keys (with '/' in them) and values, by key. None where there is no such folder. */
int folder_pairs_read(const char *folder, const char *part, struct arena *arena, struct moved_pairs *ret,
                      struct err *err);
/* The names of the folders in a folder, bytewise; none where it is not there. Links are not followed. */
int folder_list(const char *folder, struct arena *arena, struct moved_ids *ret, struct err *err);

#endif
