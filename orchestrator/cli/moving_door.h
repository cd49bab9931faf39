/* SPDX-License-Identifier: Apache-2.0
 * The door to a server of MLflow: each request by a sluice-fetch. Who asks is said as to MLflow's own clients, by
 * MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
 */
#ifndef SLUICE_CLI_MOVING_DOOR_H
#define SLUICE_CLI_MOVING_DOOR_H

#include "cli/cli.h"
#include "move/source.h"

/* "http://..." or "https://...": true. */
bool moving_is_url(const char *given);
/* ERR_INPUT for credentials in the URL: the home keeps what a source is called. */
int moving_door_open(const struct cli *cli, const char *url, struct move_server_door *ret, struct err *err);

#endif
