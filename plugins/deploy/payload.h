/* SPDX-License-Identifier: Apache-2.0
 * What is deployed: a model's recorded files with their digests, and copies of them that are proved byte by byte.
 */
#ifndef SLUICE_DEPLOY_PAYLOAD_H
#define SLUICE_DEPLOY_PAYLOAD_H

#include "fault.h"
#include "scratch.h"
#include "sha256.h"
#include "step.h"

struct payload_file {
    const char *path; /* below the model's folder */
    const char *sha256;
    int64_t size;
};

struct payload {
    const char *uri;
    const char *model_id; /* "" when the store knows none */
    const char *path;     /* the model's folder */
    const char *name;     /* for people and for folders: "3" or "m-..." */
    struct payload_file *files; /* sorted by path */
    size_t count;
    char sha256[SHA256_HEX]; /* of the lines "path NUL sha256 LF" */
};

/* Asks the store. 1 with the payload, 0 when there is no such model (said in the fault), -1 for any other fault, such
 * as a model without recorded files. */
int payload_read(const struct step_host *host, struct scratch *scratch, const char *uri, struct payload *ret_payload,
                 struct fault *fault);
/* Reads every file below `folder` and compares it with the record. */
int payload_verify(const struct step_host *host, const struct payload *payload, const char *folder,
                   struct fault *fault);
/* Copies the files from the model's folder to `folder`, which must not exist, comparing the bytes that are written, and
 * syncs them to the disk. A failure leaves what was copied so far. */
int payload_copy(const struct step_host *host, const struct payload *payload, const char *folder, struct fault *fault);

#endif
