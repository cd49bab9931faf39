/* SPDX-License-Identifier: Apache-2.0
 * Files that clients send in parts, several at once, before they are put together.
 *
 * <home>/uploads/ID/ holds a file "plan" (how many parts, and the path that the file is for) and one for each part that
 * has come whole, named by its number and its ETag: a part that is sent twice lies there twice, and who completes the
 * upload says which it means. All of it outlives the server. <home>/uploads/ID.done is the plan of one that was
 * completed, for a client that asks again since the answer was lost. What nobody has touched for a week is removed.
 */
#ifndef SLUICE_API_PARTS_H
#define SLUICE_API_PARTS_H

#include "api/files.h"

#include <dirent.h>

enum { PARTS_MAX = 10000 };

struct parts_plan {
    const char *path; /* below the home's artifacts */
    int64_t count;
};

/* 32 hex digits, as ids and ETags are. */
bool parts_is_id(const char *text);
int parts_begin(const struct files *files, const char *id, const struct parts_plan *plan, struct err *err);
/* ERR_NOT_FOUND when there is none, or it was completed. */
int parts_find(const struct files *files, const char *id, struct arena *arena, struct parts_plan *ret, struct err *err);
/* 1 when it was completed, for this path; else 0. */
int parts_is_done(const struct files *files, const char *id, const char *path, struct arena *arena);
/* A file of the incoming folder becomes a part. ERR_NOT_FOUND when the upload is gone. */
int parts_keep(const struct files *files, const char *id, int64_t number, const char *etag, const char *name,
               struct err *err);
/* A part for reading. ERR_INPUT when it has not come. */
int parts_open(const struct files *files, const char *id, int64_t number, const char *etag, struct err *err);
/* A descriptor that keeps others from putting it together while it is open; ERR_BUSY when somebody does. */
int parts_lock(const struct files *files, const char *id, struct err *err);
/* Out of here, to that name in the incoming folder; `done`: it was completed. ERR_NOT_FOUND when there is none. */
int parts_take_away(const struct files *files, const char *id, const char *name, bool done, struct err *err);
/* The same with one that nobody has touched for a week, or its trace: 1. 0 when there is none among the next `*left`
 * that are looked at: it goes on from there the next time; or, where `*left` is not 0 then, none among the last.
 * `*sweep` is how far it has come: NULL before a pass and after it. */
enum { PARTS_SWEEP = 64 };
int parts_take_old(const struct files *files, DIR **sweep, int64_t now_ms, const char *name, int *left,
                   struct err *err);

#endif
