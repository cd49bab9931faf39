/* SPDX-License-Identifier: Apache-2.0
 * Uploads in parts that were begun and never completed: who serves looks for old ones when it begins and once an hour,
 * some in each turn, and then the next.
 */
#ifndef SLUICE_API_UPLOAD_SWEEP_H
#define SLUICE_API_UPLOAD_SWEEP_H

#include "api/api.h"

#include <dirent.h>

struct upload_sweep {
    int64_t due_ms; /* of the monotonic clock; 0: at once */
    DIR *folder;    /* of uploads, in a pass */
};

int upload_sweep_wait_ms(const struct upload_sweep *sweep);
/* Looks, if it is time. */
void upload_sweep_look(struct upload_sweep *sweep, struct api_call *call);
/* A pass that is not over is given up. */
void upload_sweep_end(struct upload_sweep *sweep);

#endif
