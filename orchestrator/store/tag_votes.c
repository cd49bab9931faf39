/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tag_votes.h"

#include "run/approval.h"
#include "store/activity.h"
#include "store/guards.h"
#include "store/pipeline_runs.h"
#include "store/waits.h"

#include <strings.h>

static const char prefix[] = "approval";

static bool is_approval(const struct version_tag *tag)
{
    return strncasecmp(tag->key, prefix, strlen(prefix)) == 0 && strcasecmp(tag->value, "approved") == 0;
}

static bool has_said_so(const struct vote *votes, size_t count, const char *actor)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(votes[i].actor, actor) == 0 && strcmp(votes[i].decision, "approve") == 0) {
            return true;
        }
    }
    return false;
}

static int note(struct store *store, const struct version_tag *tag, const struct wait_row *wait, const char *sha256,
                const char *reason, struct arena *arena, struct err *err)
{
    struct pipeline_run run;
    char label[32];
    if (store_pipeline_run_get(store, wait->run_id, arena, &run, err) < 0) {
        return -1;
    }
    pipeline_run_label(&run, label);
    const struct activity entry = {
        .at_ms = tag->at_ms,
        .actor = tag->actor,
        .action = "approval.approved",
        .object = arena_printf(arena, "run %s %s", run.pipeline, label),
        .object_id = run.run_id,
        .from_state = "open",
        .to_state = "approve",
        .reason = reason,
        .evidence_sha256 = sha256,
    };
    return store_activity_append(store, &entry, err);
}

/* One open approval that the tag is about. */
static int vote_on(struct store *store, const struct version_tag *tag, struct wait_row *wait, struct arena *arena,
                   size_t *ret_count, struct err *err)
{
    struct json spec = json_null();
    struct vote *votes = NULL;
    size_t count = 0;
    struct json groups = store_groups_of(store, tag->actor, arena);
    if (json_read(str_from(wait->spec), (struct json_limits){0}, arena, &spec, err) < 0 ||
        store_vote_list(store, wait->id, arena, &votes, &count, err) < 0) {
        return -1;
    }
    if (approval_may_vote(&spec, tag->actor, &groups, NULL) < 0 || has_said_so(votes, count, tag->actor)) {
        return 0;
    }
    int may = tag->may(tag->ctx, wait->run_id, err);
    if (may <= 0) {
        return may;
    }
    const char *reason = arena_printf(arena, "by the tag %s = %s of %s/%lld", tag->key, tag->value, tag->name,
                                      (long long)tag->version);
    const struct vote vote = {.actor = tag->actor,
                              .decision = "approve",
                              .reason = reason,
                              .groups = json_text(arena, &groups).p,
                              .at_ms = tag->at_ms,
                              .login = "tag"};
    wait->check_ms = tag->at_ms; /* the engine counts the votes then */
    *ret_count += 1;
    return store_vote_put(store, wait->id, &vote, err) < 0 ||
                   note(store, tag, wait, json_get_text(&spec, "sha256", ""), reason, arena, err) < 0
               ? -1
               : store_wait_update(store, wait, err);
}

int store_tag_vote(struct store *store, const struct version_tag *tag, size_t *ret_count, struct err *err)
{
    struct wait_row *waits = NULL;
    size_t count = 0;
    *ret_count = 0;
    if (!is_approval(tag)) {
        return 0;
    }
    struct arena *arena = arena_new();
    int result = store_wait_approvals_of(store, tag->name, tag->version, tag->key, arena, &waits, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = vote_on(store, tag, &waits[i], arena, ret_count, err);
    }
    arena_free(arena);
    return result;
}
