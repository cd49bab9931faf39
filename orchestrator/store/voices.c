/* SPDX-License-Identifier: Apache-2.0 */
#include "store/voices.h"

#include "run/voice.h"
#include "store/delegations.h"
#include "store/waits.h"

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

static const char *barred(const struct voice_asked *asked, const char *person)
{
    return asked->bars == NULL ? NULL : asked->bars(asked->bars_ctx, person);
}

/* Those who have delegated what it is about to him. */
static int list_givers(struct store *store, const struct voice_asked *asked, struct arena *arena,
                       struct voice_question *question, struct err *err)
{
    struct delegation *delegations = NULL;
    size_t count = 0;
    const char *model = json_get_text(asked->spec, "model_name", NULL);
    if (store_delegation_list(store, asked->actor, asked->now_ms, arena, &delegations, &count, err) < 0) {
        return -1;
    }
    struct voice_person *givers = arena_array(arena, count, sizeof *givers);
    for (size_t i = 0; i < count; i++) {
        if (delegation_covers(&delegations[i], model)) {
            struct json *groups = arena_one(arena, struct json);
            *groups = groups_of_giver(asked, &delegations[i], arena);
            givers[question->giver_count++] =
                (struct voice_person){delegations[i].giver, groups, barred(asked, delegations[i].giver)};
        }
    }
    question->givers = givers;
    return 0;
}

int store_voice_find(struct store *store, const struct voice_asked *asked, struct arena *arena, struct voice *ret,
                     struct err *err)
{
    struct vote *votes = NULL;
    struct approval_vote *voices = NULL;
    struct voice_found found = {0};
    struct voice_question question = {
        .spec = asked->spec,
        .asks = {asked->actor, asked->groups, barred(asked, asked->actor)},
    };
    if (store_vote_voices(store, asked->wait, arena, &votes, &voices, &question.vote_count, err) < 0 ||
        list_givers(store, asked, arena, &question, err) < 0) {
        return -1;
    }
    question.votes = voices;
    if (voice_find(&question, &found, err) < 0) {
        return -1;
    }
    *ret = (struct voice){
        .on_behalf_of = found.giver == NULL ? NULL : found.giver->name,
        .groups = found.giver == NULL ? *asked->groups : *found.giver->groups,
        .said = found.said,
    };
    return 0;
}
