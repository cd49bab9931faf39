/* SPDX-License-Identifier: Apache-2.0
 * What is answered apart from the loop, since it may take longer than the loop has: in a thread that reads the store by
 * a connection of its own, and writes nothing.
 */
#ifndef SLUICE_API_APART_H
#define SLUICE_API_APART_H

#include "api/file_worker.h"
#include "store/store.h"

struct apart;

/* `key_of` has the key of the activity log, which the thread's connection checks it by. */
int apart_open(const char *home, const struct store *key_of, struct apart **ret_apart, struct err *err);
/* As those of file_worker. */
void apart_stop(struct apart *apart);
void apart_close(struct apart *apart);
int apart_fd(const struct apart *apart);
void apart_give(struct apart *apart, struct file_job *job);
struct file_job *apart_take(struct apart *apart);

/* In a job only: the connection, opened when it is asked for first; NULL with `err`. */
struct store *apart_store(struct apart *apart, struct err *err);

#endif
