/* SPDX-License-Identifier: Apache-2.0
 * A visit at the door of a home that another sluice holds (cli/door.h): one connection, a question at a time.
 */
#ifndef SLUICE_CLI_VISIT_H
#define SLUICE_CLI_VISIT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <sys/un.h>

enum { DOOR_PACKET_MAX = 64 << 10, DOOR_DOCUMENT_MAX = 64 << 20 };

struct visit;

/* NULL when nobody keeps the door. What a killed sluice left there does not count. */
struct visit *visit_begin(const char *home);
void visit_end(struct visit *visit);
/* The socket; readable when the holder has gone. */
int visit_fd(const struct visit *visit);

/* Asks, and waits for the answer: what the holder says, good or bad. ERR_BUSY when it has gone, ERR_IO when it does
 * not answer for a minute: it may still do what was asked, later. */
int visit_ask(struct visit *visit, const struct json *request, struct arena *arena, struct json *ret_outcome,
              struct err *err);
/* The same with a document of up to DOOR_DOCUMENT_MAX bytes beside the request, in a sealed memory file. */
int visit_ask_with(struct visit *visit, const struct json *request, struct str document, struct arena *arena,
                   struct json *ret_outcome, struct err *err);

/* Where the door is. A socket's address is short, a home's path may be long: it is reached through a descriptor of the
 * folder, which must stay open while the address is used. -1 (errno) when there is no such folder. */
int door_address(const char *home, int *ret_folder, struct sockaddr_un *ret_address);

#endif
