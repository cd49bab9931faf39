/* SPDX-License-Identifier: Apache-2.0
 * The place of a runner in its home: <home>/runner/<id>.sock, to listen at, and <id>.log, which standard output and
 * error go to.
 */
#ifndef SLUICE_RUNNER_HOME_SOCKET_H
#define SLUICE_RUNNER_HOME_SOCKET_H

#include "base/err.h"

/* Makes the folder, redirects 0, 1 and 2, and listens (mode 0600, non-blocking). A socket that a dead runner left is
 * replaced; ERR_BUSY when a living one listens there. The working directory becomes "/". */
int home_socket_open(const char *home, const char *id, int *ret_folder, int *ret_listener, struct err *err);
/* Closes both and removes the socket, and the log if nothing was written to it. */
void home_socket_close(int take_folder, const char *id, int take_listener);

#endif
