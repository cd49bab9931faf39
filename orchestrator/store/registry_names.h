/* SPDX-License-Identifier: Apache-2.0
 * MLflow's rules for the names of registered models and of aliases (mlflow.utils.validation), with its messages. Inside
 * store/ only.
 */
#ifndef SLUICE_STORE_REGISTRY_NAMES_H
#define SLUICE_STORE_REGISTRY_NAMES_H

#include "base/err.h"

/* No '/' and no ':': what MLflow looks at first, of any name that somebody asks for. */
int registered_name_check_marks(const char *name, struct err *err);
/* UTF-8 of at most 256 characters; not blank, no '/', ':' or control character, and no text that a path would read as
 * another name. */
int registered_name_check(const char *name, struct err *err);
/* The same of one that is to be given, which must be nobody's twin either: no byte written as a URL writes it ("%2F",
 * which whoever decodes once more reads as "/"), and no other character that looks like '/' or ':'. */
int registered_name_check_new(const char *name, struct err *err);
/* Letters and digits of any script, '_' and '-', at most 255. */
int alias_name_check(const char *alias, struct err *err);
/* The same of one that is to be set: not "latest", not like "v3" either. */
int alias_check(const char *alias, struct err *err);

#endif
