/* SPDX-License-Identifier: Apache-2.0
 * Descriptors of the engine's callers, which end the wait of a turn (engine_watch).
 */
#ifndef SLUICE_ENGINE_WATCH_H
#define SLUICE_ENGINE_WATCH_H

#include <stdbool.h>
#include <sys/epoll.h>

/* Is one of the events of a descriptor of a caller's? */
bool watch_has_woken(const struct epoll_event *events, int count);

#endif
