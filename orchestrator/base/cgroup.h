/* SPDX-License-Identifier: Apache-2.0
 * The control group (cgroup v2) that this process is in: is it ours to divide?
 *
 * A group may be divided when it was delegated to us (Documentation/admin-guide/cgroup-v2.rst, "Delegation"), has the
 * memory controller, and holds no processes but our own: the kernel lets no group have processes and limited groups
 * side by side, so we move to a group of our own in it, `supervisor`.
 *
 * `root` is "" but in tests: the folder that stands for `/`.
 */
#ifndef SLUICE_BASE_CGROUP_H
#define SLUICE_BASE_CGROUP_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define CGROUP_SUPERVISOR "supervisor"
/* Names the folder that stands for `/`, in tests. */
#define CGROUP_ROOT_ENV "SLUICE_CGROUP_ROOT"

struct cgroup {
    const char *folder;  /* absolute: the group that is ours to divide; NULL: there is none */
    const char *why_not; /* in words; NULL: it may be divided */
    bool inside;         /* we are in its `supervisor` already */
    bool is_whole;       /* the group of the whole machine: it may have processes and groups side by side */
    bool has_cpu;
};

/* `uid` is ours: to root everything is writable, so a mark of systemd, or a group that is `/` to us, has to say that it
 * is ours. Processes in `own` (`count` of them) do not stand in the way. */
void cgroup_find(const char *root, uid_t uid, const pid_t *own, size_t count, struct arena *arena, struct cgroup *ret);
/* The folder of the group that a process (a number, or "self") is in; NULL: there is no cgroup v2, or no such
 * process. */
const char *cgroup_of(const char *root, const char *process, struct arena *arena);
/* The trees that groups stand in: that of version 2, and of version 1 those with the controller. */
enum cgroup_tree { CGROUP_2, CGROUP_1_MEMORY, CGROUP_1_CPU, CGROUP_TREES };
/* The folders of the group that we are in and of those above it, as far as they are mounted; none where there is no
 * such tree. */
const char *const *cgroup_line(const char *root, enum cgroup_tree tree, struct arena *arena, size_t *ret_count);
/* What root is in this process: CGROUP_ROOT_ENV, or "". */
const char *cgroup_root(void);
/* How often the kernel has ended a process of the group that we are in for want of memory, whoever's limit it was: of a
 * group above, which may be a container's, or the machine's. memory.events of version 2, else memory.oom_control of
 * version 1 (Linux 4.13). -1: it is not said. */
int64_t cgroup_oom_kills(const char *root);
/* The processes of a group: how many, the first `room` of them in `pids`. */
size_t cgroup_processes(const char *folder, pid_t *pids, size_t room);
/* Writes one of the kernel's files. The err says which. */
int cgroup_write(const char *folder, const char *file, const char *text, struct err *err);
/* The number behind `key` in a file of lines "key number", or the number that is the file when `key` is NULL; -1:
 * none. */
int64_t cgroup_read(const char *folder, const char *file, const char *key);

#endif
