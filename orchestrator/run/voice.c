/* SPDX-License-Identifier: Apache-2.0 */
#include "run/voice.h"

#include <string.h>

static bool has_spoken(const struct voice_question *q)
{
    for (size_t i = 0; i < q->vote_count; i++) {
        const char *speaker = q->votes[i].speaker != NULL ? q->votes[i].speaker : q->votes[i].actor;
        if (strcmp(speaker, q->asks.name) == 0) {
            return true;
        }
    }
    return false;
}

static bool was_given(const struct voice_question *q, const char *voice)
{
    for (size_t i = 0; i < q->vote_count; i++) {
        if (strcmp(q->votes[i].actor, voice) == 0) {
            return true;
        }
    }
    return false;
}

/* Of those whose voice counts; NULL: none, and `*ret_barred` is the first who was barred, or NULL. */
static const struct voice_person *find_giver(const struct voice_question *q, bool spoken,
                                             const struct voice_person **ret_barred)
{
    const struct voice_person *found = NULL;
    *ret_barred = NULL;
    for (size_t i = 0; i < q->giver_count; i++) {
        const struct voice_person *giver = &q->givers[i];
        if (approval_may_vote(q->spec, giver->name, giver->groups, NULL) < 0) {
            continue;
        }
        if (giver->barred != NULL) {
            *ret_barred = *ret_barred == NULL ? giver : *ret_barred;
        } else if (found == NULL || (!spoken && was_given(q, found->name) && !was_given(q, giver->name))) {
            found = giver;
        }
    }
    return found;
}

int voice_find(const struct voice_question *question, struct voice_found *ret, struct err *err)
{
    const struct voice_person *asks = &question->asks;
    const struct voice_person *barred = NULL;
    struct err own = {0};
    bool spoken = has_spoken(question);
    if (asks->barred != NULL) {
        return err_set(err, ERR_DENIED, "%s", asks->barred);
    }
    if (approval_may_vote(question->spec, asks->name, asks->groups, &own) == 0) {
        *ret = (struct voice_found){.said = spoken || was_given(question, asks->name)};
        return 0;
    }
    if (approval_excludes(question->spec, asks->name, asks->groups)) {
        return err_set(err, own.code, "%s", own.message);
    }
    const struct voice_person *giver = find_giver(question, spoken, &barred);
    if (giver != NULL) {
        *ret = (struct voice_found){.giver = giver, .said = spoken || was_given(question, giver->name)};
        return 0;
    }
    return barred == NULL ? err_set(err, own.code, "%s", own.message)
                          : err_set(err, ERR_DENIED,
                                    "it would be in the place of '%s', who may not decide this himself: %s",
                                    barred->name, barred->barred);
}
