/* SPDX-License-Identifier: Apache-2.0
 * Files and folders. Every descriptor is close-on-exec; every message names the path.
 */
#ifndef SLUICE_BASE_FS_H
#define SLUICE_BASE_FS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The whole file, NUL-terminated, in the arena. Larger than `max_bytes` is ERR_LIMIT, absent is
 * ERR_NOT_FOUND. Pipes and devices are read until their end, under the same bound. */
int fs_read(const char *path, size_t max_bytes, struct arena *arena, struct str *ret_text, struct err *err);
/* The same of a plain file (or a link to one). Anything else is ERR_INPUT at once: for what a step may have put there,
 * since whoever opens a named pipe waits. */
int fs_read_file(const char *path, size_t max_bytes, struct arena *arena, struct str *ret_text, struct err *err);
/* Opens such a file for reading: the descriptor (close-on-exec), or -1. */
int fs_open_file(const char *path, struct err *err);
/* As openat for what lies below `folder`, "" for the folder itself: follows no link, and leaves the folder on no path
 * (openat2). The descriptor, or -1 with errno; fs_is_absent says of it whether simply nothing is there for us. */
int fs_open_below(int folder, const char *path, int flags);
bool fs_is_absent(int error);
/* Writes beside and renames over: readers see the old bytes or the new ones. `sync` adds fsync of
 * the file and its folder. */
int fs_write(const char *path, struct str bytes, mode_t mode, bool sync, struct err *err);
/* mkdir -p. */
int fs_make_folders(const char *path, mode_t mode, struct err *err);
/* rm -rf, without following links, also of folders that their owner (us) made read-only; an absent path is fine. */
int fs_remove(const char *path, struct err *err);
bool fs_exists(const char *path);
bool fs_is_folder(const char *path);
bool fs_is_file(const char *path);

/* Copies a file or a folder with all below it (links are copied as what they point to inside the
 * folder, refused outside; sockets and devices are refused). Uses reflink or copy_file_range where
 * the file system has them. The target must not exist. */
int fs_copy(const char *from, const char *to, struct err *err);

/* The file, or the folder with all below it, is on the disk when this returns; links that are below it, and not what
 * they lead to. */
int fs_sync(const char *path, struct err *err);
/* And this: that it has this name. */
int fs_sync_name(const char *path, struct err *err);

struct fs_entry {
    const char *path; /* relative to the folder that was walked */
    mode_t mode;
    int64_t size_bytes;
};
struct fs_list {
    struct fs_entry *entries;
    size_t count;
};
/* Every regular file below `folder`, sorted bytewise by path; links to files inside it count as
 * files, links to the outside are an error. At most `max_files`. A file given as `folder` gives one
 * entry with its base name. */
int fs_walk(const char *folder, size_t max_files, struct arena *arena, struct fs_list *ret_list, struct err *err);
/* Refuses a link at `path` that leads out of `folder`, as walking does; what is no link is good. */
int fs_check_link(const char *folder, const char *path, struct err *err);
/* Files and folders below `folder` whose relative path matches the glob (path_matches), sorted. A
 * glob without '*', '?' or '[' is looked up as it is. Hidden entries match only a glob part that
 * starts with '.'. */
int fs_glob(const char *folder, const char *glob, struct arena *arena, struct fs_list *ret_list, struct err *err);

/* "nfs", "smb", ... if `path` lies on a network file system, else NULL. */
const char *fs_network_name(const char *path);

#endif
