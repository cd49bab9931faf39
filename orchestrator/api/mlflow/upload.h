/* SPDX-License-Identifier: Apache-2.0
 * A file that a client sends.
 *
 * It is written beside as its bytes come, synced by the thread for files, and then gets its place, with its digest in
 * the store: readers see the old one or the whole new one, and what was answered survives a power cut.
 */
#ifndef SLUICE_API_MLFLOW_UPLOAD_H
#define SLUICE_API_MLFLOW_UPLOAD_H

#include "api/file_writer.h"
#include "api/mlflow/file_place.h"

struct upload {
    struct api_job job;
    const struct files *files;
    struct file_place place; /* in the exchange's arena */
    int fd;
    char name[40]; /* in the incoming folder; "": it has its place */
    struct file_writer *writer;
    int64_t size;
};

/* May the caller write a file there? Not to a folder of others, nor in the stead of the whole root. */
int upload_check(struct api_call *call, const struct file_place *place, struct err *err);

/* In a route's head: the body becomes a file. `exchange->owner` is the upload. */
int upload_begin(struct api_call *call, const struct file_place *place, struct err *err);
/* Of one whose bytes only pass through: it is not to be published. */
void upload_no_digest(struct upload *upload);
/* As the route's answer, when the body has come. */
int upload_end(struct api_call *call, struct err *err);

/* ---- for who makes the file of something else ---- */
/* Sets it up, with an empty file in the incoming folder. */
int upload_open(struct upload *upload, struct api_call *call, const struct file_place *place, struct err *err);
/* Adds bytes; what goes wrong is said at their end. */
void upload_add(struct upload *upload, const char *bytes, size_t size);
/* All bytes are in the file. */
int upload_written(struct upload *upload, struct err *err);
/* And on the disk. */
int upload_sync(struct upload *upload, struct err *err);
/* In a turn, when it is synced: records it and gives it its place. */
int upload_publish(struct upload *upload, struct api_call *call, struct err *err);
/* Closes it and removes what has no place. */
void upload_close(struct upload *upload);

#endif
