/* SPDX-License-Identifier: Apache-2.0
 * Who is told of a registered model, or of one of its versions, by which channel.
 */
#ifndef SLUICE_STORE_MODEL_SUBSCRIPTIONS_H
#define SLUICE_STORE_MODEL_SUBSCRIPTIONS_H

#include "store/channels.h"

#include <stdint.h>

struct model_subscription {
    int64_t id;
    const char *name;
    int64_t version; /* 0: all of the model */
    const char *actor;
    const char *channel;
    const char *address; /* of e-mail; "": the channel's own */
    int64_t created_ms;
    bool confirmed;       /* whoever reads at the address has agreed; until then nothing goes there */
    int64_t confirm_by_ms; /* until when the link that was sent there is good; 0: it is confirmed */
};

/* Sets the id, and what is known of the address; the same twice is one. The model, or version, and the channel must be
 * there; only e-mail goes to an address, which is asked first (store/mail_addresses.h). With an entry of the activity
 * log. */
int store_model_subscribe(struct store *store, const struct telling_rules *rules,
                          struct model_subscription *subscription, struct err *err);
/* The actor's own, or with `of_all` anybody's. ERR_NOT_FOUND. */
int store_model_unsubscribe(struct store *store, int64_t id, const char *actor, bool of_all, int64_t now_ms,
                            struct err *err);
/* Of a model (NULL: of all) and of an actor (NULL: of all), in the order in which they were made. */
int store_model_subscription_list(struct store *store, const char *name, const char *actor, struct arena *arena,
                                  struct model_subscription **ret, size_t *ret_count, struct err *err);
/* The model is called otherwise now, or is gone (NULL). */
int store_model_subscriptions_rename(struct store *store, const char *from, const char *to, struct err *err);

#endif
