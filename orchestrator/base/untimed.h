/* SPDX-License-Identifier: Apache-2.0
 * Looking at a file, and reading it, without touching its times.
 *
 * Since Linux 6.13 a file whose times somebody has asked for gets a time of its own with its next change, and so
 * another inode with each; and each read after a change moves its time of access. A file system without a journal of
 * its own writes that inode with each sync: a second write, as long as the first. Files that are synced on and on (a
 * journal before each heir, the store with each commit) are looked at by these.
 */
#ifndef SLUICE_BASE_UNTIMED_H
#define SLUICE_BASE_UNTIMED_H

#include <sys/stat.h>

/* As fstat(2) and stat(2), but for the three times, which are 0. */
int untimed_fstat(int fd, struct stat *ret);
int untimed_stat(const char *path, struct stat *ret);

/* Reading by this descriptor leaves the time of access from now on. Where we may not say so, it goes on as it was. */
void untimed_reads(int fd);

#endif
