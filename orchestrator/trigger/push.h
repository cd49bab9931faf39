/* SPDX-License-Identifier: Apache-2.0
 * `on: push`: which pushes a pipeline wants, and what it is told of one. Pure.
 */
#ifndef SLUICE_TRIGGER_PUSH_H
#define SLUICE_TRIGGER_PUSH_H

#include "base/json.h"

#include <stdbool.h>

struct push {
    const char *source, *repo, *branch, *after;
    const struct json *told; /* `push` of sluice-git's answer (git/request.h) */
};

/* By `branches` and `paths` below `on: push`: globs, of which one has to fit; NULL and an empty list fit all. When more
 * files have changed than are told, `paths` fit. */
bool push_is_wanted(const struct json *settings, const struct push *push);
/* The context `event`: {type, source, repo, branch, before, after, forced, paths, more_paths, commits, more_commits} */
struct json push_event(const struct push *push, struct arena *arena);

#endif
