/* SPDX-License-Identifier: Apache-2.0
 * Who may look at MLflow's roles and change them: admins, and who manages a role's workspace by a role of MLflow's. The
 * home has users, and a token that was made to do less than its user does neither.
 */
#ifndef SLUICE_API_MLFLOW_ROLE_RIGHTS_H
#define SLUICE_API_MLFLOW_ROLE_RIGHTS_H

#include "api/api.h"

/* Whom is asked at all: there are users, and it is no token for less. */
int role_rights_account(struct api_call *call, struct err *err);
/* He may change roles of that workspace; NULL: of one that is not there, which is for admins to be told. */
int role_rights_manage(struct api_call *call, const char *workspace, struct err *err);
/* He is in some role there. */
int role_rights_look(struct api_call *call, const char *workspace, struct err *err);

#endif
