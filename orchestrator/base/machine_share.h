/* SPDX-License-Identifier: Apache-2.0
 * How much of the machine this process may use, with all that it starts: less than there is below taskset, in a
 * container, or as a service with limits.
 *
 * `root` is "" but in tests: the folder that stands for `/`.
 */
#ifndef SLUICE_BASE_MACHINE_SHARE_H
#define SLUICE_BASE_MACHINE_SHARE_H

#include <stdint.h>

/* Thousandths of a core, at least one core: the processors of its affinity, or what control groups allow when that is
 * less (cpu.max of version 2, cpu.cfs_quota_us of version 1, of its group and of those above). */
int64_t machine_cpu(const char *root);
/* Whole cores of that, a part of one counted as one: how many processes have something to run on. */
int machine_processors(const char *root);
/* MemTotal of /proc/meminfo, or what control groups allow when that is less (memory.max, memory.limit_in_bytes). 0: it
 * cannot be read. */
int64_t machine_memory(const char *root);

#endif
