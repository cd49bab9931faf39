/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apart.h"

#include "base/mem.h"
#include "store/activity.h"

#include <stdio.h>
#include <stdlib.h>

struct apart {
    struct file_worker *worker;
    char *path; /* of the store */
    const struct store *key_of;
    struct store *store; /* the thread's alone; NULL: nobody has asked for it */
};

int apart_open(const char *home, const struct store *key_of, struct apart **ret_apart, struct err *err)
{
    struct apart *apart = mem_alloc(sizeof *apart);
    size_t room = strlen(home) + sizeof "/sluice.db";
    *apart = (struct apart){.path = mem_alloc(room), .key_of = key_of};
    (void)snprintf(apart->path, room, "%s/sluice.db", home);
    if (file_worker_open(&apart->worker, err) < 0) {
        apart_close(apart);
        return -1;
    }
    *ret_apart = apart;
    return 0;
}

void apart_stop(struct apart *apart)
{
    file_worker_stop(apart->worker);
}

void apart_close(struct apart *apart)
{
    if (apart == NULL) {
        return;
    }
    if (apart->worker != NULL) {
        file_worker_close(apart->worker);
    }
    store_close(apart->store);
    free(apart->path);
    free(apart);
}

int apart_fd(const struct apart *apart)
{
    return file_worker_fd(apart->worker);
}

void apart_give(struct apart *apart, struct file_job *job)
{
    file_worker_give(apart->worker, job);
}

struct file_job *apart_take(struct apart *apart)
{
    return file_worker_take(apart->worker);
}

struct store *apart_store(struct apart *apart, struct err *err)
{
    if (apart->store == NULL && store_open(apart->path, STORE_READ_ONLY, &apart->store, err) == 0) {
        store_activity_share_key(apart->store, apart->key_of);
    }
    return apart->store;
}
