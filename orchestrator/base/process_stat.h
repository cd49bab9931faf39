/* SPDX-License-Identifier: Apache-2.0
 * What the kernel says of a process in /proc/PID/stat.
 */
#ifndef SLUICE_BASE_PROCESS_STAT_H
#define SLUICE_BASE_PROCESS_STAT_H

#include <stdint.h>

enum { STAT_PARENT = 4, STAT_GROUP = 5, STAT_SESSION = 6, STAT_START_TICKS = 22 };

/* A field of /proc/PID/stat, counted from 1 as in proc(5); -1 when the process is gone or a zombie. */
int64_t process_stat(const char *pid, int wanted);

#endif
