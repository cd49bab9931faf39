/* SPDX-License-Identifier: Apache-2.0
 * How a remote repository is reached: credentials, the server's identity, and an end when the step is cancelled.
 */
#ifndef SLUICE_GIT_ACCESS_H
#define SLUICE_GIT_ACCESS_H

#include "location.h"

#include <git2.h>
#include <stdbool.h>

struct access {
    const struct step_host *host;
    const struct location *location;
    const char *username;    /* NULL or "": the URL's, else "git" */
    const char *password;    /* of https; NULL or "": none */
    const char *ssh_key;     /* the private key's text; NULL or "": the agent's keys */
    const char *passphrase;  /* of the key */
    const char *known_hosts; /* lines; NULL or "": ~/.ssh/known_hosts, as libgit2 reads it */
    bool offered;            /* credentials have been sent once: asked again, they were refused */
    struct fault why;        /* of a refusal that libgit2 does not know the words for; empty at first */
    int64_t told_ms;         /* of the last progress */
};

/* The callbacks for a connection; `access` must outlive it. */
git_remote_callbacks access_callbacks(struct access *access);
/* Tells now and then what has come: 0, or GIT_EUSER (`why` says it) when the step is cancelled. */
int access_came(struct access *access, double fraction, const char *words);
/* Why a libgit2 function failed: what the callbacks had to say, else libgit2's own words behind `what`. */
int access_fault(const struct access *access, const char *what, struct fault *fault);

#endif
