/* SPDX-License-Identifier: Apache-2.0
 * What users may do: each route's row names the role that it takes, a permission, and what that is needed on. A role is
 * a ceiling: it gives no permission. Runs, logged models, traces and files are as their experiment, versions and
 * aliases as their registered model. Admins may do everything; a token never does more than its role and its
 * experiments say.
 *
 * All let pass when nobody is asked who he is (call->who is NULL), and what is not there: the route says so better.
 * Else 0, or -1 with ERR_DENIED in words.
 */
#ifndef SLUICE_API_USER_RIGHTS_H
#define SLUICE_API_USER_RIGHTS_H

#include "api/api.h"
#include "store/alias_moves.h"

/* Once the fields have been read. Of lists that are only searched, what he may not read is left out. */
int user_check(struct api_call *call, const struct api_need *need, struct err *err);
/* Before them: what can be said without. */
int user_check_scope(const struct api_call *call, const struct api_need *need, struct err *err);
/* Of accounts and permissions: a token that was made to do less than its user does not manage them. */
int user_check_account(const struct api_call *call, struct err *err);

int user_check_experiment(struct api_call *call, int64_t experiment_id, enum permission needed, struct err *err);
int user_check_owned(struct api_call *call, enum owned kind, const char *id, enum permission needed, struct err *err);
int user_check_registered(struct api_call *call, const char *name, enum permission needed, struct err *err);
/* Of what belongs to no experiment. */
int user_check_rest(struct api_call *call, const char *what, enum permission needed, struct err *err);
/* Of what nobody's experiment says anything of: the admins' alone. */
int user_check_admin(struct api_call *call, const char *what, struct err *err);
/* The object must be there for something to be said of it. */
int user_require_object(struct api_call *call, const struct permission_object *object, struct err *err);
/* Who made something manages it. */
int user_made(struct api_call *call, const struct permission_object *object, struct err *err);
/* Who moves an alias or a stage by this call. */
struct mover api_mover(const struct api_call *call);
/* For searches; NULL: everything may be read. */
const struct reader *user_reader(struct api_call *call);

#endif
