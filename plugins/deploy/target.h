/* SPDX-License-Identifier: Apache-2.0
 * Where a model is deployed to, and how those targets that are not folders are told.
 */
#ifndef SLUICE_DEPLOY_TARGET_H
#define SLUICE_DEPLOY_TARGET_H

#include "payload.h"

enum target_kind { TARGET_DIRECTORY, TARGET_COMMAND, TARGET_HTTP };

struct target {
    enum target_kind kind;
    const char *name;                  /* in records: the path, the program or the URL, unless the user gave one */
    const char *directory;             /* absolute */
    const char *const *command;        /* argv; of a directory: run after each switch, or NULL */
    const char *const *roll_back;      /* argv; NULL: `command` with another action */
    const char *url;
    const char *roll_back_url;         /* NULL: `url` with another action */
    const char *method;
    const char *const *headers;
    int64_t timeout_ms;                /* of a command or a request; 0: none, or the host's own */
};

/* {directory: PATH, reload: [...]}, {command: [...], rollback: [...]} or {http: URL, method, headers, rollback}. */
int target_parse(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                 int64_t timeout_ms, struct target *ret_target, struct fault *fault);
/* A part of the traffic. */
struct target_share {
    double weight;            /* percent */
    const char *previous_uri; /* who has the rest; NULL: not known */
};
/* Tells a command or HTTP target to serve `payload`, or what serves a directory to read it again. With a share below
 * 100 % the action is "weight", not "deploy"; NULL: all of the traffic. */
int target_deploy(const struct step_host *host, const struct target *target, const struct payload *payload,
                  const struct target_share *share, struct fault *fault);
/* "NAME=value" of what is told to commands, in `scratch`: for programs that are not the target's. */
const char *const *target_env(struct scratch *scratch, const char *action, const struct payload *payload,
                              const struct payload *failed, const struct target_share *share);
/* Tells it to go back from `failed` to `previous`; NULL when nothing is known to have been there. */
int target_roll_back(const struct step_host *host, const struct target *target, const struct payload *failed,
                     const struct payload *previous, struct fault *fault);

#endif
