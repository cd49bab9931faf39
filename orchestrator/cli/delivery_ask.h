/* SPDX-License-Identifier: Apache-2.0
 * Commands that have something delivered, and say what came of the first try.
 */
#ifndef SLUICE_CLI_DELIVERY_ASK_H
#define SLUICE_CLI_DELIVERY_ASK_H

#include "base/json.h"
#include "cli/cli.h"

/* Has the request (cli/webhook_change.h) done wherever the home is, waits for the try, prints it; the exit code. */
int delivery_ask(struct cli *cli, const char *doing, const struct json *request);

#endif
