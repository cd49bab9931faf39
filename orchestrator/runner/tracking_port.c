/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/tracking_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

int tracking_listen(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *ret_port = 0;
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0 ||
                    getsockname(fd, (struct sockaddr *)&address, &size) < 0)) {
        (void)close(fd);
        fd = -1;
    }
    *ret_port = fd < 0 ? 0 : ntohs(address.sin_port);
    return fd;
}
