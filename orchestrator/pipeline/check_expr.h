/* SPDX-License-Identifier: Apache-2.0
 * One expression against what exists: its contexts and their members, its functions, and whether they exist in the
 * place where it stands. Finds the steps that it names.
 */
#ifndef SLUICE_PIPELINE_CHECK_EXPR_H
#define SLUICE_PIPELINE_CHECK_EXPR_H

#include "pipeline/load.h"

/* Where an expression may stand. What exists there follows from the moment it is evaluated at (engine/spawn.c,
 * run/settle.c). */
enum place {
    PLACE_RUN,          /* script of `run`: its expressions are variables of the shell's */
    PLACE_WORDS,        /* of `run`: arguments of a process, which others of the machine see */
    PLACE_COMMAND,      /* the same, of a command that a plugin is given */
    PLACE_WITH,         /* of a plugin or script */
    PLACE_CHILD_WITH,   /* of a pipeline: recorded as its params */
    PLACE_ENV,
    PLACE_INPUT,
    PLACE_PUBLISHED,    /* artifacts, metrics, model: once the step ended */
    PLACE_CACHE,
    PLACE_IF,
    PLACE_MATRIX,
    PLACE_PIPELINE_ENV,
    PLACE_OUTPUTS,      /* of the pipeline */
    PLACE_GROUP,        /* concurrency.group */
    PLACE_TRIGGER,      /* params and if below `on:` */
    PLACE_HOOK_SECRET,
};

/* What a walk over the expressions of one step (or of none) knows and finds. */
struct expr_check {
    struct loader *loader;
    enum place place;
    const struct step *step; /* whose expressions these are, or NULL */
    bool guarded;            /* below a `??`: what is missing is given a default */
    bool names_status;       /* found: success(), failure(), always() or cancelled() */
    /* Called for every step that is named. `tolerant`: a skipped one is fine, since `??` or the question itself
     * (status) allows for it. */
    void (*named)(void *ctx, size_t step, bool tolerant, const struct expr *at);
    void *ctx;
};

void check_expr(struct expr_check *check, const struct expr *expr);
void check_template(struct expr_check *check, const struct template *template);
void check_tree(struct expr_check *check, const struct template_tree *tree);
/* What stands behind a context: check_members.c. `members` are the constant names behind `root`, as far as they go. */
void check_members(struct expr_check *check, struct str root, const struct str *members, size_t count,
                   const struct expr *at);
/* Does the value of `env.NAME` follow from a secret? Without a name: that of any variable. */
bool check_env_is_secret(const struct expr_check *check, struct str name);
/* The id of a step that is near, as a hint, or NULL. */
const char *check_hint_step(struct loader *loader, struct str id);
/* Reports at the expression's place. */
void check_expr_error(const struct expr_check *check, const struct expr *at, enum diag_code code, const char *hint,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
