/* SPDX-License-Identifier: Apache-2.0
 * A request that is answered when a delivery of a webhook has ended, which the engine sends.
 */
#ifndef SLUICE_API_DELIVERY_WAIT_H
#define SLUICE_API_DELIVERY_WAIT_H

#include "api/api.h"

struct delivery_wait {
    struct api_job job;
    struct api *api;
    char delivery_id[40];
    struct delivery_wait *next;
};

/* Those of one server. */
struct delivery_waits {
    struct delivery_wait *first;
    uint64_t seen; /* changes of the outbox */
};

/* Sets the exchange aside; its owner is the wait then, and `finish` is called in a turn. */
void delivery_wait_begin(struct api_call *call, const char *delivery_id,
                         int (*finish)(struct api_call *call, struct err *err));
/* One whose delivery has ended or is gone; NULL: none. */
struct api_job *delivery_waits_take(struct delivery_waits *waits, struct store *store);

#endif
