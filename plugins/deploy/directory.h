/* SPDX-License-Identifier: Apache-2.0
 * A folder that holds versions of a model and a link to the one that serves:
 *
 *     DIR/versions/3-1f2e3d4c/...     every byte verified, synced to the disk before anything points here
 *     DIR/current -> versions/3-1f2e3d4c
 *     DIR/canary -> versions/4-...    only while a new version has a part of the traffic
 *     DIR/traffic.json                {"versions": [{"path": "versions/3-1f2e3d4c", "weight": 90}, ...]}, the weights
 *                                     in percent; there since the first deployment in stages of traffic
 *     DIR/.before                     only while a switch is not settled: what `current` was, "-" for nothing
 *     DIR/.lock                       held by the step that deploys
 *
 * `current` and `traffic.json` are replaced by rename(2): a reader sees the old state or the new one. When a deployment
 * is cut off after the switch, `.before` tells the next one what to go back to. A deployment in stages leaves `.before`
 * between them: another one that comes in between takes its place, and it finds that out when it goes on.
 */
#ifndef SLUICE_DEPLOY_DIRECTORY_H
#define SLUICE_DEPLOY_DIRECTORY_H

#include "payload.h"

#include <stdbool.h>

struct directory {
    const char *path;     /* DIR */
    const char *version;  /* "versions/3-1f2e3d4c": what is deployed */
    const char *previous; /* the same for what was there before; NULL for nothing */
    const char *current;  /* what serves at this moment; NULL for nothing */
    bool cut_off;         /* an earlier switch was not settled: `current` is not what `previous` says */
    int lock_fd;          /* -1 when not held */
};

/* "versions/3-1f2e3d4c", in `scratch`. */
const char *directory_version(struct scratch *scratch, const struct payload *payload);
/* Locks the folder (made at need), finds out what is there, and puts a verified copy beside it. Nothing is switched.
 * Close it whatever the result. */
int directory_stage(const struct step_host *host, struct scratch *scratch, const char *path,
                    const struct payload *payload, struct directory *ret_directory, struct fault *fault);
/* As directory_stage, of a version that was put there in an earlier stage: finds out what is there, and copies nothing.
 * Close it whatever the result. */
int directory_reopen(const struct step_host *host, struct scratch *scratch, const char *path,
                     const struct payload *payload, struct directory *ret_directory, struct fault *fault);
/* Is what is going on here still the deployment of this version? */
bool directory_is_ours(const struct directory *directory);
/* Was one cut off before it had switched anything? */
bool directory_is_only_begun(const struct directory *directory);
/* So many percent of the traffic, below 100, are the new version's: `current` stays what it was. */
int directory_split(const struct directory *directory, double weight, struct fault *fault);
/* `current` points to the new version. */
int directory_switch(const struct directory *directory, struct fault *fault);
/* `current` is what it was before; removed when there was nothing. */
int directory_roll_back(const struct directory *directory, struct fault *fault);
/* The switch stands: forgets `.before`, and removes versions that are neither current nor previous nor among the `keep`
 * old ones that were deployed last. What cannot be removed is told in the log. */
void directory_settle(const struct step_host *host, const struct directory *directory, int64_t keep);
void directory_close(struct directory *directory);

#endif
