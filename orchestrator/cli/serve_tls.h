/* SPDX-License-Identifier: Apache-2.0
 * Certificate and key of `sluice serve`: --tls-cert and --tls-key.
 */
#ifndef SLUICE_CLI_SERVE_TLS_H
#define SLUICE_CLI_SERVE_TLS_H

#include "cli/cli.h"
#include "http/server.h"

bool serve_speaks_tls(const struct cli *cli);
/* Reads both files into the options; neither when neither is given. */
int serve_tls_read(const struct cli *cli, struct http_options *http, struct err *err);
/* Once the server is open. */
void serve_tls_forget(const struct http_options *http);

#endif
