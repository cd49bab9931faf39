/* SPDX-License-Identifier: Apache-2.0
 * Where a repository is: a URL or a path.
 */
#ifndef SLUICE_GIT_LOCATION_H
#define SLUICE_GIT_LOCATION_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

enum location_kind { LOCATION_LOCAL, LOCATION_HTTP, LOCATION_HTTPS, LOCATION_SSH };

struct location {
    enum location_kind kind;
    const char *url;  /* for libgit2: a relative path is made absolute, below the workspace */
    const char *user; /* that stands in the URL; NULL for none */
};

/* https://, http://, ssh://, USER@HOST:PATH, file:// or a path. A password in the URL is a fault that does not show it:
 * it would be written into the clone's configuration. */
int location_parse(const struct step_host *host, struct scratch *scratch, const char *url,
                   struct location *ret_location, struct fault *fault);

#endif
