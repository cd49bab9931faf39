/* SPDX-License-Identifier: Apache-2.0
 * Guards, decided by pure functions: what config.yaml asks of a version before an alias or a stage may point to it,
 * or a target serve it (docs/governance.md).
 *
 * They are read from the list that config.yaml has, checked by config/guards.h:
 *   model      glob of registered models
 *   alias | stage | target   glob: exactly one of them
 *   gate       "green": every gate that has judged the model says yes, and there is one
 *   approvals  map of "actor" and "group:NAME" to how many people of each, as `by` of an approval
 *   not_by     list, as there
 *   branches   list of globs: of the branch that the pipeline had which made the model
 *   rollback   "free": a version that has been there by right may be there again
 */
#ifndef SLUICE_RUN_GUARD_H
#define SLUICE_RUN_GUARD_H

#include "run/approval.h"

enum guard_kind { GUARD_ALIAS, GUARD_STAGE, GUARD_TARGET, GUARD_KINDS };
/* "alias", "stage", "target": the keys of config.yaml. */
extern const char *const guard_kind_words[GUARD_KINDS];

struct guard {
    const char *model; /* glob */
    enum guard_kind kind;
    const char *name;  /* glob */
    bool green;
    const struct json *approvals; /* NULL: none are asked for */
    const struct json *not_by;    /* NULL: nobody is excluded */
    const struct json *branches;  /* NULL: of any */
    bool free_rollback;
};

/* Of a list that has been checked. The guards point into it. */
size_t guard_list_read(const struct json *list, struct arena *arena, struct guard **ret);
/* Which of these names it is about, if it is about one of these models (none: whatever it is, of a target); NULL: about
 * none. Stages are compared in any case. */
const char *guard_match(const struct guard *guard, enum guard_kind kind, const char *const *models, size_t model_count,
                        const char *const *names, size_t name_count);

/* What is known of a version. */
struct guard_facts {
    const char *model_id;  /* NULL: it is of no logged model, so nothing can be bound to it */
    const char *changed;   /* why its files are not those that were reviewed; NULL: they are */
    size_t file_count;     /* that the home has recorded of the model */
    size_t gate_count;     /* that have judged the model */
    const char *red;       /* the newest of one of them that said no, in words; NULL: none */
    const struct approval_vote *votes; /* of approvals of this model that hold */
    size_t vote_count;
    struct json authors;   /* list */
    bool waived;           /* the home has one user: not_by does not apply */
    const char *branch;    /* NULL: it is not known */
    bool was_there;        /* by right, before */
    bool removes;          /* it is to go away from there: the votes are of approvals of that */
};

struct guard_verdict {
    const char *lacks;   /* in words; "": nothing */
    bool only_approvals; /* that is all it lacks */
    bool rolled_back;    /* it lacks nothing because it was there before */
};
/* In the arena. */
struct guard_verdict guard_decide(const struct guard *guard, const struct guard_facts *facts, struct arena *arena);
/* What an approval has to ask that gives a guard what it lacks: adds to {"by", "not_by"}, where one of several guards
 * has asked already. */
void guard_ask(const struct guard *guard, struct arena *arena, struct json *spec);

#endif
