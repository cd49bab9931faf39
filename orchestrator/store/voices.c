/* SPDX-License-Identifier: Apache-2.0 */
#include "store/voices.h"

#include "run/approval.h"
#include "store/delegations.h"

/* The groups of who has given a delegation: those of config.yaml as they are now, others as they were then. */
static struct json groups_of_giver(const struct voice_asked *asked, const struct delegation *delegation,
                                   struct arena *arena)
{
    struct json groups = approval_groups_of(asked->configured, delegation->giver, arena);
    for (size_t i = 0; i < delegation->giver_groups.u.array.count; i++) {
        const struct json *group = &delegation->giver_groups.u.array.items[i];
        bool named = asked->configured->type == JSON_OBJECT &&
                     json_get_str(asked->configured, group->u.string) != NULL;
        if (!named) {
            json_push(arena, &groups, *group);
        }
    }
    return groups;
}

int store_voice_find(struct store *store, const struct voice_asked *asked, struct arena *arena, struct voice *ret,
                     struct err *err)
{
    struct err own = {0};
    struct delegation *delegations = NULL;
    size_t count = 0;
    *ret = (struct voice){.groups = *asked->groups};
    if (approval_may_vote(asked->spec, asked->actor, asked->groups, &own) == 0) {
        return 0;
    }
    /* Whoever is excluded himself is so for others, too. */
    if (!approval_excludes(asked->spec, asked->actor, asked->groups) &&
        store_delegation_list(store, asked->actor, asked->now_ms, arena, &delegations, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json groups = groups_of_giver(asked, &delegations[i], arena);
        if (delegation_covers(&delegations[i], json_get_text(asked->spec, "model_name", NULL)) &&
            approval_may_vote(asked->spec, delegations[i].giver, &groups, NULL) == 0) {
            *ret = (struct voice){delegations[i].giver, groups};
            return 0;
        }
    }
    return err_set(err, own.code, "%s", own.message);
}
