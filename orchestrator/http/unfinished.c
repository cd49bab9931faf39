/* SPDX-License-Identifier: Apache-2.0 */
#include "http/unfinished.h"

#include "base/clock.h"
#include "http/library.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LOOK_MS = 2000 };

void unfinished_add(struct unfinished *list, struct http_exchange *exchange)
{
    if (list->first == NULL) {
        list->look_ms = 0; /* most have come whole before anybody asks the clock */
    } else {
        list->first->before = exchange;
    }
    exchange->after = list->first;
    exchange->seen = SIZE_MAX; /* it is looked at twice before anything is done */
    exchange->unfinished = true;
    list->first = exchange;
}

void unfinished_remove(struct unfinished *list, struct http_exchange *exchange)
{
    if (!exchange->unfinished) {
        return;
    }
    *(exchange->before == NULL ? &list->first : &exchange->before->after) = exchange->after;
    if (exchange->after != NULL) {
        exchange->after->before = exchange->before;
    }
    exchange->before = exchange->after = NULL;
    exchange->unfinished = false;
}

int unfinished_wait_ms(const struct unfinished *list)
{
    if (list->first == NULL) {
        return -1;
    }
    int64_t left_ms = list->look_ms - clock_monotonic_ms(&clock_system);
    return left_ms > 0 ? (int)left_ms : 0;
}

/* The client has ended its side, and all that it sent before that has been read. */
static void shut_if_gone(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        http_library.MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct tcp_info state;
    socklen_t size = sizeof state;
    int waiting = 0; /* bytes that came while this process was busy elsewhere */
    if (info != NULL && getsockopt(info->connect_fd, IPPROTO_TCP, TCP_INFO, &state, &size) == 0 &&
        (state.tcpi_state == TCP_CLOSE_WAIT || state.tcpi_state == TCP_CLOSE) &&
        ioctl(info->connect_fd, FIONREAD, &waiting) == 0 && waiting == 0) {
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    }
}

void unfinished_look(struct unfinished *list)
{
    if (list->first == NULL || unfinished_wait_ms(list) > 0) {
        return;
    }
    list->look_ms = clock_monotonic_ms(&clock_system) + LOOK_MS;
    for (struct http_exchange *exchange = list->first; exchange != NULL; exchange = exchange->after) {
        size_t got = exchange->taken + exchange->drained;
        if (got == exchange->seen && !exchange->held) {
            shut_if_gone(exchange);
        }
        exchange->seen = exchange->held ? SIZE_MAX : got;
    }
}
