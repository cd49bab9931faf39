/* SPDX-License-Identifier: Apache-2.0
 * The value of a secret, or a password, from whoever types or pipes it.
 */
#ifndef SLUICE_CLI_SECRET_INPUT_H
#define SLUICE_CLI_SECRET_INPUT_H

#include "cli/cli.h"
#include "base/str.h"

/* `given` is a value from the command line, taken as it is: it is overwritten there, where 'ps' would show it, and a
 * warning says that it was visible (unless --quiet). "-" is all of standard input, NULL too, without one LF at the end;
 * at a terminal the value is asked for and not shown: with NULL one line, with "-" all up to Ctrl-D. The value lies in
 * `arena`, which whoever is done overwrites: secret_input_forget. */
int secret_input_read(const struct cli *cli, const char *name, char *given, struct arena *arena, struct str *ret_value,
                      struct err *err);
/* A password: at a terminal it is asked for twice and not shown, else it is all of standard input, without one LF at
 * the end. To be overwritten, too. */
int secret_input_password(const char *user, struct arena *arena, struct str *ret_password, struct err *err);
void secret_input_forget(struct str *value);

#endif
