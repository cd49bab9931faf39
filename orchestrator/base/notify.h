/* SPDX-License-Identifier: Apache-2.0
 * What a service tells systemd, by datagrams to $NOTIFY_SOCKET (sd_notify(3)); without systemd's library. Where nobody
 * listens nothing is said.
 */
#ifndef SLUICE_BASE_NOTIFY_H
#define SLUICE_BASE_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t size;
    int64_t every_ms; /* half of WATCHDOG_USEC; 0: nobody watches */
    int64_t next_ms;  /* monotonic: when WATCHDOG=1 is due */
};

/* Reads NOTIFY_SOCKET (a path, or '@' and an abstract name), WATCHDOG_USEC and WATCHDOG_PID from the environment, and
 * takes them out of it: children are not the service. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);
/* "READY=1\nSTATUS=..." */
void notify_say(const struct notify *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* RELOADING=1 with the time that systemd wants beside it. */
void notify_reloading(const struct notify *notify);
/* Says WATCHDOG=1 when that is due. To be called once a turn. */
void notify_alive(struct notify *notify, int64_t now_ms);
/* How long one may wait before notify_alive has something to say; `timeout_ms` (-1: for ever) at most. */
int notify_wait_ms(const struct notify *notify, int64_t now_ms, int timeout_ms);

#endif
