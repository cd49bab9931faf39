/* SPDX-License-Identifier: Apache-2.0
 * Writing MLflow's folder: its files of YAML, and the folders in which each file is a key. Nothing is synced here.
 */
#ifndef SLUICE_MOVE_FOLDER_WRITE_H
#define SLUICE_MOVE_FOLDER_WRITE_H

#include "base/strbuf.h"
#include "store/moved.h"

/* Lines of a map, for folder_file_write; each begins behind `indent` blanks. NULL is null. */
void folder_add_text(struct strbuf *lines, int indent, const char *key, const char *value);
/* The same, and "" is null, too. */
void folder_add_text_or_null(struct strbuf *lines, const char *key, const char *value);
void folder_add_int(struct strbuf *lines, const char *key, int64_t value);
/* A map of texts. */
void folder_add_pairs(struct strbuf *lines, const char *key, const struct pair *pairs, size_t count);

/* Writes the file, with its folder, and empties `lines`. ERR_LIMIT when there is too much of it. */
int folder_file_write(const char *folder, const char *file, struct strbuf *lines, struct arena *arena,
                      struct err *err);
/* A file for each pair. Those whose key can be no name of a file, beside the others, are only counted. */
int folder_pairs_write(const char *folder, const char *part, const struct moved_pairs *pairs, struct arena *arena,
                       int64_t *ret_left, struct err *err);
/* The file for a key below a folder, with the folders that it needs: 1, 0 when there can be none, -1. */
int folder_key_path(const char *folder, const char *key, struct arena *arena, const char **ret, struct err *err);

enum { FOLDER_TEXT_MAX = 64 << 20 };

#endif
