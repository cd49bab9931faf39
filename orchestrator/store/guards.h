/* SPDX-License-Identifier: Apache-2.0
 * Guards of aliases, stages and targets: the rules of config.yaml, and what the store knows of a version to decide them
 * (run/guard.h). Whatever moves an alias or a stage asks guard_check first, in the one function that moves it.
 */
#ifndef SLUICE_STORE_GUARDS_H
#define SLUICE_STORE_GUARDS_H

#include "base/json.h"
#include "run/guard.h"
#include "store/store.h"

/* The `guards` of config.yaml, a checked list, its `groups`, and whether by it the home has one user, `owner` (NULL:
 * not known); all are copied. Until it is called, a store that was opened by store_guards_expect refuses what a guard
 * could be about. */
void store_guards_set(struct store *store, const struct json *list, const struct json *groups, bool single_user,
                      const char *owner);
/* Has a home that has one user by its configuration (`single_user`) nobody but its owner among the users of the server
 * either? Then not_by would exclude everybody. */
int store_single_user(struct store *store, bool single_user, bool *ret, struct err *err);
/* The groups of config.yaml that somebody is in, a list of text. */
struct json store_groups_of(const struct store *store, const char *actor, struct arena *arena);
/* Guards are going to be set: until then nothing is moved. */
void store_guards_expect(struct store *store);

struct guard_question {
    enum guard_kind kind;
    const char *const *names; /* the alias, the stage, or what the target is called */
    size_t name_count;
    const char *model;    /* the registered model; NULL: all that `model_id` is registered as (of targets) */
    int64_t version;      /* that is to come there, or that is to go; 0 where it has no name */
    const char *model_id; /* NULL: that of the version */
    bool removes;
};
struct guard_answer {
    size_t count;      /* guards that are about it; 0: nobody minds */
    const char *lacks; /* in words; "": nothing */
    const char *name;  /* of those that were asked about: the first that lacks something; NULL: none does */
    bool only_approvals;
    bool rolled_back;  /* it is free to go where it was before */
    struct json ask;   /* with only_approvals: {by, not_by} of the approval that it lacks */
    struct json approvals; /* list: whose approvals hold, for the record */
    const char *evidence_sha256; /* of the newest; "" */
    const char *files_sha256; /* of the model's files; NULL: it has none, or nobody has asked */
};
int guard_check(struct store *store, const struct guard_question *question, struct arena *arena,
                struct guard_answer *ret, struct err *err);
/* The same, as ERR_DENIED in words when it lacks something. */
int guard_require(struct store *store, const struct guard_question *question, struct arena *arena,
                  struct guard_answer *ret, struct err *err);
/* May the files of a logged model become others, or go? ERR_DENIED in words while a version of it stands where a guard
 * is. */
int guard_require_files(struct store *store, const char *model_id, struct err *err);
/* "wine@champion": what an approval of a removal names. */
const char *guard_place(struct arena *arena, const char *model, const char *name);

#endif
