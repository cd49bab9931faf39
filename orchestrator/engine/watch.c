/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/watch.h"

#include "engine/engine_internal.h"

/* Those of runners point at their links. */
bool watch_has_woken(const struct epoll_event *events, int count)
{
    int i = 0;
    while (i < count && events[i].data.ptr != NULL) {
        i++;
    }
    return i < count;
}

int engine_watch(struct engine *engine, int fd, struct err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? err_errno(err, "watching a descriptor") : 0;
}

void engine_unwatch(struct engine *engine, int fd)
{
    (void)epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

bool engine_was_woken(const struct engine *engine)
{
    return engine->woken;
}
