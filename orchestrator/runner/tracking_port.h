/* SPDX-License-Identifier: Apache-2.0
 * The port at which the MLflow clients of steps find an engine.
 *
 * The runner only listens: each engine gets the socket with its hello, and answers. With no engine there, connections
 * wait in the backlog, and a step's client waits with them: it sees one address for as long as it lives.
 */
#ifndef SLUICE_RUNNER_TRACKING_PORT_H
#define SLUICE_RUNNER_TRACKING_PORT_H

/* A listening socket at a free port of 127.0.0.1, told in `*ret_port`; -1 and 0 when there can be none. */
int tracking_listen(int *ret_port);

#endif
