/* SPDX-License-Identifier: Apache-2.0
 * MLflow's interface for the steps of a session's runs: at the ports of their runners, to those who show a step's
 * token. Nothing of it costs anything until the first client comes.
 */
#ifndef SLUICE_CLI_TRACKING_H
#define SLUICE_CLI_TRACKING_H

#include "api/api.h"

struct session;
struct tracking;

struct tracking *tracking_new(struct session *session);
void tracking_free(struct tracking *tracking);
/* For engine_options.tracking and tracking_gone. */
void tracking_take(void *tracking, int port, int take_fd);
void tracking_drop(void *tracking, int port);
/* What answers requests; made at the first call. NULL with `err`. */
struct api *tracking_api(struct tracking *tracking, struct err *err);
/* The session has another configuration. */
void tracking_reconfigure(struct tracking *tracking);
/* How long the engine may wait, of `timeout_ms` (-1: for ever) that it would. */
int tracking_wait_ms(struct tracking *tracking, int timeout_ms);
/* Answers what has come. Call it after each turn. -1 when the store cannot go on. */
int tracking_serve(struct tracking *tracking, struct err *err);

#endif
