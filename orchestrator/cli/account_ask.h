/* SPDX-License-Identifier: Apache-2.0
 * Changing users and tokens from the command line: in this process when the home is free, through the door of whoever
 * holds it otherwise; then it takes effect there at once.
 */
#ifndef SLUICE_CLI_ACCOUNT_ASK_H
#define SLUICE_CLI_ACCOUNT_ASK_H

#include "base/json.h"
#include "cli/session.h"

/* Opens the session that account_ask needs; `doing` is the command. */
int account_open(struct cli *cli, const char *doing, struct session *ret_session, struct err *err);
/* Has `request` (auth/account.h) obeyed. */
int account_ask(struct session *session, const struct json *request, struct err *err);
/* {"do": what, "name": name} */
struct json account_request(struct arena *arena, const char *what, const char *name);
/* Says what was done: {"word": name} in JSON, "name words" to people. */
void account_say(const struct cli *cli, const char *word, const char *name, const char *words);

#endif
