/* SPDX-License-Identifier: Apache-2.0
 * Looking at URLs that steps wait for: one short-lived sluice-fetch for each look, never in the way of the turn.
 */
#ifndef SLUICE_ENGINE_URL_PROBE_H
#define SLUICE_ENGINE_URL_PROBE_H

#include "base/vec.h"
#include "engine/fetch_child.h"

#include <stdbool.h>
#include <stdint.h>

struct url_probe {
    int64_t wait;
    struct fetch_child child;
};

struct url_probes {
    VEC_OF(struct url_probe)
};

/* Starts a look when none is running for this wait, else takes its result when it is there. 1: the answer has the
 * status that `spec` wants ({url, status: 200 by default or a list, contains: text}); `outcome` gets {status}. 0: not
 * yet. */
int url_probe_look(struct url_probes *probes, int64_t wait, const char *fetch, const struct json *spec,
                   struct arena *arena, struct json *outcome);
bool url_probe_is_running(const struct url_probes *probes, int64_t wait);
/* Ends all looks. */
void url_probes_clear(struct url_probes *probes);

#endif
