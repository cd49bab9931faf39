/* SPDX-License-Identifier: Apache-2.0
 * Roles: what somebody may do at most, whatever he is permitted on an object. Each includes those before it.
 */
#ifndef SLUICE_STORE_ROLES_H
#define SLUICE_STORE_ROLES_H

#include "base/err.h"

/* ROLE_NOBODY may do nothing: it is what a row of routes has that does not say its role. */
enum role {
    ROLE_NOBODY,
    ROLE_VIEWER,   /* looks, searches, downloads */
    ROLE_RUNNER,   /* starts, retries and cancels runs of pipelines */
    ROLE_APPROVER, /* decides about approvals */
    ROLE_EDITOR,   /* logs, registers, uploads, deletes, and says what others may do with what he manages */
    ROLE_ADMIN,    /* manages users and tokens, webhooks, and reads the activity log */
};

/* What users, and tokens, have when nothing is said. */
#define ROLE_BY_DEFAULT ROLE_EDITOR

struct role_word {
    const char *name;    /* "viewer" */
    const char *article; /* "a viewer", "an editor" */
    const char *may;     /* in words, beyond the one before it; for documents and help */
};
/* By number, but for ROLE_NOBODY, which is first and has the name "nobody"; ends with a name of NULL. */
extern const struct role_word role_table[];
/* The names from viewer on; NULL at the end. The role of number i is i + 1. */
extern const char *const role_words[];
/* ERR_INPUT, which names the roles, for another word. */
int role_parse(const char *word, enum role *ret, struct err *err);

#endif
