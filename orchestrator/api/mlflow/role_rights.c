/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/role_rights.h"

#include "api/user_rights.h"
#include "store/mlflow_roles.h"

int role_rights_account(struct api_call *call, struct err *err)
{
    if (call->who == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "the home has no users: 'sluice users create NAME --admin' makes the first");
    }
    if (user_check_account(call, err) < 0) {
        return -1;
    }
    return call->who->experiments == NULL
               ? 0
               : err_set(err, ERR_DENIED, "Permission denied: this token is only for what is in its experiments");
}

/* `found`: what the store says of a user who is no admin. */
static int let_in(const struct api_call *call, int found, const char *words, struct err *err)
{
    return found > 0 ? 0
           : found < 0
               ? -1
               : err_set(err, ERR_DENIED, "Permission denied: user '%s' is no admin, and %s", call->who->name, words);
}

int role_rights_manage(struct api_call *call, const char *workspace, struct err *err)
{
    if (role_rights_account(call, err) < 0) {
        return -1;
    }
    int found = call->who->is_admin    ? 1
                : workspace == NULL    ? 0
                                       : store_mlflow_role_manages(call->store, call->who->user_id, workspace, err);
    return let_in(call, found, "no role of MLflow's lets him manage that workspace", err);
}

int role_rights_look(struct api_call *call, const char *workspace, struct err *err)
{
    if (role_rights_account(call, err) < 0) {
        return -1;
    }
    int found = call->who->is_admin    ? 1
                : workspace == NULL    ? 0
                                       : store_mlflow_role_is_there(call->store, call->who->user_id, workspace, err);
    return let_in(call, found, "is in no role of that workspace", err);
}
