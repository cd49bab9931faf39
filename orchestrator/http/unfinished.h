/* SPDX-License-Identifier: Apache-2.0
 * Requests that have begun and have not come whole.
 *
 * The library asks epoll for edges, and reads until there is nothing more. A client that goes away right behind what it
 * has sent is seen in the same edge, and then never again: its connection, and the file that it was sending, would stay
 * until they have been idle for long. So those that come no further are looked at from time to time, and what has no
 * client any more is shut, which is an edge.
 */
#ifndef SLUICE_HTTP_UNFINISHED_H
#define SLUICE_HTTP_UNFINISHED_H

#include "http/exchange.h"

struct unfinished {
    struct http_exchange *first;
    int64_t look_ms; /* when they are looked at next; 0: at once, since the first has come */
};

void unfinished_add(struct unfinished *list, struct http_exchange *exchange);
/* What is not in it is left alone. */
void unfinished_remove(struct unfinished *list, struct http_exchange *exchange);
/* How long until unfinished_look has something to do; -1: there are none. */
int unfinished_wait_ms(const struct unfinished *list);
/* Shuts the connections whose client has ended its side, and from which nothing came since the last look. */
void unfinished_look(struct unfinished *list);

#endif
