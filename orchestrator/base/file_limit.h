/* SPDX-License-Identifier: Apache-2.0
 * How many descriptors this process may have open. It takes as many as it can get; programs that it starts get what it
 * was given.
 */
#ifndef SLUICE_BASE_FILE_LIMIT_H
#define SLUICE_BASE_FILE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

void file_limit_raise(void);
/* Back to what was given, around the start of a program. */
void file_limit_lower(void);
size_t file_limit(void);
/* The last eighth of the descriptors is for the steps: clients are many, and each may have a file. Makes a file just
 * opened for a client -1 with EMFILE when it has one of those. */
int file_limit_for_client(int fd);
/* Whether the next descriptor would be one of those; any that is open is needed to ask. */
bool file_limit_is_near(int fd);

#endif
