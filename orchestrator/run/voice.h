/* SPDX-License-Identifier: Apache-2.0
 * Whose voice somebody has on a request for approval: his own, or that of one who has delegated it to him. Deciding and
 * the list of what waits for somebody both ask here. Pure.
 */
#ifndef SLUICE_RUN_VOICE_H
#define SLUICE_RUN_VOICE_H

#include "run/approval.h"

struct voice_person {
    const char *name;
    const struct json *groups; /* list of text */
    const char *barred;        /* why he may not decide it whoever is asked: a role, a permission; NULL: he may */
};

struct voice_question {
    const struct json *spec;           /* of the request (run/approval.h) */
    struct voice_person asks;
    const struct voice_person *givers; /* who have delegated what it is about to him, newest first */
    size_t giver_count;
    const struct approval_vote *votes; /* what has been said */
    size_t vote_count;
};

struct voice_found {
    const struct voice_person *giver; /* NULL: his own voice */
    bool said;                        /* he has spoken, or that voice was given: his word would add nothing */
};

/* Whose own voice counts speaks for himself. Otherwise he speaks for the first giver whose voice counts and who is not
 * barred, before one whose voice was given; who has spoken stays with the first. Whoever is excluded (`not_by`) speaks
 * for nobody. 0, or -1 with ERR_DENIED in words. */
int voice_find(const struct voice_question *question, struct voice_found *ret, struct err *err);

#endif
