/* SPDX-License-Identifier: Apache-2.0
 * What epoll looks at for the runner.
 */
#include "base/log.h"
#include "runner/runner.h"
#include "runner/supervise.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

void runner_watch(struct runner *runner, int fd, struct watch *watch, uint32_t events)
{
    if (fd < 0 || watch->events == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = watch};
    /* Without events a descriptor is taken out: epoll would go on to report that its other end is closed. */
    int what = watch->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    if (epoll_ctl(runner->epoll, what, fd, &event) < 0) {
        log_error("runner", "cannot watch descriptor %d: %s", fd, strerror(errno));
        return;
    }
    watch->events = events;
}

void runner_unwatch(struct runner *runner, int fd, struct watch *watch)
{
    runner_watch(runner, fd, watch, 0);
}

void runner_close_later(struct runner *runner, int take_fd, struct watch *watch)
{
    watch->events = 0;
    vec_push(&runner->closing, take_fd);
}

void runner_close_done(struct runner *runner)
{
    for (size_t i = 0; i < runner->closing.count; i++) {
        (void)epoll_ctl(runner->epoll, EPOLL_CTL_DEL, runner->closing.items[i], NULL);
        (void)close(runner->closing.items[i]);
    }
    runner->closing.count = 0;
}
