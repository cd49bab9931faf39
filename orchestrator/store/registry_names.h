/* SPDX-License-Identifier: Apache-2.0
 * MLflow's rules for the names of registered models and of aliases (mlflow.utils.validation), with its messages. Inside
 * store/ only.
 */
#ifndef SLUICE_STORE_REGISTRY_NAMES_H
#define SLUICE_STORE_REGISTRY_NAMES_H

#include "base/err.h"

/* Not blank, no '/' or ':', and no text that a path would read as another name. */
int registered_name_check(const char *name, struct err *err);
/* Letters, digits, '_' and '-', at most 255; not "latest", not like "v3". */
int alias_check(const char *alias, struct err *err);

#endif
