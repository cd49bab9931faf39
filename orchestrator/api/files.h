/* SPDX-License-Identifier: Apache-2.0
 * The home's artifact files, by paths that file_path_check has passed. Nothing here follows a link or leaves the folder
 * (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS).
 */
#ifndef SLUICE_API_FILES_H
#define SLUICE_API_FILES_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct files {
    int root;     /* <home>/artifacts */
    int incoming; /* <home>/incoming: what is not whole yet, and what is on its way out */
    int uploads;  /* <home>/uploads: files that come in parts (api/parts.h) */
    const char *home;
};

/* Makes the folders, and removes what a server that was killed left in the second. */
int files_open(const char *home, struct files *ret, struct err *err);
void files_close(struct files *files);

/* A plain file for reading: its descriptor and state. ERR_INPUT for a folder, ERR_NOT_FOUND for anything
 * else. */
int files_read(const struct files *files, const char *path, struct stat *ret_state, struct err *err);

struct file_entry {
    const char *name;
    bool is_folder;
    int64_t size;
};
/* What lies in a folder, sorted by name bytewise; links and other things are passed over. None in what is no folder. */
int files_list(const struct files *files, const char *path, struct arena *arena, struct file_entry **ret,
               size_t *ret_count, struct err *err);

/* A new file in the incoming folder: its descriptor, and the name it goes by until it is published. */
int files_create(const struct files *files, const char *name, struct err *err);
/* Gives it its place, in the stead of what is there, and makes the folders above. ERR_EXISTS where a folder stands, or
 * a file in the place of a folder. */
int files_publish(const struct files *files, const char *name, const char *path, struct err *err);
/* Takes a file or folder out of its place, at once; `name` is what it goes by in the incoming folder until
 * files_discard. ERR_NOT_FOUND when there is none. */
int files_take_away(const struct files *files, const char *path, const char *name, struct err *err);
/* Removes what has that name in the incoming folder. */
int files_discard(const struct files *files, const char *name, struct err *err);

#endif
