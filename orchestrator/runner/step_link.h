/* SPDX-License-Identifier: Apache-2.0
 * The step's end of the channel to the runner (step_process.h): what the step says, in frames.
 *
 * Metric points gather until 64 KiB are there, anything else is said, or 50 ms are over: a small thread of the link
 * sees to the last, so that a step that computes for an hour has nothing left unsaid. All functions may be called from
 * any thread. They block while the runner does not read.
 */
#ifndef SLUICE_RUNNER_STEP_LINK_H
#define SLUICE_RUNNER_STEP_LINK_H

#include "runner/step_sink.h"

struct step_link;

/* `fd` stays the caller's. `fetch` is spawn.fetch, for step_sink.fetch; NULL refuses it. */
struct step_link *step_link_new(int fd, const struct json *fetch);
/* Says what is still unsaid. -1 when the runner did not get everything: it is gone, or the step's code closed or
 * replaced the descriptor. NULL is allowed. */
int step_link_free(struct step_link *link);
/* The link as a sink; it lives as long as the link. */
struct step_sink step_link_sink(struct step_link *link);

/* A frame of JOURNAL_REPORT, JOURNAL_WAIT or JOURNAL_RESULT. More than 1 MiB of JSON, or than 64 levels, is ERR_LIMIT:
 * the runner ends a step that sends such a frame. */
int step_link_send(struct step_link *link, enum journal_type type, const struct json *value, struct err *err);
/* JOURNAL_RESULT: `result` is "ok", "failed", "refused" or "wait"; `reason` NULL or one line. */
int step_link_result(struct step_link *link, const char *result, const char *reason);

#endif
