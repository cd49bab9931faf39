/* SPDX-License-Identifier: Apache-2.0
 * What a backup says of itself.
 *
 *     BACKUP/manifest.json   which home, when, what of it; the digest of the list
 *     BACKUP/manifest.sha256 its digest, in hex and with a line feed
 *     BACKUP/files.list      a line for each file: SHA256 SIZE MODE STAMP PATH, sorted by path
 *     BACKUP/home/PATH       the files, as they lie in the home
 *
 * SIZE is in bytes, MODE octal; STAMP (digest/stamp.h) is what the home's file system said of the file, "-" when that
 * means nothing; in PATH '\\' and line feeds are written "\\\\" and "\\n", as sha256sum does. manifest.json is written
 * last, and its digest is what the activity log keeps of the backup: manifest.sha256 tells of a disk that has lost
 * something, not of a person who writes both.
 */
#ifndef SLUICE_BACKUP_MANIFEST_H
#define SLUICE_BACKUP_MANIFEST_H

#include "base/arena.h"
#include "base/err.h"
#include "digest/digest.h"

#include <stdint.h>
#include <sys/types.h>

enum { BACKUP_FORMAT = 1 };

struct backup_file {
    const char *path; /* below the home */
    const char *sha256;
    int64_t size_bytes;
    mode_t mode;
    const char *stamp; /* "-": none */
};

struct backup_list {
    struct backup_file *items;
    size_t count;
    size_t room;
    int64_t bytes;
};

struct backup_manifest {
    int64_t made_ms;
    const char *sluice;        /* its version */
    int64_t schema;            /* of the store */
    const char *home;          /* absolute folder */
    const char *home_id;
    const char *activity_head; /* "SEQUENCE:HEX" */
    int64_t open_runs;
    bool has_key;
    int64_t file_count, bytes;
    const char *list_sha256;
    struct digest digest; /* of manifest.json itself; when it was read or written */
};

/* Adds a file; path and digest are copied. */
void backup_list_add(struct backup_list *list, const struct backup_file *file, struct arena *arena);
/* Sorts the list and writes it and the manifest, whose file_count, bytes, list_sha256 and digest are set here. Both are
 * on the disk when this returns. */
int backup_manifest_write(const char *folder, struct backup_list *list, struct backup_manifest *manifest,
                          struct arena *arena, struct err *err);
/* Reads both. ERR_NOT_FOUND when `folder` is no backup, ERR_CORRUPT when they are not what was written, ERR_NEWER when
 * a later format is. Every path lies below the home. */
int backup_manifest_read(const char *folder, struct arena *arena, struct backup_manifest *ret,
                         struct backup_list *ret_list, struct err *err);

#endif
