/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include "base/parse.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void read_address(struct notify *notify, const char *path)
{
    size_t length = path == NULL ? 0 : strlen(path);
    bool good = length > 1 && length < sizeof notify->address.sun_path && (path[0] == '/' || path[0] == '@');
    if (!good) {
        return;
    }
    notify->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(notify->address.sun_path, path, length);
    notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (path[0] == '@') {
        notify->address.sun_path[0] = '\0';
    } else {
        notify->size++; /* with its NUL */
    }
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void read_watchdog(struct notify *notify)
{
    int64_t usec = 0;
    int64_t pid = 0;
    const char *whose = getenv("WATCHDOG_PID");
    const char *text = getenv("WATCHDOG_USEC");
    bool ours = whose == NULL || (parse_int(str_from(whose), 1, INT64_MAX, &pid, NULL) == 0 && pid == getpid());
    if (text != NULL && ours && parse_int(str_from(text), 1, INT64_MAX, &usec, NULL) == 0) {
        notify->every_ms = usec / 2000 > 0 ? usec / 2000 : 1;
    }
}

void notify_open(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
    read_address(notify, getenv("NOTIFY_SOCKET"));
    if (notify->fd >= 0) {
        read_watchdog(notify);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        (void)close(notify->fd);
    }
    notify->fd = -1;
}

void notify_say(const struct notify *notify, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (notify->fd < 0) {
        return;
    }
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    (void)sendto(notify->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&notify->address,
                 notify->size);
}

void notify_reloading(const struct notify *notify)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    notify_say(notify, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_alive(struct notify *notify, int64_t now_ms)
{
    if (notify->every_ms > 0 && now_ms >= notify->next_ms) {
        notify_say(notify, "WATCHDOG=1");
        notify->next_ms = now_ms + notify->every_ms;
    }
}

int notify_wait_ms(const struct notify *notify, int64_t now_ms, int timeout_ms)
{
    if (notify->every_ms == 0) {
        return timeout_ms;
    }
    int64_t left = notify->next_ms > now_ms ? notify->next_ms - now_ms : 0;
    left = left > 60000 ? 60000 : left;
    return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}
