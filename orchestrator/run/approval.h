/* SPDX-License-Identifier: Apache-2.0
 * Approvals, decided by pure functions: who may speak, and what the votes add up to.
 *
 * A spec is the JSON of the wait row:
 *   by        list of "actor", "group:NAME" (any of them counts; `quorum` of them are needed, 1 by default), or a map
 *             of the same to how many people of each are needed: nobody counts for two of them
 *   not_by    list of "author", "starter", "actor", "group:NAME"
 *   authors   list of actors: who started the run and who created the model version
 *   waived    true: the home has one user, not_by does not apply (recorded)
 *   quorum    integer
 */
#ifndef SLUICE_RUN_APPROVAL_H
#define SLUICE_RUN_APPROVAL_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

struct approval_vote {
    const char *actor;         /* whose voice it is */
    const struct json *groups; /* list of text: the actor's groups when voting */
    bool approve;
    const char *speaker;               /* who spoke for him, by a delegation; NULL: himself */
    const struct json *speaker_groups; /* list of text */
};

enum approval_state { APPROVAL_OPEN, APPROVAL_APPROVED, APPROVAL_REJECTED };

/* Those of {group: [name, ...]} that somebody is in, a list of text in the arena. */
struct json approval_groups_of(const struct json *configured, const char *actor, struct arena *arena);
/* Who is asked, for people: "ann, bob", "1 of group:leads, 2 of group:risk", "anybody"; in the arena. */
const char *approval_asks(const struct json *spec, struct arena *arena);
/* 0 when the actor may decide, else -1 with ERR_DENIED in words. */
int approval_may_vote(const struct json *spec, const char *actor, const struct json *groups, struct err *err);
/* Whether the actor may decide, but for whom `by` asks: `not_by` alone is looked at. */
bool approval_excludes(const struct json *spec, const char *actor, const struct json *groups);
/* A vote counts when its voice may decide and who spoke for it is not excluded himself.
 * One eligible rejection ends it; otherwise it is approved once every demand is met by people of its own: whoever could
 * count for several of a map counts for the one where that helps most, in whatever order they voted. */
enum approval_state approval_decide(const struct json *spec, const struct approval_vote *votes, size_t count);
/* What is still missing, in words, in the arena: "1 more of group:ml-leads", "1 more of group:a or group:b" where
 * somebody who voted could count for either; "" for nothing. */
const char *approval_missing(const struct json *spec, const struct approval_vote *votes, size_t count,
                             struct arena *arena);

#endif
